"""The job in hand: how what performs it tells of progress and hears that it shall stop; and the heartbeat of all of them."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from lookhear.errors import JobStopped, JobTimedOut, LookhearError, ServiceBusy
from lookhear.jobs.job import Job, Status
from lookhear.jobs.presence import Presence
from lookhear.jobs.store import JobStore

_LOG = logging.getLogger(__name__)
_TELL = 0.25  # s between events of progress
_SOON = 1.0  # s at least between beats that tell what changed
_GLANCE = 0.05  # s between looks at whether jobs are still ours, while the database changes


@dataclass(frozen=True)
class Outcome:
    """What came of a job."""

    result: dict[str, Any] = field(default_factory=dict)
    status: Status = Status.COMPLETED


class Control:
    """Given to what performs a job. Any thread may use it."""

    def __init__(self, store: JobStore, job: Job, deadline: float) -> None:
        self.job = job
        self.deadline = deadline  #: time.monotonic() by which it must be done
        self._store = store
        self._told = -_TELL
        self._why: LookhearError | None = None

    def progress(self, fraction: float | None = None) -> None:
        """Tells how much is done, 0..1. Raises JobStopped or JobTimedOut when the job shall go no further."""
        if self._why is not None:
            raise self._why
        now = time.monotonic()
        if now > self.deadline:
            raise overdue()
        if fraction is not None and now - self._told >= _TELL:
            self._told = now
            self._tell(min(1.0, max(0.0, fraction)))

    def _tell(self, fraction: float) -> None:
        try:
            if not self._store.beat(self.job, fraction):
                self.stop(gone())
        except ServiceBusy as error:
            _LOG.warning("progress of job %s was not kept: %s", self.job.id, error)
        if self._why is not None:
            raise self._why

    def stop(self, why: LookhearError) -> None:
        """From now on ``progress`` raises ``why``."""
        self._why = self._why or why

    @property
    def stopped(self) -> bool:
        """Whether it shall go no further."""
        return self._why is not None


class Pulse:
    """One thread that renews the leases of all jobs in hand, and sees which are no longer, or take too long.

    In the same breath it tells that the workers live; in the end, that they do not.
    """

    def __init__(self, store: JobStore, presence: Presence | None = None) -> None:
        self._store = store
        self._presence = presence
        self._every = store.settings.worker_lease_seconds / 3
        self._held: list[Control] = []
        self._lock = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="lookhear-pulse", daemon=True)
        self._thread.start()

    def hold(self, control: Control) -> None:
        """It is in hand."""
        with self._lock:
            self._held.append(control)

    def drop(self, control: Control) -> None:
        """It is not any more."""
        with self._lock:
            self._held.remove(control)

    def held(self) -> list[Control]:
        """All that are in hand."""
        with self._lock:
            return list(self._held)

    def close(self) -> None:
        """The thread has ended."""
        self._ended = True
        self._store.rouse()
        self._thread.join()
        if self._presence is not None:
            try:
                self._store.leave(self._presence)
            except LookhearError as error:
                _LOG.warning("the last that workers counted was not kept: %s", error)

    def _run(self) -> None:
        seen, beat_at = 0, time.monotonic() + (self._every if self._presence is None else 0.0)
        while not self._ended:
            patience = min(beat_at - time.monotonic(), 1.0)
            changed = self._store.wait(max(0.0, patience), seen, lambda: self._ended)
            try:
                if changed != seen:
                    self._glance()
                if time.monotonic() >= beat_at or self._news(beat_at):
                    beat_at = time.monotonic() + self._every
                    self._beat()
                self._end_overdue()
            except Exception as error:  # whatever it is, leases must be renewed
                _LOG.warning("jobs in hand cannot be watched over: %s", error)
            seen = changed
            time.sleep(_GLANCE)

    def _glance(self) -> None:
        held = {control.job.number: control for control in self.held()}
        for job in self._store.lost([control.job for control in held.values()]):
            held[job.number].stop(gone())

    def _beat(self) -> None:
        held = {control.job.number: control for control in self.held() if not control.stopped}
        if held or self._presence is not None:
            for job in self._store.pulse([control.job for control in held.values()], self._presence):
                held[job.number].stop(gone())

    def _news(self, beat_at: float) -> bool:
        """Something to tell before the next beat is due."""
        late = time.monotonic() > beat_at - self._every + _SOON
        return late and self._presence is not None and self._presence.changed()

    def _end_overdue(self) -> None:
        """Even what does not listen: its job ends, and what it makes later counts no more."""
        for control in self.held():
            if time.monotonic() > control.deadline and not control.stopped:
                why = overdue()
                self._store.fail(control.job, why.code, why.message, retry=False)
                control.stop(why)


def gone() -> JobStopped:
    """Why a job shall stop that is not ours."""
    return JobStopped("The job was cancelled, deleted, or given to another worker.")


def overdue() -> JobTimedOut:
    """Why a job shall stop that takes too long."""
    return JobTimedOut("The job took longer than JOB_TIMEOUT. Raise it, or ask for less.")
