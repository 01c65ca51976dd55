"""The service with one worker that can be held back; media of jobs lie in ``media`` of the storage folder."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from lookhear.analysis.codec import to_json
from lookhear.contracts import jobs, tagging
from lookhear.errors import MediumNotFound
from lookhear.jobs.control import Control, Outcome
from lookhear.jobs.job import Job
from lookhear.jobs.worker import Worker
from lookhear.settings import Settings
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
        """The tags, or the result of the one task."""
        control.progress(0.0)
        while not self.may_work.wait(0.02):
            control.progress()
        return Outcome(self._tagged(job) if job.contract == "tagging" else self._done(job))

    def _tagged(self, job: Job) -> dict[str, Any]:
        kind = job.task_type
        assert kind in ("audio", "video")
        report = self.analyze(Path(job.request["upload"]["path"]), tagging.ask(kind).tasks)  # type: ignore[arg-type]
        self.files.put_report(job.id, to_json(report))
        return tagging.answer(kind, report)  # type: ignore[arg-type]

    def _done(self, job: Job) -> dict[str, Any]:
        path = self.settings.storage_dir / "media" / job.media_store_id
        if not os.path.exists(path):
            raise MediumNotFound(f"The media store has no '{job.media_store_id}'.")
        asked = jobs.ask(job.task_type)
        report = self.analyze(path, asked.tasks, asked.options)
        self.files.put_report(job.id, to_json(report))
        return jobs.result(job.task_type, report, job.media_store_id)
