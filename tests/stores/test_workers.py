"""Workers: jobs start at once, end once, stop when they shall, and outlive those who do them."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lookhear.errors import DamagedMedium, InvalidSettings, LookhearError, ModelUnavailable
from lookhear.jobs.control import Control, Outcome
from lookhear.jobs.job import Job, Status
from lookhear.jobs.process import Process, Target
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from lookhear.jobs.worker import Perform
from lookhear.jobs.workers import Workers
from support.jobs import eventually, new
from support.services import fresh_database


@pytest.fixture
def settings(tmp_path: Path) -> JobSettings:
    return JobSettings(storage_dir=tmp_path, worker_retry_seconds=0.01, worker_poll_interval=0.05)


@contextmanager
def working(store: JobStore, work: Perform | Target, grace: float = 5.0, **changes: Any) -> Iterator[Workers]:
    workers = Workers(store, work, replace(store.settings, **changes))
    workers.start()
    try:
        yield workers
    finally:
        workers.stop(grace)


def ended(store: JobStore, job: Job) -> Job:
    def look() -> Job | None:
        now = store.get(job.id)
        return now if now is not None and now.status.final else None

    found: Job = eventually(look, 20.0)
    return found


def raising(error: BaseException) -> Callable[[Job, Control], Outcome]:
    def perform(job: Job, control: Control) -> Outcome:
        raise error

    return perform


def test_a_job_starts_at_once(store: JobStore) -> None:
    started: list[float] = []

    def perform(job: Job, control: Control) -> Outcome:
        started.append(time.perf_counter())
        return Outcome({"name": job.media_store_id})

    waits = []
    with working(store, perform, worker_poll_interval=30.0):
        for count in range(9):
            eventually(lambda: store.stats().queue_size == 0)
            put = time.perf_counter()
            job = store.put(new(str(count)))
            assert ended(store, job).result == {"name": str(count)}
            waits.append(started[-1] - put)
    assert statistics.median(waits) < 5, "nobody woke the worker"


@pytest.mark.alone
def test_a_job_put_by_another_process_starts_at_once(store: JobStore, settings: JobSettings) -> None:
    with JobStore(settings) as other, working(store, lambda job, control: Outcome(), worker_poll_interval=30.0):
        for _ in range(3):
            job = other.put(new())
            done = ended(other, job)
            assert done.started_at is not None and done.started_at - done.created_at < 1000


@pytest.mark.parametrize(
    ("error", "code", "attempts"),
    [
        (DamagedMedium("broken"), "damaged_medium", 1),
        (ModelUnavailable("no network"), "model_unavailable", 3),
        (MemoryError(), "out_of_memory", 3),
        (KeyError("x"), "internal_error", 3),
    ],
)
def test_what_can_be_helped_is_tried_again(store: JobStore, error: Exception, code: str, attempts: int) -> None:
    with JobStore(replace(store.settings, worker_max_retries=2)) as patient, working(patient, raising(error)):
        job = ended(patient, patient.put(new()))
    assert (job.status, job.error_code, job.attempts) == (Status.ERROR, code, attempts)


def test_a_result_that_is_no_json_is_an_error(store: JobStore) -> None:
    unpackable = Outcome({"set": {1}})
    with JobStore(replace(store.settings, worker_max_retries=0)) as once, working(once, lambda *_: unpackable):
        assert ended(once, once.put(new())).error_code == "internal_error"


def test_a_result_that_could_not_be_delivered(store: JobStore) -> None:
    with working(store, lambda job, control: Outcome({"a": 1}, Status.SYNC_FAILED)):
        job = ended(store, store.put(new()))
    assert (job.status, job.result) == (Status.SYNC_FAILED, {"a": 1})


def listening(stopped: list[str]) -> Perform:
    """Goes on until it is told to stop, and notes why."""

    def perform(job: Job, control: Control) -> Outcome:
        try:
            while True:
                control.progress(0.5)
                time.sleep(0.002)
        except LookhearError as error:
            stopped.append(error.code)
            raise

    return perform


@pytest.mark.parametrize("act", ["cancel", "delete"])
def test_a_running_job_is_stopped(store: JobStore, act: str) -> None:
    stopped: list[str] = []
    with working(store, listening(stopped)):
        job = store.put(new())
        eventually(lambda: store.get(job.id).status is Status.PROCESSING)  # type: ignore[union-attr]
        getattr(store, act)(job.id)
        eventually(lambda: stopped, 2.0)
    assert stopped == ["job_stopped"]
    kept = store.get(job.id)
    assert kept is None if act == "delete" else kept is not None and kept.status is Status.CANCELLED


def test_progress_is_told_but_not_all_the_time(store: JobStore) -> None:
    def perform(job: Job, control: Control) -> Outcome:
        for step in range(100):
            control.progress(step / 100)
        return Outcome()

    with working(store, perform):
        job = ended(store, store.put(new()))
    told = [event.data["progress"] for event in store.events(0, job.id) if event.kind == "progress"]
    assert told[0] == 0.0 and len(told) < 10


def test_a_job_that_takes_too_long_ends_even_if_it_does_not_listen(store: JobStore) -> None:
    release = threading.Event()

    def perform(job: Job, control: Control) -> Outcome:
        release.wait(10.0)
        return Outcome()

    with JobStore(replace(store.settings, worker_lease_seconds=0.3)) as hasty, working(hasty, perform, job_timeout=0.2):
        job = ended(hasty, hasty.put(new()))
        release.set()
    assert (job.status, job.error_code) == (Status.ERROR, "job_timed_out")
    assert [event.kind for event in store.events(0, job.id)] == ["pending", "started", "failed"]


@pytest.mark.alone
def test_the_lease_of_a_long_job_is_renewed(store: JobStore) -> None:
    def perform(job: Job, control: Control) -> Outcome:
        time.sleep(1.0)
        return Outcome()

    with JobStore(replace(store.settings, worker_lease_seconds=0.6)) as hasty, working(hasty, perform):
        job = ended(hasty, hasty.put(new()))
    assert (job.status, job.attempts) == (Status.COMPLETED, 1)


def test_a_job_in_hand_is_finished_before_the_end(store: JobStore) -> None:
    def perform(job: Job, control: Control) -> Outcome:
        time.sleep(0.2)
        return Outcome()

    with working(store, perform):
        first = store.put(new())
        eventually(lambda: store.get(first.id).status is Status.PROCESSING)  # type: ignore[union-attr]
    assert store.get(first.id).status is Status.COMPLETED  # type: ignore[union-attr]


@pytest.mark.parametrize("listens", [True, False])
def test_what_is_not_done_in_time_waits_for_others(store: JobStore, listens: bool) -> None:
    release = threading.Event()

    def deaf(job: Job, control: Control) -> Outcome:
        release.wait(20.0)
        return Outcome()

    with working(store, listening([]) if listens else deaf, grace=0.05):
        job = store.put(new())
        eventually(lambda: store.get(job.id).status is Status.PROCESSING)  # type: ignore[union-attr]
    waiting = store.get(job.id)
    assert waiting is not None and (waiting.status, waiting.error_code) == (Status.PENDING, None)
    release.set()
    assert store.take("next") is not None


def test_work_for_processes_has_a_name(store: JobStore) -> None:
    with pytest.raises(InvalidSettings):
        Workers(store, raising(KeyError()), replace(store.settings, worker_mode="processes"))


def test_a_process_that_dies_is_replaced_and_its_job_done_by_another(store: JobStore, tmp_path: Path) -> None:
    target = Target("support.jobs:noting", (str(tmp_path),))
    with working(store, target, worker_mode="processes", worker_lease_seconds=60.0, max_workers=1):
        crashing, plain = store.put(new("crash", request={"crash": True})), store.put(new("plain"))
        assert ended(store, plain).status is Status.COMPLETED
        done = ended(store, crashing)
    assert (done.status, done.attempts, done.error_code) == (Status.COMPLETED, 2, None)
    assert (tmp_path / "performed").read_text().split().count(crashing.id) == 2


def test_processes_hand_back_what_they_have_not_done(store: JobStore, tmp_path: Path) -> None:
    target = Target("support.jobs:noting", (str(tmp_path),))
    with working(store, target, grace=0.05, worker_mode="processes", max_workers=1):
        job = store.put(new(request={"seconds": 60}))
        eventually(lambda: store.get(job.id).status is Status.PROCESSING, 20.0)  # type: ignore[union-attr]
    waiting = store.get(job.id)
    assert waiting is not None and waiting.status is Status.PENDING


def test_a_process_ends_with_the_one_that_made_it(store: JobStore, tmp_path: Path) -> None:
    """Its end of the pipe is closed by whatever ends the parent."""
    process = Process(store, store.settings, Target("support.jobs:noting", (str(tmp_path),)), "orphan", None)
    process.start()
    job = store.put(new())
    ended(store, job)
    process._ours.close()
    eventually(process.dead)


def test_a_process_that_is_stuck_is_replaced(store: JobStore, tmp_path: Path) -> None:
    target = Target("support.jobs:noting", (str(tmp_path),))
    with working(
        store, target, worker_mode="processes", job_timeout=0.3, worker_lease_seconds=3.0, max_workers=1
    ) as workers:
        stuck, next = store.put(new(request={"seconds": 60})), store.put(new())
        assert ended(store, stuck).error_code == "job_timed_out"
        assert ended(store, next).status is Status.COMPLETED
        assert workers.alive == 1


def test_a_database_that_is_away_does_not_fill_the_log(
    postgresql_server: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import psycopg

    def said(words: str) -> int:
        return sum(words in one.getMessage() for one in caplog.records)

    with fresh_database(postgresql_server) as url:
        own = JobSettings(storage_dir=tmp_path, database_url=url, worker_poll_interval=0.2, worker_lease_seconds=0.3)
        name = url.rpartition("/")[2]
        with JobStore(own) as store, psycopg.connect(postgresql_server, autocommit=True) as connection:
            workers = Workers(store, lambda job, control: {}, own)
            workers.start()
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            gone = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            connection.execute(gone.encode())
            eventually(lambda: said("be looked after") > 0)
            before = said("be taken")
            eventually(lambda: said("be taken") > before + 20)
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
            workers.stop(5.0)
        assert said("be looked after") <= 4, "it is looked five times a second"
