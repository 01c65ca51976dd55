"""Everything that can happen to a job, each within a transaction that someone else began.

A worker owns a job by its name and the number of the attempt, which never comes twice. What it writes is conditional on
both, so that a job ends exactly once, even if two believe that they have it. Rows are locked in one order (queue, then
jobs, workers, figures), so that none stands in another's way. Every change is told in the transaction that makes it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection

from lookhear.errors import DuplicateJob, KeyReused, LookhearError
from lookhear.jobs import statements as sql
from lookhear.jobs.job import ANSWER, Cleaned, Job, NewJob, Status
from lookhear.jobs.prepared import Prepared
from lookhear.jobs.records import Records
from lookhear.jobs.rows import job_of, packed, plain
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.tally import Figures

_LONGEST_WAIT = 86_400.0  # s before another try
_REUSED = "This Idempotency-Key stands for another request already. Send this one with a key of its own."


class Acts:
    """On one connection, for one transaction."""

    def __init__(self, connection: Connection, settings: JobSettings) -> None:
        self._connection = connection
        self._settings = settings
        self.newest = 0  #: id of the last event told

    def put(self, new: NewJob) -> Job | LookhearError:
        """Kept and queued; or the job that has the idempotency key; or the refusal: KeyReused, DuplicateJob."""
        while True:
            if job := self._insert(new):
                self._count(sql.QUEUED, b_number=job.number, b_task_type=job.task_type, b_priority=job.priority)
                self._tell("pending", job)
                return job
            if twin := self.twin(new):
                return twin

    def _insert(self, new: NewJob) -> Job | None:
        id, request = new.id or str(uuid.uuid4()), packed(dict(new.request))
        task_type, media_store_id = plain(new.task_type), plain(new.media_store_id)
        row = sql.INSERT[self._connection.dialect.name].row(
            self._connection,
            b_id=id,
            b_contract=new.contract,
            b_task_type=task_type,
            b_media_store_id=media_store_id,
            b_priority=new.priority,
            b_request=request,
            b_unique_key=_key(new.unique),
            b_idempotency_key=_key(new.idempotency_key),
        )
        if row is None:
            return None
        given = json.loads(request)
        return Job(
            id, row[0], new.contract, task_type, media_store_id, Status.PENDING, new.priority, row[1], request=given
        )

    def twin(self, new: NewJob) -> Job | LookhearError | None:
        """What stands in the way of ``new``, as ``put`` tells it."""
        if found := self.keyed(new):
            return found
        if new.unique is None or (job := self._job(sql.TWIN, b_key=_key(new.unique))) is None:
            return None
        return DuplicateJob(f"Job {job.id} for the same is {job.status} already. Wait for it, or delete it.", job)

    def keyed(self, new: NewJob) -> Job | KeyReused | None:
        """The job that has the idempotency key, or the refusal where that was asked for otherwise."""
        key = _key(new.idempotency_key)
        job = None if key is None else self._job(sql.WITH_KEY, b_key=key)
        return job if job is None or _same(job, new) else KeyReused(_REUSED, job)

    def waiting(self) -> int:
        """Jobs in the queue that no worker has."""
        return int(sql.WAITING.rows(self._connection)[0][0])

    def take(self, worker: str, task_types: Collection[str] | None) -> Job | None:
        """The most urgent job that is ready, for ``worker``; None: there is none."""
        if task_types is not None and not task_types:
            return None
        types = sorted(set(task_types or ()))
        claimed = sql.claim(len(types)).row(
            self._connection,
            b_worker=worker,
            b_lease=round(self._settings.worker_lease_seconds * 1000),
            b_longest=self._wait(self._settings.worker_max_retries) + 1,
            **{f"b_type{index}": kind for index, kind in enumerate(types)},
        )
        if claimed is None:
            return None
        number, attempts = claimed
        job = self._job(sql.STARTED, b_number=number, b_worker=worker, b_attempts=attempts)
        assert job is not None
        self._tell("started", job)
        return job

    def beat(self, job: Job, progress: float | None) -> bool:
        """The lease is renewed; False: it is not this worker's."""
        if self._count(sql.BEAT, **_mine(job)) != 1:
            return False
        if progress is not None:
            self._count(sql.PROGRESS, b_number=job.number, b_progress=progress)
            self._tell("progress", job, progress=progress)
        return True

    def finish(self, job: Job, result: dict[str, Any], status: Status) -> Job | None:
        """Ended well; None: it is not this worker's to end."""
        packed_result = packed(result)
        if self._count(sql.LEAVE, **_mine(job)) != 1:
            return None
        if status is Status.SYNC_FAILED:
            return self._end(job.number, status, "sync_failed", result=packed_result)
        return self._end(job.number, status, "completed", result=packed_result, progress=1.0)

    def fail(self, job: Job, code: str, message: str, retry: bool, waits: bool = True) -> Job | None:
        """Queued for another try, or ended as an error; None: it is not this worker's to end."""
        row = sql.FAILURES.row(self._connection, **_mine(job))
        if row is None:
            return None
        failures: int = row[0]
        if retry and failures < self._settings.worker_max_retries:
            return self._back(job, 1, self._wait(failures) if waits else 0, code, plain(message))
        self._count(sql.LEAVE, **_mine(job))
        return self._end(job.number, Status.ERROR, "failed", code=code, message=plain(message))

    def hand_back(self, job: Job) -> Job | None:
        """Queued again, as if it had not been taken."""
        return self._back(job, 0, 0)

    def cancel(self, job: Job) -> Job | None:
        """Ended, unless it has ended before; None: it is gone."""
        self._count(sql.LEAVE_ALL, b_number=job.number)
        return self._end(job.number, Status.CANCELLED, "cancelled") or self._job(sql.JOB, b_number=job.number)

    def delete(self, job: Job) -> bool:
        """Gone, whatever it was; False: it was gone before."""
        self._count(sql.LEAVE_ALL, b_number=job.number)
        last = self._job(sql.JOB, b_number=job.number)  # nobody can end it any more
        self._count(sql.FORGET_SYNC, b_id=job.id)
        if last is None or self._count(sql.FORGET, b_number=job.number) != 1:
            return False
        self._tell_deleted(last)
        return True

    def cleanup(self, older_than_seconds: float | None, status: Status | None, most: int) -> Cleaned:
        """Some of the jobs that have ended, or of those of ``status``, are gone."""
        records = Records(self._connection)
        jobs = records.removable(older_than_seconds, status, most)
        for job in jobs:
            if not job.status.final:
                self._tell_deleted(job)
        return records.remove(jobs)

    def _tell_deleted(self, job: Job) -> None:
        """With what outlets need to answer it, since the job itself can be asked no more."""
        answer = job.request.get(ANSWER)
        self._tell("deleted", job, **({ANSWER: answer} if answer else {}))

    def expired(self) -> list[Job]:
        """Jobs whose workers are not heard of."""
        return self._jobs(sql.EXPIRED.rows(self._connection))

    def held_by(self, worker: str) -> list[Job]:
        """Jobs that ``worker``, or any of its threads, has in hand."""
        return self._jobs(sql.HELD_BY.rows(self._connection, b_worker=worker))

    def be_present(self, row: dict[str, Any]) -> None:
        """A process of workers lives, and tells that of itself."""
        sql.PRESENT[self._connection.dialect.name].count(self._connection, **row)

    def be_absent(self, name: str) -> None:
        """It does not any more."""
        self._count(sql.ABSENT, b_name=plain(name))

    def forget_silent(self) -> None:
        """Processes that are not heard of are gone from the list."""
        self._count(sql.ALL_ABSENT)

    def count(self, figures: Figures) -> None:
        """Added to what all workers did; in one order, so that none stands in another's way."""
        statement = sql.COUNTED[self._connection.dialect.name]
        for key, one in sorted(figures.items()):
            told = {"b_kind": key.kind, "b_what": plain(key.what), "b_by": plain(key.by), "b_bucket": key.bucket}
            statement.count(self._connection, **told, b_count=one.count, b_seconds=one.seconds)

    def now(self) -> int:
        """By the database's clock."""
        return int(sql.NOW.rows(self._connection)[0][0])

    def _wait(self, failures: int) -> int:
        seconds: float = self._settings.worker_retry_seconds * 2.0 ** min(failures, 30)
        return round(min(seconds, _LONGEST_WAIT) * 1000)

    def _back(
        self, job: Job, failed: int, wait: int, code: str | None = None, message: str | None = None
    ) -> Job | None:
        if self._count(sql.BACK, **_mine(job), b_failed=failed, b_wait=wait) != 1:
            return None
        waiting = self._job(sql.WAITS_AGAIN, b_number=job.number, b_code=code, b_message=message)
        assert waiting is not None
        self._tell("pending", waiting, retry_in_ms=wait)
        return waiting

    def _end(
        self,
        number: int,
        status: Status,
        kind: str,
        *,
        result: str | None = None,
        progress: float | None = None,
        code: str | None = None,
        message: str | None = None,
    ) -> Job | None:
        ended = {"b_number": number, "b_status": str(status), "b_result": result, "b_progress": progress}
        job = self._job(sql.ENDED, **ended, b_code=code, b_message=message)
        if job is not None:
            self._tell(kind, job)
        return job

    def _tell(self, kind: str, job: Job, **more: Any) -> None:
        data: dict[str, Any] = {
            "number": job.number,
            "contract": job.contract,
            "task_type": job.task_type,
            "media_store_id": job.media_store_id,
            "status": job.status,
            **more,
        }
        if job.error_code is not None:
            data["error"] = {"code": job.error_code, "message": job.error_message}
        self.newest = int(sql.TELL.rows(self._connection, b_id=job.id, b_kind=kind, b_data=packed(data))[0][0])

    def _count(self, statement: Prepared, **values: Any) -> int:
        return statement.count(self._connection, **values)

    def _job(self, statement: Prepared, **values: Any) -> Job | None:
        row = statement.row(self._connection, **values)
        return None if row is None else job_of(row)

    def _jobs(self, numbers: list[tuple[Any, ...]]) -> list[Job]:
        found = [self._job(sql.JOB, b_number=number) for (number,) in numbers]
        return [job for job in found if job is not None]


def _same(job: Job, new: NewJob) -> bool:
    """Was the job asked for in these words? What a URL gave may differ from one time to the next."""
    told = json.loads(packed(dict(new.request)))
    facts = (new.contract, plain(new.task_type), plain(new.media_store_id), new.priority)
    return facts == (job.contract, job.task_type, job.media_store_id, job.priority) and _words(told) == _words(
        job.request
    )


def _words(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if not (name == "upload" and "url" in request)}


def _mine(job: Job) -> dict[str, Any]:
    return {"b_number": job.number, "b_worker": job.worker, "b_attempts": job.attempts}


def _key(text: str | None) -> str | None:
    return None if text is None else plain(text)
