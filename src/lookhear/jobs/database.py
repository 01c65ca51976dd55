"""The database of jobs: SQLite in a file, or PostgreSQL; opened, migrated, and its refusals in clear words.

SQLite runs with a write-ahead log: readers and the one writer do not wait for each other, and what is committed survives
the death of any process (kill -9) whatever ``synchronous`` says. It would not survive a power cut under NORMAL, which
does not wait for the disk. So whatever a caller is told of as kept (jobs put, cancelled, deleted) is committed under FULL,
which does and takes everything before along; what workers write is under NORMAL: after a power cut a job whose last steps
are missing is done again.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sql
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lookhear.errors import DatabaseUnavailable, InvalidSettings, LookhearError, StorageUnwritable, Unsupported
from lookhear.jobs.migrations import HEAD, migrate
from lookhear.jobs.settings import JobSettings

_PATIENCE = 30.0  # s that a writer waits for others
_BETWEEN = 0.0005  # s between looks at whether it is our turn
_CLASHES = {"40P01", "40001"}  # deadlock, serialization failure: nothing was done, and again it will do
_TRIES = 5
_NONE = "There are no jobs in {}. Start 'lookhear serve', or set DATABASE_URL or STORAGE_DIR to where they are."
_Made = TypeVar("_Made")


def database_url(settings: JobSettings) -> URL:
    """Where jobs are kept. Raises InvalidSettings for what is neither SQLite in a file nor PostgreSQL."""
    if not settings.database_url:
        return URL.create("sqlite", database=str(settings.storage_dir / "lookhear.db"))
    try:
        url = make_url(settings.database_url)
    except (ArgumentError, ValueError):  # which may tell a part of the password
        raise InvalidSettings("DATABASE_URL is no URL. Give sqlite:///path or postgresql://user@host/name.") from None
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    in_file = url.drivername == "sqlite" and url.database and url.database != ":memory:"
    if in_file or url.drivername == "postgresql+psycopg":
        return url
    raise InvalidSettings(
        f"DATABASE_URL begins with {url.drivername}://. Give sqlite:///path (a file) or postgresql://user@host/name."
    )


class Database:
    """Connections to one database, for any number of threads."""

    def __init__(self, settings: JobSettings) -> None:
        self.url = database_url(settings)
        self.sqlite = self.url.drivername == "sqlite"
        self._engine = _engine(self.url, self.sqlite)
        self._writing = {durable: self._engine.execution_options(lookhear_durable=durable) for durable in (False, True)}
        # Of SQLite nothing is begun for readers, which comes to the same.
        self._reading = self._engine if self.sqlite else self._engine.execution_options(isolation_level="AUTOCOMMIT")
        # Threads queue here, since SQLite would let them sleep and try again.
        self._turn: Any = threading.Lock() if self.sqlite else nullcontext()

    @property
    def path(self) -> Path:
        """The file of SQLite."""
        return Path(self.url.database or "")

    def open(self) -> None:
        """The tables are there and up to date, whoever else starts at the same time."""
        with self._clearly():
            if self.sqlite:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                _write_ahead(self.path)
            if self._revision() != HEAD:
                with self._writing[True].begin() as connection:
                    migrate(connection)

    def look(self) -> None:
        """The tables are there and of this version; nothing is made. Raises DatabaseUnavailable."""
        if self.sqlite and not self.path.is_file():
            raise DatabaseUnavailable(_NONE.format(self.where))
        with self._clearly():
            revision = self._revision()
        if revision is None:
            raise DatabaseUnavailable(_NONE.format(self.where))
        if revision != HEAD:
            raise DatabaseUnavailable(
                f"The database {self.where} is of another version of Lookhear. Start this one once: lookhear serve."
            )

    @property
    def where(self) -> str:
        """For people: no user, no password."""
        if self.sqlite:
            return f"SQLite {self.path}"
        return f"PostgreSQL {self.url.host or 'at the local socket'}/{self.url.database}"

    def close(self) -> None:
        """Connections are closed; a later use makes new ones."""
        self._engine.dispose()

    @contextmanager
    def write(self, durable: bool = False) -> Iterator[Connection]:
        """A transaction that is committed at the end, unless something is raised; ``durable``: safe from power cuts."""
        with self._clearly(), self._turn, self._writing[durable].begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection whose every statement sees what is committed."""
        with self._clearly(), self._reading.connect() as connection:
            yield connection

    def clashing(self, act: Callable[[], _Made]) -> _Made:
        """``act``, again when the database undid it because it stood in another's way."""
        for _ in range(_TRIES - 1):
            try:
                return act()
            except Exception as error:
                if _state(_driver(error)) not in _CLASHES:
                    raise
        with self._clearly(final=True):
            return act()

    def _revision(self) -> str | None:
        with self._engine.connect() as connection:
            if not sql.inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(sql.text("SELECT version_num FROM alembic_version")).scalar()

    @contextmanager
    def _clearly(self, final: bool = False) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise DatabaseUnavailable("All connections to the database are in use. Try again in a moment.") from error
        except OSError as error:
            raise StorageUnwritable(f"The folder of {self.path} cannot be made: {error.strerror}.") from error
        except Exception as error:
            told = _told(_driver(error), self.url, final)
            if told is None:
                raise
            raise told from error


def _engine(url: URL, sqlite: bool) -> Engine:
    try:
        if not sqlite:
            return sql.create_engine(url, pool_pre_ping=True, pool_size=8, max_overflow=24)
        engine = sql.create_engine(
            url, connect_args={"timeout": _PATIENCE, "isolation_level": None}, pool_size=8, max_overflow=56
        )
    except (ImportError, NoSuchModuleError) as error:
        raise Unsupported("PostgreSQL needs a driver: pip install 'lookhear[postgres]'.") from error
    sql.event.listen(engine, "connect", _set_up)
    sql.event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA wal_autocheckpoint=4000")
    connection.execute("PRAGMA journal_size_limit=67108864")


def _begin(connection: Connection) -> None:
    """A lock for writing from the start: one taken later may be refused without waiting."""
    durable = connection.get_execution_options().get("lookhear_durable")
    if durable is not None:
        file: Any = connection.connection.dbapi_connection
        file.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        file.execute("PRAGMA busy_timeout=0")
        try:
            _patiently(lambda: file.execute("BEGIN IMMEDIATE"), _BETWEEN)
        finally:
            file.execute(f"PRAGMA busy_timeout={round(_PATIENCE * 1000)}")


def _patiently(act: Callable[[], object], between: float) -> None:
    """Until no other process is in the way. SQLite itself would look again ever more seldom, up to 0.1 s apart."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            act()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(between)


def _write_ahead(path: Path) -> None:
    """The switch to a write-ahead log, which lasts; while others do the same it is refused without waiting."""
    connection = sqlite3.connect(path, timeout=_PATIENCE)
    try:
        _patiently(lambda: connection.execute("PRAGMA journal_mode=WAL"), 20 * _BETWEEN)
    finally:
        connection.close()


def _driver(error: BaseException) -> BaseException:
    """What the driver said, however it came here."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _state(error: BaseException) -> str | None:
    return getattr(error, "sqlstate", None)


def _told(error: BaseException, url: URL, final: bool) -> LookhearError | None:
    if isinstance(error, sqlite3.Error):
        return _sqlite_told(error, str(url.database))
    if not hasattr(error, "sqlstate"):
        return None
    lost = error.sqlstate is None and "OperationalError" in {kind.__name__ for kind in type(error).__mro__}
    state, place = _state(error), f"{url.host or 'the local socket'}"
    if state in _CLASHES:
        return DatabaseUnavailable("Others kept changing the same jobs. Try again.") if final else None
    if state == "53100":
        return StorageUnwritable(f"The disk of the database at {place} is full. Free some space there.")
    if state in ("25006", "42501"):
        return StorageUnwritable(f"The database at {place} may not be written to. Check DATABASE_URL and its rights.")
    if lost or (state or "")[:2] in ("08", "28", "53", "57", "58") or state == "3D000":
        return DatabaseUnavailable(
            f"The database at {place} does not answer ({_first_line(error)}). Check DATABASE_URL."
        )
    return None


def _sqlite_told(error: sqlite3.Error, path: str) -> LookhearError | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StorageUnwritable(f"The disk of {path} is full. Free some space.")
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StorageUnwritable(f"Writing to {path} failed ({error}). Check its disk and permissions.")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DatabaseUnavailable(f"{path} was locked for too long by another process. Try again.")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DatabaseUnavailable(f"{path} is damaged, or no database. Move it away, or set DATABASE_URL to another.")
    return None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or ["no answer"])[0]
