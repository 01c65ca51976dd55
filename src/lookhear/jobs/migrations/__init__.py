"""How the tables of jobs came to be, step by step."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sql
from sqlalchemy.engine import Connection

from lookhear.errors import InvalidSettings

HEAD = "0003"  #: the newest step; known without Alembic, which takes a while to import
_ONE_AT_A_TIME = 0x6C6F6F6B  # the advisory lock of PostgreSQL; SQLite has but one writer


def migrate(connection: Connection) -> None:
    """Take the steps that the database lacks, within the transaction of ``connection``: all of them or none."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    if connection.dialect.name == "postgresql":
        connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise InvalidSettings(
            f"The database of jobs was made by another version of Lookhear ({error}). Use that, or set DATABASE_URL."
        ) from error
