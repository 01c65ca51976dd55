"""Statements that are put in words once.

Handing one to SQLAlchemy takes ten times as long as SQLite takes to run it, so those that every job needs go past it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Executable
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.sql import ClauseElement

_POSTGRESQL: Any = psycopg.dialect
_DIALECTS: dict[str, Any] = {
    "sqlite": sqlite.dialect(paramstyle="named"),
    "postgresql": _POSTGRESQL(),
}


class Prepared:
    """A statement of SQLAlchemy's, for either database."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._worded: dict[str, tuple[str, dict[str, Any]]] = {}

    def rows(self, connection: Connection, **values: Any) -> list[tuple[Any, ...]]:
        """All that it gives; ``values`` by the names of its parameters."""
        found: list[tuple[Any, ...]] = self._run(connection, values).fetchall()
        return found

    def row(self, connection: Connection, **values: Any) -> tuple[Any, ...] | None:
        """The one row that it gives, if any."""
        found = self.rows(connection, **values)
        assert len(found) < 2
        return found[0] if found else None

    def count(self, connection: Connection, **values: Any) -> int:
        """How many rows it changed."""
        changed: int = self._run(connection, values).rowcount
        return changed

    def _run(self, connection: Connection, values: dict[str, Any]) -> Any:
        words, constants = self._worded.get(connection.dialect.name) or self._word(connection.dialect.name)
        driver: Any = connection.connection.dbapi_connection
        return driver.execute(words, {**constants, **values})

    def _word(self, dialect: str) -> tuple[str, dict[str, Any]]:
        assert isinstance(self._statement, ClauseElement)
        compiled = self._statement.compile(dialect=_DIALECTS[dialect], compile_kwargs={"render_postcompile": True})
        constants = {name: _text(value) for name, value in (compiled.params or {}).items()}
        self._worded[dialect] = str(compiled), constants
        return self._worded[dialect]


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
