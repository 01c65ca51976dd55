"""What can be read of jobs, and what is taken away when it is old; all SQL of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Float, cast, delete, func, select

from lookhear.errors import InvalidOptions
from lookhear.jobs.cursors import ENDS, expire_events, lowest_seen
from lookhear.jobs.here import Where
from lookhear.jobs.job import Cleaned, Event, InHand, Job, Page, Stats, Status, Sync, WorkerSeen
from lookhear.jobs.prepared import Prepared
from lookhear.jobs.rows import SELECT_EVENT, SELECT_JOB, event_of, job_of, plain, worker_of
from lookhear.jobs.statements import INSERTS, KEEP, KEPT, WAITING
from lookhear.jobs.tables import ANSWERS, EVENTS, FIGURES, JOBS, QUEUE, SYNC, WORKERS, now_ms
from lookhear.jobs.tally import Figure, Key

_DAY, _MINUTE = 86_400_000, 60_000
_ENDED = (Status.COMPLETED, Status.SYNC_FAILED, Status.ERROR)
_MOST = (1 << 63) - 1
_NEWEST = select(func.coalesce(func.max(EVENTS.c.id), 0))


class Records:
    """On one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def job(self, statement: Prepared, **values: Any) -> Job | None:
        """The one that it finds."""
        row = statement.row(self._connection, **values)
        return None if row is None else job_of(row)

    def of_ids(self, ids: Collection[str]) -> dict[str, Job]:
        """Those that there are, by their ids."""
        rows = self._connection.execute(SELECT_JOB.where(JOBS.c.id.in_(ids)))
        return {job.id: job for job in map(job_of, rows)}

    def listed(self, status: Status | None, task_type: str | None, limit: int, cursor: str | None) -> Page:
        """Newest first. Raises InvalidOptions for a cursor that none of ours is."""
        asked = SELECT_JOB.order_by(JOBS.c.number.desc()).limit(limit + 1)
        if status is not None:
            asked = asked.where(JOBS.c.status == status)
        if task_type is not None:
            asked = asked.where(JOBS.c.task_type == plain(task_type))
        if cursor is not None:
            asked = asked.where(JOBS.c.number < _number(cursor))
        jobs = tuple(job_of(row) for row in self._connection.execute(asked))
        return Page(jobs[:limit], str(jobs[limit - 1].number) if len(jobs) > limit else None)

    def events(self, after: int, job_id: str | None, limit: int, kinds: Collection[str] | None = None) -> list[Event]:
        """Those that came later (of these kinds), in order."""
        asked = SELECT_EVENT.where(EVENTS.c.id > min(after, _MOST)).order_by(EVENTS.c.id).limit(limit)
        if job_id is not None:
            asked = asked.where(EVENTS.c.job_id == plain(job_id))
        if kinds is not None:
            asked = asked.where(EVENTS.c.kind.in_(kinds))
        return [event_of(row) for row in self._connection.execute(asked)]

    def newest_event(self) -> int:
        """Its id; 0: there was none."""
        return int(self._connection.execute(_NEWEST).scalar_one())

    def lost(self, jobs: Sequence[Job]) -> list[Job]:
        """Those of them that are no longer the worker's who took them."""
        asked = select(QUEUE.c.number, QUEUE.c.worker, QUEUE.c.attempts)
        rows = self._connection.execute(asked.where(QUEUE.c.number.in_([job.number for job in jobs])))
        held = {tuple(row) for row in rows}
        return [job for job in jobs if (job.number, job.worker, job.attempts) not in held]

    def waiting(self) -> int:
        """Jobs in the queue that no worker has."""
        return int(WAITING.rows(self._connection)[0][0])

    def stats(self) -> Stats:
        """Counts, each by one query."""
        kinds: dict[str, dict[str, int]] = {}
        by_status = {status.value: 0 for status in Status}
        counts = select(JOBS.c.task_type, JOBS.c.status, func.count()).group_by(JOBS.c.task_type, JOBS.c.status)
        for task_type, status, count in self._connection.execute(counts):
            kinds.setdefault(task_type, {})[status] = count
            by_status[status] += count
        first = select(func.min(QUEUE.c.number)).where(QUEUE.c.worker.is_(None)).scalar_subquery()
        oldest = select((now_ms() - JOBS.c.created_at) / 1000.0).where(JOBS.c.number == first)
        waited = self._connection.execute(oldest).scalar_one_or_none()
        ended = JOBS.c.completed_at >= now_ms() - now_ms() % _DAY
        today = select(func.count()).where(JOBS.c.status == Status.COMPLETED, ended)
        means, mean = self._means()
        return Stats(
            by_status=by_status,
            by_task_type=kinds,
            queue_size=self.waiting(),
            oldest_waiting=None if waited is None else max(0.0, float(waited)),
            completed_today=self._connection.execute(today).scalar_one(),
            mean_ms=mean,
            mean_ms_by_task_type=means,
        )

    def _means(self) -> tuple[dict[str, float], float | None]:
        took = cast(func.sum(JOBS.c.completed_at - JOBS.c.started_at), Float)
        asked = (
            select(JOBS.c.task_type, took, func.count())
            .where(JOBS.c.status == Status.COMPLETED, JOBS.c.completed_at.is_not(None))
            .group_by(JOBS.c.task_type)
        )
        rows = [(kind, total, count) for kind, total, count in self._connection.execute(asked)]
        means = {kind: total / count for kind, total, count in rows}
        jobs = sum(count for _, _, count in rows)
        return means, sum(total for _, total, _ in rows) / jobs if jobs else None

    def workers(self) -> list[tuple[WorkerSeen, Where]]:
        """Processes of workers that are heard of, the oldest first, and where each is."""
        heard = WORKERS.c.beat_at + WORKERS.c.lease_ms >= now_ms()
        rows = self._connection.execute(
            select(WORKERS).where(heard).order_by(WORKERS.c.started_at, WORKERS.c.name)
        ).all()
        names = {row.name for row in rows}
        hands: dict[str, list[InHand]] = {}
        asked = select(QUEUE.c.worker, JOBS.c.id, JOBS.c.task_type).join(JOBS, JOBS.c.number == QUEUE.c.number)
        for worker, id, task_type in self._connection.execute(asked.where(QUEUE.c.worker.is_not(None))):
            whose = worker if worker in names else worker.rpartition(".")[0]  # of a thread
            hands.setdefault(whose, []).append(InHand(id, task_type))
        return [worker_of(row, tuple(hands.get(row.name, ()))) for row in rows]

    def figures(self) -> dict[Key, Figure]:
        """What workers did."""
        rows = self._connection.execute(select(FIGURES))
        return {Key(row.kind, row.what, row.by, row.bucket): Figure(row[4], row.seconds) for row in rows}

    def rates(self) -> dict[str, float]:
        """Jobs that ended per minute, over the last minute and the last ten."""
        return {"minute": self._ended_within(1), "ten_minutes": self._ended_within(10)}

    def _ended_within(self, minutes: int) -> float:
        late = JOBS.c.completed_at >= now_ms() - minutes * _MINUTE
        asked = select(func.count()).where(JOBS.c.status.in_(_ENDED), JOBS.c.completed_at.is_not(None), late)
        return int(self._connection.execute(asked).scalar_one()) / minutes

    def removable(self, older_than_seconds: float | None, status: Status | None, most: int) -> list[Job]:
        """Some of the jobs that have ended, or of those of ``status``; never what a worker has in hand.

        Nor those whose end an outlet has still to be told of.
        """
        asked = SELECT_JOB.where(JOBS.c.status != Status.PROCESSING, ~_untold())
        asked = asked.where(JOBS.c.status == status if status else JOBS.c.status != Status.PENDING)
        if older_than_seconds is not None:
            since = func.coalesce(JOBS.c.completed_at, JOBS.c.created_at)
            asked = asked.where(since < now_ms() - round(older_than_seconds * 1000))
        rows = self._connection.execute(asked.limit(most).with_for_update(skip_locked=True, of=JOBS))
        return [job_of(row) for row in rows]

    def remove(self, jobs: Sequence[Job]) -> Cleaned:
        """They are gone."""
        numbers, ids = [job.number for job in jobs], [job.id for job in jobs]
        entries = self._connection.execute(delete(QUEUE).where(QUEUE.c.number.in_(numbers))).rowcount
        self._connection.execute(delete(JOBS).where(JOBS.c.number.in_(numbers)))
        self._connection.execute(delete(SYNC).where(SYNC.c.job_id.in_(ids)))
        return Cleaned(tuple(ids), entries)

    def expire(self, event_ttl: float, result_ttl: float) -> None:
        """Old events and kept answers are gone."""
        expire_events(self._connection, event_ttl)
        self._connection.execute(delete(ANSWERS).where(ANSWERS.c.kept_at < now_ms() - round(result_ttl * 1000)))

    def kept(self, key: str, result_ttl: float) -> str | None:
        """The answer of that key, unless it is old."""
        row = KEPT.row(self._connection, b_key=key, b_ttl=round(result_ttl * 1000))
        return None if row is None else str(row[0])

    def keep(self, key: str, json: str) -> None:
        """The answer of that key from now on."""
        KEEP[self._connection.dialect.name].count(self._connection, b_key=key, b_json=json)

    def note_sync(self, job_id: str, media_store_id: str, status: str, error: str | None) -> None:
        """One more try at the media store, and how it went."""
        values = {"status": status, "error": None if error is None else plain(error), "updated_at": now_ms()}
        fresh = INSERTS[self._connection.dialect.name](SYNC).values(
            job_id=job_id, media_store_id=plain(media_store_id), attempts=1, **values
        )
        again = fresh.on_conflict_do_update(index_elements=["job_id"], set_={**values, "attempts": SYNC.c.attempts + 1})
        self._connection.execute(again)

    def sync(self, job_id: str) -> Sync | None:
        """How it went."""
        row = self._connection.execute(select(SYNC).where(SYNC.c.job_id == job_id)).one_or_none()
        return None if row is None else Sync(**row._mapping)


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidOptions("The cursor is none that a page of jobs gave. Leave it out to start anew.")
    return int(cursor)


def _untold() -> Any:
    """Of a job: its end comes after what an outlet was told of last."""
    after = (EVENTS.c.job_id == JOBS.c.id) & EVENTS.c.kind.in_(ENDS) & (EVENTS.c.id > lowest_seen())
    return select(EVENTS.c.id).where(after).exists()
