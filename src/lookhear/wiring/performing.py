"""What a worker does with a job: get the medium, analyse it, and hand on what was found as the job's contract has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from lookhear.analysis.codec import plain, to_json
from lookhear.analysis.report import Report
from lookhear.contracts import analyzer, jobs, tagging
from lookhear.contracts.analyzer_mail import Mail
from lookhear.contracts.base import ANALYSIS, ANALYZER, JOBS, TAGGING, Ask
from lookhear.contracts.indexed import all_vectors
from lookhear.errors import InputError, ServiceBusy, of_code
from lookhear.jobs.control import Control, Outcome
from lookhear.jobs.job import ANSWER, Job
from lookhear.jobs.presence import About
from lookhear.jobs.spool import Writing
from lookhear.media.limits import Limits
from lookhear.media.medium import open_medium
from lookhear.models.devices import device_name
from lookhear.outlets.media_folder import MediaFolder
from lookhear.settings import Settings
from lookhear.wiring.delivery import deliver, keep_vectors

if TYPE_CHECKING:
    from lookhear.wiring.service import Service


@dataclass(frozen=True)
class _Medium:
    path: Path
    name: str
    sha256: str | None = None


class _Heeding:
    """Takes bytes as long as the job shall go on."""

    def __init__(self, writing: Writing, control: Control) -> None:
        self._writing, self._control = writing, control

    def write(self, data: bytes) -> None:
        """Raises what stops the job."""
        self._control.progress()
        self._writing.write(data)


def check_types(names: Iterable[str]) -> None:
    """Each is a type that jobs can have. Raises UnknownTask."""
    for name in names:
        if name not in (ANALYSIS, *get_args(tagging.Kind)):
            jobs.task_type(name)


class Performer:
    """Performs jobs with the parts of ``service``; any thread may call it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.about = About(self._models, device_name(service.settings), service.tally)

    def _models(self) -> list[str]:
        return sorted(f"{one.name}@{one.version}" for one in self._service.shelf.sessions.status())

    def __call__(self, job: Job, control: Control) -> Outcome:
        """Raises what keeps the job from being done; a retryable error is worth another try."""
        try:
            return self._done(job, control)
        finally:
            with suppress(ServiceBusy):  # nobody knows whether it is gone: a sweep will
                self._clear(job)

    def _clear(self, job: Job) -> None:
        """What was kept for a job that was deleted meanwhile."""
        if self._service.jobs.get(job.id) is None:
            self._service.forget(job.id)

    def _done(self, job: Job, control: Control) -> Outcome:
        control.progress(0.0)
        ask = _ASKS[job.contract](job)
        with self._medium(job, control) as medium:
            report = self._service.analyze(
                medium.path,
                ask.tasks or None,
                ask.options,
                name=medium.name,
                sha256=medium.sha256,
                progress=_told(control, medium.path, self._service.settings),
            )
        control.progress()
        self._service.files.put_report(job.id, to_json(report))
        return _OUTCOMES[job.contract](self._service, job, report)

    @contextmanager
    def _medium(self, job: Job, control: Control) -> Iterator[_Medium]:
        """Where its bytes are."""
        upload, path = job.request.get("upload"), job.request.get("path")
        if upload:
            yield _Medium(Path(upload["path"]), upload.get("name") or job.task_type, upload["sha256"])
        elif path:
            yield _Medium(Path(path), job.request.get("name") or path)
        else:
            yield self._stored(job.media_store_id, job.id, control)

    def _stored(self, media_id: str, job_id: str, control: Control) -> _Medium:
        """Out of the media store: read where it lies, or fetched and kept as long as the job."""
        service = self._service
        if isinstance(service.media, MediaFolder):
            return _Medium(service.media.find(media_id), media_id)
        with service.spool.writing(media_id) as writing:
            service.media.fetch(media_id, _Heeding(writing, control), service.settings.max_media_bytes)
            upload = writing.done()
            service.spool.refer(upload.sha256, job_id)
        return _Medium(upload.path, media_id, upload.sha256)


def performer(settings: Settings) -> Performer:
    """One of its own, for a process of its own."""
    from lookhear.wiring.service import Service

    service = Service(settings)
    service.open(tells=False)
    return Performer(service)


def _told(control: Control, path: Path, limits: Limits) -> Callable[[float], None]:
    """Seconds of the medium as the share of all of it, where that is known; asked once something takes a while."""

    @cache
    def duration() -> float | None:
        with open_medium(str(path), limits) as medium:
            return medium.probe.duration

    def told(seconds: float) -> None:
        whole = duration()
        control.progress(seconds / whole if whole else None)

    return told


def _plainly(job: Job) -> Ask:
    return Ask(tuple(job.request.get("tasks") or ()), dict(job.request.get("options") or {}))


def _by_message(job: Job) -> Ask:
    """Raises what was wrong with the message when it came."""
    refused = job.request.get("refused")
    if refused:
        raise of_code(refused["code"], refused["message"])
    return _plainly(job)


def _answered(service: Service, job: Job, report: Report) -> Outcome:
    """The answer itself: whoever publishes it may have no other way to it than the database."""
    return Outcome(analyzer.answer(Mail.of(job.request[ANSWER]).read(), report))


def _tagged(service: Service, job: Job, report: Report) -> Outcome:
    return Outcome(tagging.answer(cast(tagging.Kind, job.task_type), report))


def _analysed(service: Service, job: Job, report: Report) -> Outcome:
    """The report itself lies beside; the result is what fits into a row."""
    values: Mapping[str, Any] = {finding.task: plain(finding.provenance.task_version) for finding in report.findings}
    errors = {error.task: {"code": error.code, "message": error.message} for error in report.errors}
    told = {"report": f"/job/{job.id}/report.json", "tasks": dict(values), "errors": errors}
    return Outcome({**told, **_searchable(service, job, report)})


def _searchable(service: Service, job: Job, report: Report) -> dict[str, Any]:
    """Vectors are kept, under the sum of an upload or the path of a file; how many, or why not.

    Raises VectorsUnavailable: another try may do.
    """
    upload = job.request.get("upload")
    id, name = (upload["sha256"], upload.get("name")) if upload else (job.request["path"], job.request["path"])
    found = all_vectors(report, id, job.id, {"name": name, "sha256": report.medium.sha256})
    if not found:
        return {}
    try:
        return {"vectors": {"stored": len(keep_vectors(service.vectors, found))}}
    except InputError as error:
        return {"vectors": {"stored": 0, "reason": error.message}}


_ASKS: dict[str, Callable[[Job], Ask]] = {
    JOBS: lambda job: jobs.ask(job.task_type),
    TAGGING: lambda job: tagging.ask(cast(tagging.Kind, job.task_type)),
    ANALYSIS: _plainly,
    ANALYZER: _by_message,
}
_OUTCOMES: dict[str, Callable[[Service, Job, Report], Outcome]] = {
    JOBS: deliver,
    TAGGING: _tagged,
    ANALYSIS: _analysed,
    ANALYZER: _answered,
}
