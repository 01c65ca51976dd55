"""Workers as they are seen: while they live, while they work, and no longer than that; and what all of them did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from lookhear.jobs.control import Control, Outcome, Pulse
from lookhear.jobs.database import Database
from lookhear.jobs.job import Job, Status, WorkerSeen
from lookhear.jobs.presence import About, Presence
from lookhear.jobs.process import Target
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from lookhear.jobs.tally import JOB, TASK, Figure, Key, Tally, means
from lookhear.jobs.workers import Workers
from support.jobs import eventually, new


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> JobSettings:
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None
    return JobSettings(storage_dir=tmp_path, database_url=url, worker_poll_interval=0.05)


class Performing:
    """Works as long as it is held back; fails where it is asked to."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.tally = Tally()
        self.about = About(lambda: ["small@1"], "cpu", self.tally)

    def __call__(self, job: Job, control: Control) -> Outcome:
        assert self.may_end.wait(30.0)
        if job.request.get("fails"):
            raise ValueError("as asked")
        self.tally.add(TASK, "mir", "small", 0.25)
        return Outcome()


@contextmanager
def working(store: JobStore, performing: Performing, **changes: int) -> Iterator[Workers]:
    workers = Workers(store, performing, replace(store.settings, **changes), task_types=["embedding", "mir"])
    workers.start()
    try:
        yield workers
    finally:
        performing.may_end.set()
        workers.stop(5.0)


def only(store: JobStore, as_wished: Callable[[WorkerSeen], bool]) -> WorkerSeen:
    """The one worker, once it is as wished."""
    found: list[WorkerSeen] = eventually(lambda: [one for one in store.workers() if as_wished(one)])
    (one,) = found
    return one


def test_workers_are_seen_while_they_live(store: JobStore) -> None:
    performing = Performing()
    jobs = store.put_many([new("1"), new("2", request={"fails": True})])
    with JobStore(replace(store.settings, worker_max_retries=0)) as once, working(once, performing, max_workers=2):
        busy = only(store, lambda one: len(one.jobs) == 2)
        assert (busy.state, busy.slots, busy.task_types) == ("busy", 2, ("embedding", "mir"))
        assert {job.id for job in busy.jobs} == {job.id for job in jobs}
        assert (busy.pid, busy.device, busy.models, busy.done) == (os.getpid(), "cpu", ("small@1",), 0)
        assert busy.memory_mb > 1 and busy.beat_at >= busy.started_at > 0
        performing.may_end.set()
        idle = only(store, lambda one: one.done + one.failed == 2)
        assert (idle.state, idle.done, idle.failed, idle.jobs) == ("idle", 1, 1, ())
        assert idle.started_at == busy.started_at
    assert store.workers() == []
    figures = store.figures()
    assert figures[Key(TASK, "mir", "small", 4)] == Figure(1, 0.25)
    assert {key.by: one.count for key, one in figures.items() if key.kind == JOB} == {"completed": 1, "error": 1}
    assert means(figures, TASK) == {"mir": 0.25}


def test_workers_that_stop_say_so(store: JobStore) -> None:
    performing = Performing()
    store.put(new())
    with working(store, performing, max_workers=1) as workers:
        only(store, lambda one: one.state == "busy")
        stopping = threading.Thread(target=workers.stop)
        stopping.start()
        only(store, lambda one: one.state == "stopping" and len(one.jobs) == 1)
        performing.may_end.set()
        stopping.join()


def test_who_is_not_heard_of_is_not_seen_and_forgotten(store: JobStore, settings: JobSettings) -> None:
    presence = Presence("elsewhere", settings, None, 1, About())
    store.pulse([], presence)
    database = Database(settings)
    for jump in (-31_000, 31_000):
        with database.write() as connection:
            connection.execute(text(f"UPDATE workers SET beat_at = beat_at + {jump}"))
        if jump < 0:
            assert store.workers() == []
        store.reclaim()
        with database.read() as connection:
            assert connection.execute(text("SELECT count(*) FROM workers")).scalar_one() == 0
        store.pulse([], presence)
        assert [one.name for one in store.workers()] == ["elsewhere"]
    database.close()


def test_an_idle_worker_writes_once_a_beat(store: JobStore, settings: JobSettings) -> None:
    pulse = Pulse(store, Presence("idle", settings, None, 1, About()))
    first = only(store, lambda one: one.name == "idle")
    time.sleep(2.5)
    assert only(store, lambda one: True) == first
    pulse.close()
    assert store.workers() == []


def test_what_could_not_be_told_is_told_later(store: JobStore, settings: JobSettings) -> None:
    presence = Presence("counting", settings, None, 1, About())
    presence.tally.add(TASK, "mir", "", 1.0)
    with pytest.raises(AttributeError):
        store.pulse([None], presence)  # type: ignore[list-item]
    assert store.figures() == {}
    store.pulse([], presence)
    presence.tally.add(TASK, "mir", "", 1.0)
    store.leave(presence)
    assert store.figures() == {Key(TASK, "mir", "", 6): Figure(2, 2.0)}


def test_each_process_is_seen(store: JobStore, tmp_path: Path) -> None:
    target = Target("support.jobs:noting", (str(tmp_path),))
    workers = Workers(store, target, replace(store.settings, worker_mode="processes", worker_lease_seconds=60.0))
    workers.start()
    try:
        eventually(lambda: len(store.workers()) == 2)
        seen = store.workers()
        assert len({one.pid for one in seen} | {os.getpid()}) == 3
        job = store.put(new(request={"seconds": 60}))
        busy = next(one for one in eventually(lambda: [one for one in store.workers() if one.jobs]))
        assert [one.id for one in busy.jobs] == [job.id]
        os.kill(busy.pid, signal.SIGKILL)
        eventually(lambda: busy.name not in {one.name for one in store.workers()})
        eventually(lambda: len(store.workers()) == 2)
    finally:
        workers.stop(0.1)
    assert store.workers() == []


_WORK = """
import sys
from dataclasses import replace
from pathlib import Path
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from lookhear.jobs.workers import Workers
from support.jobs import noting

settings = JobSettings(storage_dir=Path(sys.argv[1]), database_url=sys.argv[2] or None, worker_lease_seconds=600.0)
with JobStore(settings) as store:
    Workers(store, noting(sys.argv[1]), settings).start()
    input()
"""


def test_the_job_of_a_neighbour_that_is_killed_waits_no_lease_out(store: JobStore, settings: JobSettings) -> None:
    arguments = [str(settings.storage_dir), settings.database_url or ""]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _WORK, *arguments]
    performing = Performing()
    performing.may_end.set()
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as process:
        job = store.put(new(request={"seconds": 600}))
        eventually(lambda: store.get(job.id).status is Status.PROCESSING)  # type: ignore[union-attr]
        with working(store, performing, max_workers=1):
            only(store, lambda one: one.pid == process.pid and len(one.jobs) == 1)
            process.kill()
            killed = time.monotonic()
            eventually(lambda: store.get(job.id).status is Status.COMPLETED)  # type: ignore[union-attr]
            assert time.monotonic() - killed < 5.0
            assert [one.pid for one in store.workers()] == [os.getpid()]
    done = store.get(job.id)
    assert done is not None and done.attempts == 2


def test_leases_are_renewed_though_nobody_knows_the_models(store: JobStore, settings: JobSettings) -> None:
    def broken() -> list[str]:
        raise KeyError("models")

    store.put(new())
    job = store.take("puzzled.1")
    assert job is not None
    assert store.pulse([job], Presence("puzzled", settings, None, 1, About(broken))) == []
    (seen,) = store.workers()
    assert (seen.models, [one.id for one in seen.jobs]) == ((), [job.id])
    store.delete(job.id)
    assert store.pulse([job], Presence("puzzled", settings, None, 1, About())) == [job]
