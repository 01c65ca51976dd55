"""The queue does what a few lines of Python say it does, whatever comes in which order."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from sqlalchemy import text

from lookhear.errors import DuplicateJob
from lookhear.jobs.database import Database
from lookhear.jobs.job import Job, Status
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from support.jobs import new

_TRIES = 2
_ENDS = {"completed", "failed", "cancelled", "sync_failed"}


class Queue(RuleBasedStateMachine):
    """The model: of each job its status, who has it, and how often it failed."""

    put_jobs = Bundle("jobs")
    taken_jobs = Bundle("taken")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        asked = JobSettings(storage_dir=Path(self._folder.name), worker_max_retries=_TRIES, worker_retry_seconds=0.0)
        self._store = JobStore(asked)
        self._store.open()
        self._database = Database(asked)
        self.jobs: dict[str, Job] = {}
        self.status: dict[str, Status] = {}
        self.unique: dict[str, str | None] = {}
        self.held: dict[str, Job] = {}
        self.failures: dict[str, int] = {}

    def teardown(self) -> None:
        self._store.close()
        self._database.close()
        self._folder.cleanup()

    @rule(target=put_jobs, priority=st.integers(0, 10), unique=st.sampled_from([None, "a", "b"]))
    def put(self, priority: int, unique: str | None) -> str:
        twins = [id for id, key in self.unique.items() if unique and key == unique and not self.status[id].final]
        try:
            job = self._store.put(new(priority=priority, unique=unique))
        except DuplicateJob as refused:
            assert [refused.job.id] == twins
            return twins[0]
        assert twins == []
        self.jobs[job.id], self.status[job.id], self.unique[job.id] = job, Status.PENDING, unique
        self.failures[job.id] = 0
        return job.id

    @rule(target=taken_jobs, worker=st.sampled_from(["one", "two"]))
    def take(self, worker: str) -> Job | None:
        waiting = [job for id, job in self.jobs.items() if self.status[id] is Status.PENDING]
        job = self._store.take(worker)
        if not waiting:
            assert job is None
            return None
        assert job is not None
        assert job.id == min(waiting, key=lambda job: (-job.priority, job.number)).id
        self.status[job.id], self.held[job.id] = Status.PROCESSING, job
        return job

    @rule(job=taken_jobs, well=st.booleans())
    def finish(self, job: Job | None, well: bool) -> None:
        if job is not None:
            status = Status.COMPLETED if well else Status.SYNC_FAILED
            assert self._store.finish(job, {}, status) is self._leaves(job, status)

    @rule(job=taken_jobs, retry=st.booleans())
    def fail(self, job: Job | None, retry: bool) -> None:
        if job is not None:
            again = retry and self.failures.get(job.id, 0) < _TRIES
            mine = self._leaves(job, Status.PENDING if again else Status.ERROR)
            self.failures[job.id] = self.failures.get(job.id, 0) + mine
            assert (self._store.fail(job, "x", "x", retry) is not None) is mine

    @rule(job=taken_jobs)
    def hand_back(self, job: Job | None) -> None:
        if job is not None:
            assert self._store.hand_back(job) is self._leaves(job, Status.PENDING)

    @rule(job=taken_jobs)
    def beat(self, job: Job | None) -> None:
        if job is not None:
            assert self._store.beat(job, 0.5) is (self.held.get(job.id) == job)

    @rule(id=put_jobs)
    def cancel(self, id: str) -> None:
        job = self._store.cancel(id)
        assert (job is None) is (id not in self.jobs)
        if id in self.jobs and not self.status[id].final:
            self.status[id] = Status.CANCELLED
            self.held.pop(id, None)

    @rule(id=put_jobs)
    def delete(self, id: str) -> None:
        assert (self._store.delete(id) is not None) is (id in self.jobs)
        for kept in (self.jobs, self.status, self.unique, self.held, self.failures):
            kept.pop(id, None)

    @rule()
    def lose_all_workers(self) -> None:
        with self._database.write() as connection:
            connection.execute(text("UPDATE queue SET beat_at = beat_at - 40000"))
        assert self._store.reclaim() == len(self.held)
        for id in list(self.held):
            again = self.failures[id] < _TRIES
            self.failures[id] += 1
            self.status[id] = Status.PENDING if again else Status.ERROR
            del self.held[id]

    def _leaves(self, job: Job, status: Status) -> bool:
        """The model of what a worker ends: only what it has."""
        if self.held.get(job.id) != job:
            return False
        del self.held[job.id]
        self.status[job.id] = status
        return True

    @invariant()
    def the_store_agrees(self) -> None:
        assert {job.id: job.status for job in self._store.listed(limit=1000).jobs} == self.status
        counts = self._store.stats()
        assert counts.queue_size == sum(status is Status.PENDING for status in self.status.values())

    @invariant()
    def each_job_ended_at_most_once(self) -> None:
        ends: dict[str, int] = {}
        for event in self._store.events(0, limit=10_000):
            ends[event.job_id] = ends.get(event.job_id, 0) + (event.kind in _ENDS)
        for id, status in self.status.items():
            assert ends.get(id, 0) == status.final


TestQueue = Queue.TestCase
TestQueue.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
