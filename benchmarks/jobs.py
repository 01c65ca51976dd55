"""The queue of jobs on SQLite: how fast jobs come in and go out, and how soon one starts."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lookhear.jobs.control import Control, Outcome
from lookhear.jobs.job import Job, NewJob
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from lookhear.jobs.workers import Workers

HERE = Path(__file__).parent
JOBS, CLIENTS, STARTS = 4000, 16, 50


def sections() -> Iterator[str]:
    """Lines of Markdown."""
    yield "\n## The queue of jobs, on SQLite\n"
    yield "Every job that is put is on the disk before the caller is told (fsync); callers at once share the wait."
    yield "\n| | measured | target |"
    yield "|---|---|---|"
    with tempfile.TemporaryDirectory(dir=HERE) as folder, JobStore(JobSettings(storage_dir=Path(folder))) as store:
        yield f"| put by one caller, jobs/s | {_put(store, 1):.0f} | |"
        yield f"| put by {CLIENTS} callers at once, jobs/s | {_put(store, CLIENTS):.0f} | ≥ 1000 |"
        yield f"| put in one go, jobs/s | {_put_many(store):.0f} | ≥ 1000 |"
        yield f"| taken and finished by one worker, jobs/s | {_finish(store):.0f} | ≥ 500 |"
        starts = [1000 * one for one in sorted(_starts(store))]
        middle = statistics.median(starts)
        yield f"| from put to start in an idle worker, ms | {middle:.1f}, at most {starts[-1]:.1f} | ≤ 20 |"
    with tempfile.TemporaryDirectory(dir=HERE) as folder, JobStore(JobSettings(storage_dir=Path(folder))) as store:
        _put_many(store)
        yield f"| done by two threads of workers that do nothing, jobs/s | {_done(store):.0f} | ≥ 500 |"


def _new(number: int) -> NewJob:
    return NewJob("jobs", "nothing", str(number), unique=f"nothing {time.monotonic_ns()} {number}")


def _timed(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def _put(store: JobStore, callers: int) -> float:
    each = JOBS // 4 // callers

    def call() -> None:
        for number in range(each):
            store.put(_new(number))

    threads = [threading.Thread(target=call) for _ in range(callers)]

    def all_of_them() -> None:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return each * callers / _timed(all_of_them)


def _put_many(store: JobStore) -> float:
    new = [_new(number) for number in range(JOBS)]
    return JOBS / _timed(lambda: store.put_many(new))


def _finish(store: JobStore) -> float:
    done = 0
    begin = time.perf_counter()
    while job := store.take("bench"):
        store.finish(job, {})
        done += 1
    return done / (time.perf_counter() - begin)


def _done(store: JobStore) -> float:
    def wait() -> None:
        while store.waiting():
            time.sleep(0.01)

    workers = Workers(store, lambda job, control: Outcome(), store.settings)
    begin = time.perf_counter()
    workers.start()
    wait()
    workers.stop()
    return store.stats().by_status["completed"] / (time.perf_counter() - begin)


def _starts(store: JobStore) -> list[float]:
    started: list[float] = []

    def perform(job: Job, control: Control) -> Outcome:
        started.append(time.perf_counter())
        return Outcome()

    waits = []
    workers = Workers(store, perform, store.settings)
    workers.start()
    for number in range(STARTS):
        time.sleep(0.05)
        put = time.perf_counter()
        store.put(_new(number))
        while len(started) <= number:
            time.sleep(0.0005)
        waits.append(started[-1] - put)
    workers.stop()
    return waits


if __name__ == "__main__":
    for line in sections():
        print(line, flush=True)
