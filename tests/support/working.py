"""A service that keeps jobs and works on them, of the real parts; media lie in a folder."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lookhear.analysis.codec import from_json, plain, to_json
from lookhear.analysis.engine import analyze
from lookhear.analysis.report import Report
from lookhear.contracts import tagging
from lookhear.errors import MediumNotFound
from lookhear.jobs.control import Control, Outcome
from lookhear.jobs.job import Job, NewJob
from lookhear.jobs.store import JobStore
from lookhear.jobs.worker import Worker
from lookhear.models.shelf import Shelf
from lookhear.settings import Settings
from support.service import Service


class WorkingService(Service):
    """``may_work``: while it is not set, the job in hand goes no further."""

    jobs: JobStore  # type: ignore[assignment]

    def __init__(self, settings: Settings, shelf: Shelf | None = None) -> None:
        super().__init__(settings)
        self.shelf = shelf or self.shelf
        self.jobs = JobStore(settings)
        self.may_work = threading.Event()
        self.may_work.set()
        self._worker: Worker | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """The tables are there."""
        self.jobs.open()

    def close(self) -> None:
        """The end."""
        self.jobs.close()

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

    def submit(self, new: NewJob) -> Job:
        """Kept."""
        return self.jobs.put(new)

    def delete(self, id: str) -> bool:
        """With its report."""
        shutil.rmtree(self.settings.storage_dir / id, ignore_errors=True)
        return self.jobs.delete(id) is not None

    def analyze(
        self, source: Path, tasks: Sequence[str] | None, options: Mapping[str, Any] | None = None, **_: Any
    ) -> Report:
        """By the engine."""
        return analyze(str(source), tasks, options, limits=self.settings, shelf=self.shelf)

    def report_of(self, job: Job) -> Report | None:
        """As it was written."""
        path = self.settings.storage_dir / job.id / "report.json"
        found = from_json(path.read_text()) if path.exists() else None
        return found if isinstance(found, Report) else None

    def perform(self, job: Job, control: Control) -> Outcome:
        """The tags, or the report of the one task."""
        control.progress(0.0)
        while not self.may_work.wait(0.02):
            control.progress()
        if job.contract == "tagging":
            kind = job.task_type
            assert kind in ("audio", "video")
            report = self.analyze(Path(job.request["upload"]["path"]), tagging.ask(kind).tasks)  # type: ignore[arg-type]
            result = tagging.answer(kind, report)  # type: ignore[arg-type]
        else:
            path = self.settings.storage_dir / "media" / job.media_store_id
            if not os.path.exists(path):
                raise MediumNotFound(f"The media store has no '{job.media_store_id}'.")
            report = self.analyze(path, [job.task_type])
            result = {finding.task: plain(finding.value) for finding in report.findings}
        folder = self.settings.storage_dir / job.id
        folder.mkdir(exist_ok=True)
        (folder / "report.json").write_text(to_json(report))
        return Outcome(result)
