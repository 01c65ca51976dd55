"""Those who wait for jobs hear of them at once, and cost next to nothing meanwhile."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from lookhear.jobs.bell import Bell, ring
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from support.jobs import eventually, new

_LINES = "datname = current_database() AND query LIKE '%max(id)%' AND pid <> pg_backend_pid()"


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> JobSettings:
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None
    return JobSettings(storage_dir=tmp_path, database_url=url)


@contextmanager
def no_bells() -> Iterator[None]:
    """All that the kernel gives to one user are taken."""
    library, taken = ctypes.CDLL(None), []
    while (number := library.inotify_init1(0)) >= 0:
        taken.append(number)
        if len(taken) > 10_000:
            pytest.skip("there is no end of them")
    try:
        yield
    finally:
        for number in taken:
            os.close(number)


def heard(store: JobStore, other: JobStore) -> float:
    """Seconds until ``store`` knows of a job that ``other`` puts while someone waits."""
    seen = store.wait(1.0, 0) if store.newest_known == 0 else store.newest_known
    with ThreadPoolExecutor(1) as waiter:
        woken = waiter.submit(lambda: (store.wait(30.0, seen), time.perf_counter()))
        eventually(lambda: store._watch._waiting > 0)
        other.put(new())
        begun = time.perf_counter()
        newest, at = woken.result()
    assert newest == other.newest_event()
    return at - begun


@pytest.mark.alone
def test_a_wait_ends_with_what_another_store_commits(settings: JobSettings) -> None:
    with JobStore(settings) as store, JobStore(settings) as other:
        other.put(new("first"))
        assert sorted(heard(store, other) for _ in range(9))[4] < 0.1


@pytest.mark.alone
def test_without_bells_one_looks_often(tmp_path: Path) -> None:
    settings = JobSettings(storage_dir=tmp_path)
    with no_bells():
        with JobStore(settings) as store, JobStore(settings) as other:
            other.put(new("first"))
            assert sorted(heard(store, other) for _ in range(9))[4] < 0.2
        assert Bell.hung(tmp_path / "x") is None


_WAITS = """
import sys, time
from pathlib import Path
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
with JobStore(JobSettings(storage_dir=Path(sys.argv[1]), database_url=sys.argv[2] or None)) as store:
    seen = store.newest_event()
    store.wait(0.5, seen)
    begun = time.process_time()
    store.wait(2.0, seen)
    print(time.process_time() - begun)
"""


@pytest.mark.alone
def test_waiting_costs_next_to_nothing(settings: JobSettings) -> None:
    with JobStore(settings) as store:
        store.put(new())
    # in a process of its own: threads of other tests compute, too
    arguments = [sys.executable, "-c", _WAITS, str(settings.storage_dir), settings.database_url or ""]
    told = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=True)
    assert float(told.stdout) < 0.02


def test_a_bell_rings_for_whoever_touches_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    bell = Bell.hung(path)
    assert bell is not None
    assert not bell.wait(0.0)
    path.unlink()
    path.touch()
    bell.wait(0.0)
    assert ring(path) and ring(path) and bell.wait(5.0) and not bell.wait(0.0)
    threading.Timer(0.01, bell.nudge).start()
    assert not bell.wait(30.0)
    bell.close()
    assert not ring(tmp_path / "none") and Bell.hung(tmp_path / "none") is None


def test_the_line_to_postgresql_is_made_anew_once_it_breaks(postgresql_url: str, tmp_path: Path) -> None:
    settings = JobSettings(storage_dir=tmp_path, database_url=postgresql_url)
    ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE " + _LINES
    with JobStore(settings) as store, JobStore(settings) as other, psycopg.connect(postgresql_url) as admin:
        other.put(new("first"))
        heard(store, other)
        admin.autocommit = True
        eventually(lambda: admin.execute(ended).fetchone()[0])  # type: ignore[index]
        assert heard(store, other) < 10.0


def test_an_idle_line_to_postgresql_asks_nothing(postgresql_url: str, tmp_path: Path) -> None:
    settings = JobSettings(storage_dir=tmp_path, database_url=postgresql_url)
    last = "SELECT max(query_start) FROM pg_stat_activity WHERE " + _LINES
    with JobStore(settings) as store, psycopg.connect(postgresql_url, autocommit=True) as admin:
        store.put(new())
        seen = store.wait(1.0, 0)
        store.wait(0.2, seen)
        before = admin.execute(last).fetchone()
        store.wait(2.0, seen)
        assert before is not None and before[0] is not None and admin.execute(last).fetchone() == before


def test_nothing_that_is_committed_goes_unheard(settings: JobSettings) -> None:
    """Also what comes while one asks for what came before."""
    with JobStore(settings) as store, JobStore(settings) as other:
        store.wait(1.0, 0)
        for _ in range(60):
            for name in ("1", "2", "3"):
                other.put(new(name))
            newest, seen = other.newest_event(), 0
            begun = time.monotonic()
            while seen < newest:
                seen = store.wait(5.0, seen)
                assert time.monotonic() - begun < 4.0


def test_a_process_with_a_thousand_open_files_hears_too(settings: JobSettings) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as many, JobStore(settings) as store, JobStore(settings) as other:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
        many.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1100):
            many.enter_context(Path(os.devnull).open())
        for _ in range(2):
            heard(store, other)
