"""Real servers for tests: the one that answers here, or a private one from what is installed."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.ports import free_port

_HERE = "postgresql://postgres@127.0.0.1:5432/postgres"
_UNUSED = "postgres"  # the account that a private server runs as, since it refuses to run as root


def missing(what: str) -> None:
    """Skips the test; where services are required, fails it."""
    if os.environ.get("LOOKHEAR_REQUIRE_SERVICES") == "1":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of a PostgreSQL server on which databases may be made."""
    psycopg = pytest.importorskip("psycopg")
    try:
        psycopg.connect(_HERE, connect_timeout=2).close()
    except psycopg.OperationalError:
        with private_postgresql() as server:
            yield server.url
        return
    yield _HERE


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """URL of a database that is empty, and gone afterwards."""
    with fresh_database(postgresql_server) as url:
        yield url


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """URL of an empty database on ``server``."""
    import psycopg

    name = f"lookhear_test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


class PostgreSQL:
    """A server of one's own, in a folder, from what is installed."""

    def __init__(self, folder: Path) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        found = str(programs[-1]) if programs else shutil.which("initdb")
        if found is None:
            missing("no PostgreSQL is installed")
        assert found is not None
        self._folder, self._account, port = folder, _account(), free_port()
        if self._account:
            os.chown(folder, self._account, -1)
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self._control = [str(Path(found).with_name("pg_ctl")), "-D", str(folder / "data"), "-w"]
        self._options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run([found, "-D", str(folder / "data"), "-U", "postgres", "--auth=trust", "-N"])

    def start(self) -> None:
        """It answers."""
        self._run([*self._control, "-o", self._options, "-l", str(self._folder / "log"), "start"])

    def stop(self, mode: str = "immediate") -> None:
        """It does not; ``immediate``: as if it had crashed."""
        self._run([*self._control, "-m", mode, "stop"])

    def _run(self, command: list[str]) -> None:
        subprocess.run(command, check=True, user=self._account, cwd=self._folder, stdout=subprocess.DEVNULL, timeout=60)


@contextmanager
def private_postgresql() -> Iterator[PostgreSQL]:
    """One that answers, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="lookhear-postgresql-") as name:
        server = PostgreSQL(Path(name))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _account() -> int | None:
    if os.getuid() != 0:
        return None
    for name in (_UNUSED, "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    missing("a private PostgreSQL cannot run as root, and there is no other account")
    return None
