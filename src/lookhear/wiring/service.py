"""The service behind all doors: jobs and their workers, models, uploads, vectors, and where results go."""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lookhear.analysis.codec import from_json
from lookhear.analysis.plan import Options
from lookhear.analysis.report import Report
from lookhear.analysis.sweep import Progress
from lookhear.contracts.base import JOBS
from lookhear.errors import InvalidReport, InvalidSettings, LookhearError
from lookhear.jobs.job import Job, NewJob
from lookhear.jobs.spool import Spool
from lookhear.jobs.tally import Tally
from lookhear.models.shelf import Shelf, shelf_for
from lookhear.outlets.files import JobFiles
from lookhear.settings import Settings
from lookhear.wiring.figures import count
from lookhear.wiring.later import Later

if TYPE_CHECKING:
    from lookhear.jobs.store import JobStore
    from lookhear.jobs.workers import Workers
    from lookhear.outlets.cache import Cache
    from lookhear.outlets.media_store import MediaStore
    from lookhear.outlets.mqtt import Mqtt
    from lookhear.outlets.vectors import Vectors
    from lookhear.wiring.answers import Answers
    from lookhear.wiring.telling import Teller

_LOG = logging.getLogger(__name__)
_SWEEP = 600.0  # s between looks for files that nobody needs any more


class Service:
    """All parts of one process. Nothing but settings and models is there before ``open``; any thread may call the rest."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started = time.time()
        self.on_report: list[Callable[[Report], None]] = []
        self.tally = Tally()  #: what was done here and is not told in the database yet
        self.spool = Spool(settings.storage_dir / "uploads", settings.max_upload_bytes)
        self.files = JobFiles(settings.storage_dir)
        self._opened = threading.Event()
        self._closing = threading.Event()
        self._workers: Workers | None = None
        self._vectors: Vectors | None = None
        self._guard = threading.Lock()
        self._tellers: list[Teller] = []

    def open(self, *, tells: bool = True) -> None:
        """The database is ready. ``tells``: outlets hear of jobs from here. Raises what keeps it from being so."""
        self.jobs.open()
        if tells:
            self._house()
        if self.cache is not None:  # made here: its code takes a while to import
            self.cache.look()
        self._opened.set()
        if tells:
            self._tell()
        threading.Thread(target=self._sweep, name="lookhear-sweep", daemon=True).start()

    def close(self) -> None:
        """Everything is on the disk."""
        self._closing.set()
        self.jobs.rouse()
        made = [self.__dict__.get(name) for name in ("_memory", "media", "broker", "cache")]
        for part in (*self._tellers, *made, self._vectors):
            if part is not None:
                part.close()
        try:
            self.jobs.count(self.tally)
        except LookhearError as error:
            _LOG.warning("the last figures were not kept: %s", error)
        self.jobs.close()
        self._opened.clear()

    def _house(self) -> None:
        """The storage folder is there: uploads need it wherever the database lies. Raises InvalidSettings."""
        folder = self.settings.storage_dir
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidSettings(f"STORAGE_DIR={folder} cannot be made: {error.strerror or error}.") from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise InvalidSettings(f"STORAGE_DIR={folder} cannot be written to. Check its owner and permissions.")

    def _tell(self) -> None:
        from lookhear.wiring.outlets import outlets
        from lookhear.wiring.telling import Teller

        self._tellers = [Teller(self.jobs, outlet) for outlet in outlets(self)]
        for teller in self._tellers:
            teller.start()

    def start_workers(self, task_types: Collection[str] | None = None) -> None:
        """As many as MAX_WORKERS; for jobs of those types, or all. Raises UnknownTask."""
        from lookhear.jobs.process import Target
        from lookhear.jobs.workers import Workers
        from lookhear.wiring.performing import Performer, check_types

        check_types(task_types or ())
        threads = self.settings.worker_mode == "threads"
        work = Performer(self) if threads else Target("lookhear.wiring.performing:performer", (self.settings,))
        self._workers = Workers(self.jobs, work, self.settings, task_types=task_types)
        self._workers.start()

    def stop_workers(self) -> None:
        """What is not done within SHUTDOWN_SECONDS waits for others."""
        if self._workers is not None:
            self._workers.stop(self.settings.shutdown_seconds)

    @property
    def shelf(self) -> Shelf:
        """Models."""
        return shelf_for(self.settings)

    @cached_property
    def jobs(self) -> JobStore:
        """The store of jobs. Its code is imported here: the doors shall be open by then."""
        from lookhear.jobs.store import JobStore

        return JobStore(self.settings)

    @cached_property
    def _answers(self) -> Answers:
        from lookhear.wiring.answers import Answers

        return Answers(self.settings, self.shelf, self._memory.kept, self._memory.keep, self._made)

    @cached_property
    def _memory(self) -> Later:
        memory = self.cache or self.jobs
        return Later(memory.kept, memory.keep)

    @cached_property
    def cache(self) -> Cache | None:
        """Where answers are kept, if it is not the database."""
        if not self.settings.redis_url:
            return None
        from lookhear.outlets.cache import Cache

        return Cache(self.settings.redis_url, self.settings.result_ttl)

    @property
    def vectors(self) -> Vectors:
        """Opened at the first use: many who start a service never search."""
        with self._guard:
            if self._vectors is None:
                from lookhear.wiring.stores import vectors

                self._vectors = vectors(self.settings)
            return self._vectors

    @cached_property
    def media(self) -> MediaStore:
        """Where media of jobs come from and results go."""
        from lookhear.wiring.stores import media_store

        return media_store(self.settings, self.spool)

    @cached_property
    def broker(self) -> Mqtt | None:
        """Told of every job that ends, if it is to be."""
        if self.settings.broadcast_type != "mqtt":
            return None
        from lookhear.outlets.mqtt import connect

        return connect(self.settings)

    @property
    def closing(self) -> bool:
        """Is it about to end?"""
        return self._closing.is_set()

    @property
    def ready(self) -> tuple[bool, str]:
        """Whether jobs can be taken, and if not, why."""
        return (True, "") if self._opened.is_set() else (False, "The service is still starting.")

    def worker_state(self) -> str:
        """running, dead or none."""
        if self._workers is None:
            return "none"
        return "running" if self._workers.alive else "dead"

    def processing(self) -> bool:
        """Is a job in hand here?"""
        return self._workers is not None and self._workers.busy > 0

    def outlets(self) -> dict[str, str]:
        """How those do that may be away while all else goes on, by name."""
        there = {"mqtt": self.__dict__.get("broker"), "redis": self.__dict__.get("cache")}
        return {name: outlet.state for name, outlet in there.items() if outlet is not None}

    def retract(self, *job_ids: str) -> None:
        """The broker keeps no word of these jobs, which are gone."""
        broker: Mqtt | None = self.__dict__.get("broker")  # only where it is told
        if broker is not None:
            for job_id in job_ids:
                broker.clear(job_id)

    def analyze(
        self,
        path: Path,
        tasks: Sequence[str] | None = None,
        options: Options | None = None,
        *,
        name: str | None = None,
        sha256: str | None = None,
        progress: Progress | None = None,
    ) -> Report:
        """The report about a file, from what is kept if it was made before. Raises as ``lookhear.analyze`` does."""
        return self._answers(path, tasks, options, name=name, sha256=sha256, progress=progress)

    def submit(self, new: NewJob) -> Job:
        """Kept for a worker; an upload that it names stays as long. Raises as ``JobStore.put`` does."""
        sha256 = self._upload_of(new)
        if sha256 is None:
            return self.jobs.put(new)
        id = str(uuid.uuid4())
        self.spool.refer(sha256, id)  # first: a job that is kept shall not lose its medium
        job = self.jobs.put(dataclasses.replace(new, id=id))
        if job.id != id:
            self.spool.release(id)
        return job

    def _upload_of(self, new: NewJob) -> str | None:
        """The sum of the upload that it is about: its own, or one that it has for the id of a medium."""
        from lookhear.wiring.stores import in_a_folder, upload_named

        if upload := new.request.get("upload"):
            return str(upload["sha256"])
        named = new.contract == JOBS and in_a_folder(self.settings) and upload_named(self.spool, new.media_store_id)
        return new.media_store_id if named else None

    def report_of(self, job: Job) -> Report | None:
        """What its analysis gave."""
        path = self.files.of(job.id) / "report.json"
        try:
            found = from_json(path.read_bytes())
        except (OSError, InvalidReport):
            return None
        return found if isinstance(found, Report) else None

    def delete(self, job_id: str) -> bool:
        """The job with its files and vectors. False: there was none."""
        if self.jobs.delete(job_id) is None:
            return False
        self.forget(job_id)
        return True

    def forget(self, *job_ids: str) -> int:
        """What jobs left behind is gone: vectors, files, their uploads; how many files there were."""
        from lookhear.wiring.stores import forget_vectors

        for job_id in job_ids:
            forget_vectors(self, job_id)
        self.spool.release(*job_ids)
        return sum(self.files.remove(job_id) for job_id in job_ids)

    def _made(self, report: Report) -> None:
        count(self.tally, report)
        for listener in list(self.on_report):
            listener(report)

    def needs_upload(self, job_id: str) -> bool:
        """Until RESULT_TTL after its end: other jobs may be about the same."""
        job = self.jobs.get(job_id)
        if job is None or not job.status.final:
            return job is not None
        return time.time() - (job.completed_at or job.created_at) / 1000 < self.settings.result_ttl

    def _sweep(self) -> None:
        while not self._closing.wait(_SWEEP):
            try:
                self.spool.sweep(self.needs_upload)
                self.files.sweep(lambda job_id: True)  # only what a killed process began: a cleanup may leave results
            except (LookhearError, OSError) as error:
                _LOG.warning("files that nobody needs were not removed: %s", error)
