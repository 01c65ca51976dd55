"""Two worker processes on PostgreSQL against one: python -m benchmarks.workers."""

from __future__ import annotations

import contextlib
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.media import HERE, recording
from lookhear.errors import DatabaseUnavailable
from lookhear.jobs.job import NewJob
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore

SERVER = os.environ.get("LOOKHEAR_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/postgres")
JOBS, TURNS, SECONDS = 12, 3, 240
TARGET = 1.8
_PATIENCE = 300.0  # s


def sections() -> Iterator[str]:
    """Lines of Markdown."""
    yield "\n## Worker processes on PostgreSQL\n"
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        yield "Not measured: there is only one core."
        return
    try:
        with _database() as url, tempfile.TemporaryDirectory(dir=HERE) as folder:
            done = _turns(Path(folder), url, cores)
    except (ImportError, DatabaseUnavailable) as error:
        yield f"Not measured: no PostgreSQL ({error}; set LOOKHEAR_POSTGRESQL)."
        return
    yield (
        f"{JOBS} jobs: `spectral` of {SECONDS // 60} minutes of MP3, no two the same bytes. `lookhear worker --workers 1`, "
        "each held to a core of its own, as on machines with one core; the database and the one who puts run beside "
        f"them. From the put to the end of the last job; medians of {TURNS} turns, in turn."
    )
    yield "\n| workers | seconds | jobs/s | times as fast | target |"
    yield "|---|---|---|---|---|"
    one, two = (statistics.median(done[count]) for count in (1, 2))
    ratio = statistics.median(first / second for first, second in zip(done[1], done[2], strict=True))
    yield f"| 1 | {one:.2f} | {JOBS / one:.2f} | 1.00 | |"
    yield f"| 2 | {two:.2f} | {JOBS / two:.2f} | {ratio:.2f} | ≥ {TARGET} |"


@contextlib.contextmanager
def _database() -> Iterator[str]:
    """URL of one that is empty, and gone afterwards."""
    import psycopg

    name = f"lookhear_bench_{secrets.token_hex(6)}"
    try:
        admin = psycopg.connect(SERVER, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(str(error).splitlines()[0]) from error
    with admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield f"{SERVER.rpartition('/')[0]}/{name}"
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _turns(folder: Path, url: str, cores: list[int]) -> dict[int, list[float]]:
    done: dict[int, list[float]] = {1: [], 2: []}
    with JobStore(JobSettings(storage_dir=folder, database_url=url)) as store:
        for turn in range(TURNS):
            for count in done:
                names = _songs(folder / "media", f"{turn}-{count}", JOBS + count)
                with _working(folder, url, cores[:count]):
                    _done(store, names[:count])  # everything is imported once
                    done[count].append(_done(store, names[count:]))
    return done


def _songs(folder: Path, prefix: str, count: int) -> list[str]:
    """One recording under other tags, so that no answer is kept from before."""
    folder.mkdir(exist_ok=True)
    song = recording("four-minutes", SECONDS).read_bytes()
    for number in range(count):
        (folder / f"{prefix}-{number}").write_bytes(song + b"TAG" + f"{prefix} {number}".encode().ljust(125, b"\0"))
    return [f"{prefix}-{number}" for number in range(count)]


@contextlib.contextmanager
def _working(folder: Path, url: str, cores: list[int]) -> Iterator[None]:
    environment = {**os.environ, "STORAGE_DIR": str(folder), "DATABASE_URL": url, "MODEL_THREADS": "1"}
    command = [str(Path(sys.executable).with_name("lookhear")), "worker", "--workers", "1"]
    with contextlib.ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen(
                    command,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    preexec_fn=partial(os.sched_setaffinity, 0, {core}),
                )
            )
            for core in cores
        ]
        for worker in workers:
            stack.callback(worker.terminate)
            assert worker.stdout is not None
            worker.stdout.readline()
        yield


def _done(store: JobStore, names: list[str]) -> float:
    """Seconds until all of them are."""
    begun = time.perf_counter()
    jobs = store.put_many([NewJob("jobs", "spectral", name) for name in names])
    left, seen = {job.id for job in jobs}, 0
    while left:
        seen = store.wait(1.0, seen)
        left = {id for id in left if (job := store.get(id)) is not None and not job.status.final}
        assert time.perf_counter() - begun < _PATIENCE, "the workers do not get done"
    took = time.perf_counter() - begun
    for job in jobs:
        ended = store.get(job.id)
        assert ended is not None and ended.status.value == "completed", ended and ended.error_message
    return took


if __name__ == "__main__":
    for line in sections():
        print(line, flush=True)
