"""Everything that can happen to a job, each within a transaction that someone else began; all SQL of it.

A worker owns a job by its name and the number of the attempt, which never comes twice. What it writes is conditional on
both, so that a job ends exactly once, even if two believe that they have it. Rows are locked in one order (queue, then
jobs), so that none stands in another's way.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Update, bindparam, case, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from lookhear.errors import DuplicateJob
from lookhear.jobs.job import OPEN, Job, NewJob, Status
from lookhear.jobs.rows import SELECT_JOB, job_of, packed, plain, shown_columns
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.tables import EVENTS, JOBS, QUEUE, SYNC, now_ms

_N, _A = QUEUE.c, JOBS.c
_MINE = (
    (_N.number == bindparam("b_number"))
    & (_N.worker == bindparam("b_worker"))
    & (_N.attempts == bindparam("b_attempts"))
)


def _claim(filtered: bool) -> Update:
    # A wait longer than any that we give means that the clock was set back since.
    ready = or_(_N.ready_at <= now_ms(), _N.ready_at > now_ms() + bindparam("b_longest"))
    first = select(_N.number).where(_N.worker.is_(None), ready)
    if filtered:
        first = first.where(_N.task_type.in_(bindparam("b_types", expanding=True)))
    first = first.order_by(_N.priority.desc(), _N.number).limit(1).with_for_update(skip_locked=True)
    claimed = update(QUEUE).where(_N.number == first.scalar_subquery())
    return claimed.values(
        worker=bindparam("b_worker"), attempts=_N.attempts + 1, beat_at=now_ms(), lease_ms=bindparam("b_lease")
    ).returning(_N.number, _N.attempts)


_CLAIM = {filtered: _claim(filtered) for filtered in (False, True)}
_STARTED = (
    update(JOBS)
    .where(_A.number == bindparam("b_number"))
    .values(
        status=Status.PROCESSING,
        started_at=now_ms(),
        progress=None,
        worker=bindparam("b_worker"),
        attempts=bindparam("b_attempts"),
    )
    .returning(*shown_columns())
)
_BEAT = update(QUEUE).where(_MINE).values(beat_at=now_ms())
_PROGRESS = update(JOBS).where(_A.number == bindparam("b_number")).values(progress=bindparam("b_progress"))
_LEAVE = delete(QUEUE).where(_MINE).returning(_N.failures)
_ENDED = (
    update(JOBS)
    .where(_A.number == bindparam("b_number"), _A.status.in_(sorted(OPEN)))
    .values(
        status=bindparam("b_status"),
        completed_at=now_ms(),
        result=bindparam("b_result"),
        progress=case((bindparam("b_status") == Status.COMPLETED, 1.0), else_=_A.progress),
        error_code=bindparam("b_code"),
        error_message=bindparam("b_message"),
    )
    .returning(*shown_columns())
)
_BACK = (
    update(QUEUE)
    .where(_MINE)
    .values(
        worker=None,
        beat_at=None,
        lease_ms=None,
        failures=_N.failures + bindparam("b_failed"),
        ready_at=case((bindparam("b_wait") > 0, now_ms() + bindparam("b_wait")), else_=0),
    )
)
_WAITS_AGAIN = (
    update(JOBS)
    .where(_A.number == bindparam("b_number"))
    .values(
        status=Status.PENDING,
        worker=None,
        progress=None,
        error_code=func.coalesce(bindparam("b_code"), _A.error_code),
        error_message=func.coalesce(bindparam("b_message"), _A.error_message),
    )
    .returning(*shown_columns())
)
_FAILURES = select(_N.failures).where(_MINE).with_for_update()
_TELL = insert(EVENTS).values(at=now_ms()).returning(EVENTS.c.id)
_LEASED = select(_N.number, _N.worker, _N.attempts).where(_N.worker.is_not(None))
WAITING = select(func.count()).select_from(QUEUE).where(_N.worker.is_(None))
_QUEUED = insert(QUEUE).values(ready_at=0, failures=0, attempts=0)


class Acts:
    """On one connection, for one transaction."""

    def __init__(self, connection: Connection, settings: JobSettings) -> None:
        self._connection = connection
        self._settings = settings
        self.newest = 0  #: id of the last event told

    def put(self, new: NewJob) -> Job | DuplicateJob:
        """Kept and queued; or the job that has the idempotency key; or the refusal, with the job it doubles."""
        while True:
            job = self._insert(new)
            if job is not None:
                self._connection.execute(
                    _QUEUED, {"number": job.number, "task_type": job.task_type, "priority": job.priority}
                )
                self._tell("pending", job)
                return job
            if twin := self.twin(new):
                return twin

    def _insert(self, new: NewJob) -> Job | None:
        values = {
            "id": str(uuid.uuid4()),
            "contract": new.contract,
            "task_type": plain(new.task_type),
            "media_store_id": plain(new.media_store_id),
            "priority": new.priority,
            "request": packed(dict(new.request)),
            "unique_key": None if new.unique is None else plain(new.unique),
            "idempotency_key": None if new.idempotency_key is None else plain(new.idempotency_key),
        }
        row = self._connection.execute(_INSERT[self._connection.dialect.name], values).one_or_none()
        return None if row is None else job_of(row)

    def twin(self, new: NewJob) -> Job | DuplicateJob | None:
        """What stands in the way of ``new``, as ``put`` tells it."""
        if new.idempotency_key is not None and (job := self.first(_A.idempotency_key == plain(new.idempotency_key))):
            return job
        if new.unique is None:
            return None
        job = self.first(_A.unique_key == plain(new.unique), _A.status.in_(sorted(OPEN)))
        return job and DuplicateJob(
            f"Job {job.id} for the same is {job.status} already. Wait for it, or delete it.", job
        )

    def first(self, *conditions: Any) -> Job | None:
        """The job that meets them all."""
        row = self._connection.execute(SELECT_JOB.where(*conditions)).one_or_none()
        return None if row is None else job_of(row)

    def take(self, worker: str, task_types: Collection[str] | None) -> Job | None:
        """The most urgent job that is ready, for ``worker``; None: there is none."""
        if task_types is not None and not task_types:
            return None
        asked: dict[str, Any] = {
            "b_worker": worker,
            "b_lease": round(self._settings.worker_lease_seconds * 1000),
            "b_longest": self._wait(self._settings.worker_max_retries) + 1,
        }
        if task_types is not None:
            asked["b_types"] = sorted(task_types)
        claimed = self._connection.execute(_CLAIM[task_types is not None], asked).one_or_none()
        if claimed is None:
            return None
        started = {"b_number": claimed.number, "b_worker": worker, "b_attempts": claimed.attempts}
        job = job_of(self._connection.execute(_STARTED, started).one())
        self._tell("started", job)
        return job

    def beat(self, job: Job, progress: float | None) -> bool:
        """The lease is renewed; False: it is not this worker's."""
        if self._connection.execute(_BEAT, _mine(job)).rowcount != 1:
            return False
        if progress is not None:
            self._connection.execute(_PROGRESS, {"b_number": job.number, "b_progress": progress})
            self._tell("progress", job, progress=progress)
        return True

    def finish(self, job: Job, result: dict[str, Any], status: Status) -> Job | None:
        """Ended well; None: it is not this worker's to end."""
        if self._connection.execute(_LEAVE, _mine(job)).one_or_none() is None:
            return None
        kind = "sync_failed" if status is Status.SYNC_FAILED else "completed"
        return self._end(job.number, status, kind, result=packed(result))

    def fail(self, job: Job, code: str, message: str, retry: bool, waits: bool = True) -> Job | None:
        """Queued for another try, or ended as an error; None: it is not this worker's to end."""
        failures = self._connection.execute(_FAILURES, _mine(job)).scalar_one_or_none()
        if failures is None:
            return None
        if retry and failures < self._settings.worker_max_retries:
            return self._back(job, 1, self._wait(failures) if waits else 0, code, plain(message))
        self._connection.execute(_LEAVE, _mine(job))
        return self._end(job.number, Status.ERROR, "failed", code=code, message=plain(message))

    def hand_back(self, job: Job) -> Job | None:
        """Queued again, as if it had not been taken."""
        return self._back(job, 0, 0)

    def cancel(self, job: Job) -> Job | None:
        """Ended, unless it has ended before; None: it is gone."""
        self._connection.execute(delete(QUEUE).where(_N.number == job.number))
        return self._end(job.number, Status.CANCELLED, "cancelled") or self.first(_A.number == job.number)

    def delete(self, job: Job) -> bool:
        """Gone, whatever it was; False: it was gone before."""
        self._connection.execute(delete(QUEUE).where(_N.number == job.number))
        self._connection.execute(delete(SYNC).where(SYNC.c.job_id == job.id))
        gone = self._connection.execute(delete(JOBS).where(_A.number == job.number)).rowcount == 1
        if gone:
            self._tell("deleted", job)
        return gone

    def expired(self, workers: Collection[str] = ()) -> list[Job]:
        """Jobs whose workers are not heard of, or are among ``workers``: those have died.

        A last beat in the future means that the clock was set back since.
        """
        silent = or_(_N.beat_at + _N.lease_ms < now_ms(), _N.beat_at > now_ms() + _N.lease_ms)
        which = _N.worker.in_(workers) if workers else silent
        lost = []
        for row in self._connection.execute(_LEASED.where(which).with_for_update(skip_locked=True)).all():
            job = self.first(_A.number == row.number)
            if job is not None:
                lost.append(job)
        return lost

    def waiting(self) -> int:
        """Jobs in the queue that no worker has."""
        return self._connection.execute(WAITING).scalar_one()

    def now(self) -> int:
        """By the database's clock."""
        return self._connection.execute(select(now_ms())).scalar_one()

    def _wait(self, failures: int) -> int:
        return round(self._settings.worker_retry_seconds * 1000 * 2**failures)

    def _back(
        self, job: Job, failed: int, wait: int, code: str | None = None, message: str | None = None
    ) -> Job | None:
        if self._connection.execute(_BACK, {**_mine(job), "b_failed": failed, "b_wait": wait}).rowcount != 1:
            return None
        told = {"b_number": job.number, "b_code": code, "b_message": message}
        waiting = job_of(self._connection.execute(_WAITS_AGAIN, told).one())
        self._tell("pending", waiting, retry_in_ms=wait)
        return waiting

    def _end(self, number: int, status: Status, kind: str, **values: str) -> Job | None:
        ended = {"b_number": number, "b_status": status, "b_result": values.get("result")}
        ended |= {"b_code": values.get("code"), "b_message": values.get("message")}
        row = self._connection.execute(_ENDED, ended).one_or_none()
        if row is None:
            return None
        job = job_of(row)
        self._tell(kind, job)
        return job

    def _tell(self, kind: str, job: Job, **more: Any) -> None:
        data = {
            "number": job.number,
            "contract": job.contract,
            "task_type": job.task_type,
            "media_store_id": job.media_store_id,
            "status": job.status,
            **({"error": {"code": job.error_code, "message": job.error_message}} if job.error_code else {}),
            **more,
        }
        self.newest = self._connection.execute(
            _TELL, {"job_id": job.id, "kind": kind, "data": packed(data)}
        ).scalar_one()


def _mine(job: Job) -> dict[str, Any]:
    return {"b_number": job.number, "b_worker": job.worker, "b_attempts": job.attempts}


_VALUES = {"status": Status.PENDING, "created_at": now_ms(), "attempts": 0}
_INSERT = {
    "sqlite": sqlite.insert(JOBS).values(_VALUES).on_conflict_do_nothing().returning(*shown_columns()),
    "postgresql": postgresql.insert(JOBS).values(_VALUES).on_conflict_do_nothing().returning(*shown_columns()),
}
