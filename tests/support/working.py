"""The service with one worker that can be held back; media of jobs lie in ``media`` of the storage folder."""

from __future__ import annotations

import threading

from lookhear.jobs.control import Control, Outcome
from lookhear.jobs.job import Job
from lookhear.jobs.worker import Worker
from lookhear.settings import Settings
from lookhear.wiring.performing import Performer
from lookhear.wiring.service import Service


class WorkingService(Service):
    """``may_work``: while it is not set, the job in hand goes no further."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.may_work = threading.Event()
        self.may_work.set()
        self._worker: Worker | None = None
        self._thread: threading.Thread | None = None

    def start_workers(self) -> None:
        """One."""
        self._worker = Worker(self.jobs, self.perform, self.settings)
        self._thread = threading.Thread(target=self._worker.run)
        self._thread.start()

    def stop_workers(self) -> None:
        """At once."""
        assert self._worker and self._thread
        self._worker.hurry()
        self._thread.join()

    def perform(self, job: Job, control: Control) -> Outcome:
        """As the service does, once it may."""
        control.progress(0.0)
        while not self.may_work.wait(0.02):
            control.progress()
        return Performer(self)(job, control)
