"""A worker: takes jobs, has them performed, and ends each of them once."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Collection
from typing import TypeVar

from lookhear.errors import JobStopped, LookhearError, ServiceBusy
from lookhear.jobs.control import Control, Outcome, Pulse
from lookhear.jobs.job import Job, Status
from lookhear.jobs.presence import Presence
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore

_LOG = logging.getLogger(__name__)
_LISTEN = 2.0  # s that a job which took too long has to listen
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 2.0  # s between tries to write what came of a job

_Made = TypeVar("_Made")
Perform = Callable[[Job, Control], Outcome]


class Worker:
    """Performs one job at a time, in the thread that calls ``run``."""

    def __init__(
        self,
        store: JobStore,
        perform: Perform,
        settings: JobSettings,
        name: str | None = None,
        *,
        task_types: Collection[str] | None = None,
        pulse: Pulse | None = None,
        presence: Presence | None = None,
    ) -> None:
        self.name = name or new_name()
        self._store = store
        self._perform = perform
        self._settings = settings
        self._task_types = task_types
        self._pulse = pulse
        self._presence = presence
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._control: Control | None = None
        self._begun = 0.0

    def run(self) -> None:
        """Until ``stop``: a job that comes starts at once."""
        pulse = self._pulse or Pulse(self._store, self._presence)
        try:
            self._loop(pulse)
        finally:
            if self._pulse is None:
                pulse.close()

    def stop(self) -> None:
        """Takes no more jobs; the one in hand goes on."""
        self._stopping.set()
        if self._presence is not None:
            self._presence.stopping = True
        self._store.rouse()

    def hurry(self) -> None:
        """The one in hand stops as soon as it listens, and waits for another worker."""
        self._hurry.set()
        self.stop()
        if (control := self._control) is not None:
            control.stop(JobStopped("The worker is shutting down."))

    def let_go(self) -> bool:
        """The one in hand waits for another worker, even if what performs it does not listen. False: there was none."""
        control = self._control
        return control is not None and self._store.hand_back(control.job)

    @property
    def busy(self) -> bool:
        """It has a job in hand."""
        return self._control is not None

    @property
    def stuck(self) -> bool:
        """It does not listen, though its job has ended otherwise."""
        control = self._control
        return control is not None and control.stopped and time.monotonic() > control.deadline + _LISTEN

    def _loop(self, pulse: Pulse) -> None:
        seen = 0
        while not self._stopping.is_set():
            try:
                job = self._store.take(self.name, self._task_types)
            except ServiceBusy as error:
                _LOG.warning("no job can be taken: %s", error)
                self._stopping.wait(self._settings.worker_poll_interval)
                continue
            if job is None:
                seen = self._store.wait(self._settings.worker_poll_interval, seen, self._stopping.is_set)
            else:
                self._work(job, pulse)

    def _work(self, job: Job, pulse: Pulse) -> None:
        control = Control(self._store, job, time.monotonic() + self._settings.job_timeout)
        self._control = control
        self._begun = time.monotonic()
        pulse.hold(control)
        try:
            self._end(job, control)
        finally:
            pulse.drop(control)
            self._control = None

    def _end(self, job: Job, control: Control) -> None:
        """Whatever happens, it is finished, has failed, or waits again; unless it is not ours any more."""
        try:
            outcome = self._perform(job, control)
            if self._surely(lambda: self._store.finish(job, outcome.result, outcome.status)):
                self._ended(job, outcome.status)
        except JobStopped:
            self._surely(lambda: self._store.hand_back(job))
        except LookhearError as error:
            self._failed(job, error.code, error.message, error.retryable)
        except MemoryError:
            self._failed(job, "out_of_memory", "There was not enough memory for it. Use fewer workers.", True)
        except Exception as error:
            _LOG.warning("job %s broke", job.id, exc_info=True)
            message = f"It could not be done ({type(error).__name__}: {error}). Please report it."
            self._failed(job, "internal_error", message, True)
        except BaseException:
            self._store.hand_back(job)
            raise

    def _failed(self, job: Job, code: str, message: str, retry: bool) -> None:
        failed = self._surely(lambda: self._store.fail(job, code, message, retry))
        if failed is not None:
            self._ended(job, failed.status)

    def _ended(self, job: Job, status: Status) -> None:
        if self._presence is not None:
            self._presence.ended(job.task_type, status, time.monotonic() - self._begun)

    def _surely(self, write: Callable[[], _Made]) -> _Made | None:
        """Tries on while the database is away: work that is done shall not be in vain."""
        wait = _FIRST_WAIT
        while True:
            try:
                return write()
            except ServiceBusy as error:
                _LOG.warning("what came of a job cannot be kept yet: %s", error)
                if self._hurry.wait(wait):
                    return None
                wait = min(2 * wait, _LONGEST_WAIT)


def new_name() -> str:
    """Of this process, and of no other worker ever."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
