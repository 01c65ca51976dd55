"""The database itself: migrations, and what is said when it refuses."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import lookhear.jobs.migrations as migrations
from lookhear.errors import DatabaseUnavailable, InvalidSettings, StorageUnwritable
from lookhear.jobs.database import Database, database_url
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from lookhear.jobs.tables import METADATA
from support.jobs import new


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> JobSettings:
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None
    return JobSettings(storage_dir=tmp_path, database_url=url)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[JobStore]:
    """A store whose file may grow no more."""
    with JobStore(JobSettings(storage_dir=tmp_path)) as store:
        store.put(new("before"))
        sqlalchemy.event.listen(sqlalchemy.pool.Pool, "checkout", _no_growth)
        yield store
        sqlalchemy.event.remove(sqlalchemy.pool.Pool, "checkout", _no_growth)


def _no_growth(connection: sqlite3.Connection, *_: object) -> None:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages}")


def test_migrations_make_the_tables_that_the_code_knows(settings: JobSettings) -> None:
    database = Database(settings)
    database.open()
    with database.write() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    database.close()


def test_the_newest_migration_is_the_one_that_is_known_without_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_a_database_of_a_newer_version_is_left_alone(settings: JobSettings) -> None:
    with JobStore(settings):
        pass
    database = Database(settings)
    with database.write() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(InvalidSettings, match="another version"):
        database.open()
    database.close()


def test_a_start_on_tables_that_are_there_needs_no_alembic(tmp_path: Path) -> None:
    with JobStore(JobSettings(storage_dir=tmp_path)):
        pass
    code = (
        "import sys; from pathlib import Path; from lookhear.jobs.store import JobStore\n"
        "from lookhear.jobs.settings import JobSettings\n"
        f"JobStore(JobSettings(storage_dir=Path({str(tmp_path)!r}))).open(); print('alembic' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "False"


def test_a_full_disk_is_told_and_what_was_kept_stays(full: JobStore) -> None:
    with pytest.raises(StorageUnwritable, match="full") as refused:
        full.put(new(request={"much": "x" * 1_000_000}))
    assert refused.value.retryable and refused.value.http_status == 503
    assert [job.media_store_id for job in full.listed().jobs] == ["before"]
    job = full.take("w")
    assert job is not None and full.hand_back(job)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "lookhear.db").write_bytes(b"something else " * 100)
    with pytest.raises(DatabaseUnavailable, match="no database"):
        JobStore(JobSettings(storage_dir=tmp_path)).open()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnwritable):
        JobStore(JobSettings(storage_dir=tmp_path / "file")).open()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageUnwritable):
        JobStore(JobSettings(storage_dir=tmp_path)).open()


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    url = "postgresql://postgres@127.0.0.1:1/none?connect_timeout=2"
    with pytest.raises(DatabaseUnavailable, match="does not answer"):
        JobStore(JobSettings(storage_dir=tmp_path, database_url=url)).open()


def test_connections_that_the_server_ended_are_made_anew(postgresql_url: str, tmp_path: Path) -> None:
    import psycopg

    with JobStore(JobSettings(storage_dir=tmp_path, database_url=postgresql_url)) as store:
        seen = store.put(new("a")) and store.wait(5.0, 0)
        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            connection.execute(f"SELECT pg_terminate_backend(pid) {others}".encode())
        store.put(new("b"))
        assert store.stats().queue_size == 2
        assert store.wait(5.0, seen) > seen


@pytest.mark.parametrize(
    "url", ["mysql://a/b", "sqlite://", "sqlite:///:memory:", "nonsense", "postgresql://u@h:secret/a"]
)
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(InvalidSettings, match="DATABASE_URL") as refused:
        database_url(JobSettings(database_url=url))
    assert "secret" not in str(refused.value)


def test_writers_of_a_locked_file_wait_for_their_turn(tmp_path: Path) -> None:
    with JobStore(JobSettings(storage_dir=tmp_path)) as store:
        other = sqlite3.connect(tmp_path / "lookhear.db", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.2, other.execute, ["COMMIT"]).start()
        assert store.put(new()).number == 1
        other.close()
