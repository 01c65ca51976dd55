"""The store of jobs: each method is one transaction, safe from any thread and beside any number of other processes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection

from lookhear.errors import InvalidOptions, LookhearError, QueueFull
from lookhear.jobs.acts import Acts
from lookhear.jobs.cursors import Cursor
from lookhear.jobs.database import Database
from lookhear.jobs.guards import Clock, Room
from lookhear.jobs.here import Where, gone, here
from lookhear.jobs.job import Cleaned, Event, Job, NewJob, Page, Stats, Status, Sync, WorkerSeen
from lookhear.jobs.presence import Presence
from lookhear.jobs.records import Records
from lookhear.jobs.rows import plain
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.statements import JOB, WITH_ID
from lookhear.jobs.tally import Figures, Tally
from lookhear.jobs.together import Together
from lookhear.jobs.watch import FileWatch, ServerWatch, Watch

_AT_ONCE = 500  # jobs that one transaction of a cleanup takes away
_Made = TypeVar("_Made")


class JobStore:
    """Jobs, their queue, events, and kept answers, in the database that the settings name."""

    def __init__(self, settings: JobSettings) -> None:
        self.settings = settings
        self._database = Database(settings)
        self._watch: Watch = self._made_watch()
        self._puts: Together[NewJob, Job | LookhearError] = Together(self._put_all)
        self._room = Room(settings.max_queue)
        self._clock = Clock(settings.worker_lease_seconds)

    def open(self) -> None:
        """The tables are there; several processes may do this at once."""
        self._database.open()

    def look(self) -> None:
        """The tables are there already; nothing is made. Raises DatabaseUnavailable."""
        self._database.look()

    @property
    def where(self) -> str:
        """Where the database is, without passwords."""
        return self._database.where

    def close(self) -> None:
        """Whoever waits is woken; connections are closed."""
        self._watch.close()
        self._database.close()

    def __enter__(self) -> JobStore:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def put(self, new: NewJob) -> Job:
        """Kept for good. Those of several threads at once share a commit.

        Raises QueueFull, DuplicateJob (with the job it doubles), KeyReused, InvalidOptions, StorageUnwritable.
        """
        _check(new)
        return _job(self._puts.do(new))

    def same(self, new: NewJob) -> Job | None:
        """The job that its idempotency key stands for. Raises KeyReused."""
        if new.idempotency_key is None:
            return None
        found = self._act(lambda acts: acts.keyed(new))
        return None if found is None else _job(found)

    def put_many(self, new: Sequence[NewJob]) -> list[Job]:
        """All of them are kept, or none. Raises as ``put`` does."""
        for one in new:
            _check(one)
        return self._act(lambda acts: [_job(self._put(acts, one)) for one in new], durable=True)

    def _put_all(self, new: Sequence[NewJob]) -> list[Job | LookhearError]:
        return self._act(lambda acts: [self._put(acts, one) for one in new], durable=True)

    def _put(self, acts: Acts, new: NewJob) -> Job | LookhearError:
        if self._room.take(acts.waiting):
            return acts.put(new)
        return acts.twin(new) or QueueFull(f"{self.settings.max_queue} jobs wait. Try again later, or raise MAX_QUEUE.")

    def take(self, worker: str, task_types: Collection[str] | None = None) -> Job | None:
        """The most urgent job that is ready (of those types), leased to ``worker``; None: there is none."""
        return self._act(lambda acts: acts.take(worker, task_types))

    def beat(self, job: Job, progress: float | None = None) -> bool:
        """The lease is renewed. False: the job is no longer this worker's (lost, cancelled, deleted): stop."""
        return self._act(lambda acts: acts.beat(job, progress))

    def finish(self, job: Job, result: dict[str, Any], status: Status = Status.COMPLETED) -> bool:
        """Ended. False: it was not this worker's to end."""
        return self._act(lambda acts: acts.finish(job, result, status)) is not None

    def fail(self, job: Job, code: str, message: str, retry: bool) -> Job | None:
        """Waits for another try if ``retry`` and some are left, else ended. None: it was not this worker's to end."""
        return self._act(lambda acts: acts.fail(job, code, message, retry))

    def hand_back(self, job: Job) -> bool:
        """Waits again, at its old place; no try is counted. False: it was not this worker's."""
        return self._act(lambda acts: acts.hand_back(job)) is not None

    def reclaim(self) -> int:
        """Jobs of workers that are not heard of wait for another try; how many there were.

        After a jump of the clock the living first get the time to be heard of.
        """
        return self._act(lambda acts: _silent(acts) if self._clock.trusted(acts.now()) else 0)

    def bury(self, worker: str) -> int:
        """Likewise at once for jobs of ``worker``, which has died; it is gone from the list of workers."""
        return self._act(lambda acts: _buried(acts, worker))

    def pulse(self, jobs: Sequence[Job], presence: Presence | None = None) -> list[Job]:
        """The leases of ``jobs`` are renewed, and workers live on; those jobs that are not theirs any more."""
        return self._counting(presence, lambda acts: [job for job in jobs if not acts.beat(job, None)])

    def leave(self, presence: Presence) -> None:
        """Its workers have stopped; what they counted is kept."""
        self._counting(presence, lambda acts: acts.be_absent(presence.name), present=False)

    def count(self, tally: Tally) -> None:
        """What was counted is kept, or stays counted there."""
        figures = tally.take()
        try:
            if figures:
                self._act(lambda acts: acts.count(figures))
        except BaseException:
            tally.put_back(figures)
            raise

    def _counting(self, presence: Presence | None, act: Callable[[Acts], _Made], present: bool = True) -> _Made:
        if presence is None:
            return self._act(act)
        row, figures = presence.row(), presence.tally.take()

        def all_of_it(acts: Acts) -> _Made:
            made = act(acts)
            if present:
                acts.be_present(row)
            acts.count(figures)
            return made

        try:
            return self._act(all_of_it)
        except BaseException:
            presence.tally.put_back(figures)
            raise

    def workers(self) -> list[WorkerSeen]:
        """Processes that work on jobs, the oldest first; not those that have certainly died."""
        return self._read(lambda records: [seen for seen, where in records.workers() if not gone(where)])

    def neighbours(self) -> dict[str, Where]:
        """Of this machine those that have jobs in hand, by name."""
        place = here().place
        return self._read(
            lambda records: {
                seen.name: where for seen, where in records.workers() if seen.jobs and where.place == place is not None
            }
        )

    def figures(self) -> Figures:
        """What all workers did so far, as they have told."""
        return self._read(Records.figures)

    def rates(self) -> dict[str, float]:
        """Jobs that ended per minute, over the last minute and the last ten."""
        return self._read(Records.rates)

    @property
    def newest_known(self) -> int:
        """The id of the newest event as far as it is known here; nobody is asked."""
        return self._watch.newest

    def held_by(self, worker: str) -> list[Job]:
        """Jobs that ``worker`` has in hand."""
        return self._act(lambda acts: acts.held_by(worker))

    def lost(self, jobs: Sequence[Job]) -> list[Job]:
        """Those of them that are no longer the worker's who took them."""
        return self._read(lambda records: records.lost(jobs)) if jobs else []

    def cancel(self, id: str) -> Job | None:
        """Ended as cancelled, unless it had ended: the job as it is then. None: there is no such job."""
        job = self.get(id)
        return job and self._act(lambda acts: acts.cancel(job), durable=True)

    def delete(self, id: str) -> Job | None:
        """Gone, with what is known of its delivery; its worker is told to stop. None: there was no such job."""
        job = self.get(id)
        return job if job and self._act(lambda acts: acts.delete(job), durable=True) else None

    def get(self, id: str) -> Job | None:
        """By its id."""
        return self._read(lambda records: records.job(WITH_ID, b_id=plain(id)))

    def of_ids(self, ids: Collection[str]) -> dict[str, Job]:
        """Those that there are, by their ids."""
        return self._read(lambda records: records.of_ids(ids)) if ids else {}

    def numbered(self, number: int) -> Job | None:
        """By its number."""
        if not 0 < number < 1 << 63:
            return None
        return self._read(lambda records: records.job(JOB, b_number=number))

    def listed(
        self,
        status: Status | None = None,
        task_type: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Newest first. Raises InvalidOptions for a cursor that no page gave."""
        return self._read(lambda records: records.listed(status, task_type, limit, cursor))

    def waiting(self) -> int:
        """Jobs in the queue that no worker has; takes a millisecond or two."""
        return self._read(Records.waiting)

    def stats(self) -> Stats:
        """Counts."""
        return self._read(Records.stats)

    def cleanup(self, older_than_seconds: float | None = None, status: Status | None = None) -> Cleaned:
        """Jobs that have ended are gone, or those of ``status``; never those that a worker has in hand.

        In many transactions, so that nobody has to wait for all of it.
        """
        ids: list[str] = []
        entries = 0
        while True:
            some = self._act(lambda acts: acts.cleanup(older_than_seconds, status, _AT_ONCE))
            ids += some.job_ids
            entries += some.queue_entries
            if len(some.job_ids) < _AT_ONCE:
                return Cleaned(tuple(ids), entries)

    def expire(self) -> None:
        """Events older than EVENT_TTL and answers older than RESULT_TTL are gone."""
        self._write(lambda records: records.expire(self.settings.event_ttl, self.settings.result_ttl))

    def events(
        self, after: int, job_id: str | None = None, limit: int = 500, kinds: Collection[str] | None = None
    ) -> list[Event]:
        """Those that came later (of these kinds), in order."""
        return self._read(lambda records: records.events(after, job_id, limit, kinds))

    def cursor(self, name: str) -> Cursor:
        """Of the outlet of that name, for one who tells it."""

        def write(act: Callable[[Connection], Any]) -> Any:
            return self._database.clashing(lambda: self._on(act))

        return Cursor(name, secrets.token_hex(8), self.settings.worker_lease_seconds, write)

    def newest_event(self) -> int:
        """Its id; 0: there was none."""
        return self._read(Records.newest_event)

    def wait(self, seconds: float, seen: int, unless: Callable[[], bool] = bool) -> int:
        """Until there are events after ``seen`` (in whatever process), or so long; the id of the newest known.

        Also until ``unless`` is true, which is looked at when someone calls ``rouse``.
        """
        return self._watch.wait(seconds, seen, unless)

    def rouse(self) -> None:
        """Whoever waits looks at its ``unless``."""
        self._watch.rouse()

    def kept(self, key: str) -> str | None:
        """The answer kept under ``key`` within RESULT_TTL."""
        return self._read(lambda records: records.kept(plain(key), self.settings.result_ttl))

    def keep(self, key: str, json: str) -> None:
        """That is the answer of ``key`` from now on."""
        self._write(lambda records: records.keep(plain(key), json))

    def note_sync(self, job: Job, status: str, error: str | None = None) -> None:
        """One more try to hand the result to the media store: pending, synced or failed."""
        self._write(lambda records: records.note_sync(job.id, job.media_store_id, status, error))

    def sync_status(self, job_id: str) -> Sync | None:
        """How the last of those tries went."""
        return self._read(lambda records: records.sync(plain(job_id)))

    def _act(self, act: Callable[[Acts], _Made], durable: bool = False) -> _Made:
        def once() -> _Made:
            with self._acting(durable) as acts:
                return act(acts)

        return self._database.clashing(once)

    @contextmanager
    def _acting(self, durable: bool) -> Iterator[Acts]:
        with self._database.write(durable) as connection:
            acts = Acts(connection, self.settings)
            yield acts
        self._watch.announce(acts.newest)

    def _on(self, act: Callable[[Connection], _Made]) -> _Made:
        with self._database.write() as connection:
            return act(connection)

    def _write(self, act: Callable[[Records], _Made]) -> _Made:
        return self._database.clashing(lambda: self._on(lambda connection: act(Records(connection))))

    def _read(self, act: Callable[[Records], _Made]) -> _Made:
        with self._database.read() as connection:
            return act(Records(connection))

    def _made_watch(self) -> Watch:
        if self._database.sqlite:
            return FileWatch(self._database.path)
        url = self._database.url.set(drivername="postgresql")
        return ServerWatch(url.render_as_string(hide_password=False))


def _check(new: NewJob) -> None:
    if not 0 <= new.priority <= 10:
        raise InvalidOptions(f"The priority is {new.priority}. Give 0 to 10.")


def _lost(acts: Acts, jobs: list[Job]) -> int:
    for job in jobs:
        message = f"The worker {job.worker} was lost while it had the job."
        acts.fail(job, "worker_lost", message, retry=True, waits=False)
    return len(jobs)


def _silent(acts: Acts) -> int:
    lost = _lost(acts, acts.expired())
    acts.forget_silent()
    return lost


def _buried(acts: Acts, worker: str) -> int:
    lost = _lost(acts, acts.held_by(worker))
    acts.be_absent(worker)
    return lost


def _job(made: Job | LookhearError) -> Job:
    if isinstance(made, LookhearError):
        raise made
    return made
