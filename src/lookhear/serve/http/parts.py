"""What the doors see of the service behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from starlette.requests import Request

if TYPE_CHECKING:
    from lookhear.analysis.report import Report
    from lookhear.jobs.job import WorkerSeen
    from lookhear.jobs.tally import Figures
    from lookhear.models.shelf import Shelf
    from lookhear.serve.http.auth import Guard
    from lookhear.serve.http.gate import Gate
    from lookhear.serve.http.metrics import Metrics
    from lookhear.serve.http.running import Running
    from lookhear.settings import Settings


class Kept(Protocol):
    """A file that lies in the spool."""

    @property
    def path(self) -> Path: ...
    @property
    def sha256(self) -> str: ...
    @property
    def xxh64(self) -> str: ...
    @property
    def size(self) -> int: ...


class Writing(Protocol):
    """A file that is being written to the spool; without ``done`` nothing stays."""

    def write(self, data: bytes, /) -> object: ...
    def done(self) -> Kept: ...


class Spool(Protocol):
    """Where uploads lie."""

    def writing(self, name: str, /) -> AbstractContextManager[Writing]: ...


class Stats(Protocol):
    """Figures of the job store."""

    @property
    def queue_size(self) -> int: ...
    @property
    def by_status(self) -> Mapping[str, int]: ...


class Jobs(Protocol):
    """The job store, as far as health and metrics need it."""

    def stats(self) -> Stats: ...
    def workers(self) -> Sequence[WorkerSeen]: ...
    def figures(self) -> Figures: ...


class Service(Protocol):
    """All parts. Nothing but ``settings``, ``shelf`` and ``started`` is asked for before ``open`` has returned."""

    settings: Settings
    started: float  #: epoch s
    on_report: list[Callable[[Report], None]]  #: each is told of every report that is made

    def open(self) -> None: ...
    def close(self) -> None: ...
    def start_workers(self) -> None: ...
    def stop_workers(self) -> None: ...
    @property
    def shelf(self) -> Shelf: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def spool(self) -> Spool: ...
    @property
    def ready(self) -> tuple[bool, str]: ...
    def worker_state(self) -> str: ...
    def processing(self) -> bool: ...
    def outlets(self) -> Mapping[str, str]: ...


def service(request: Request) -> Any:
    """The service behind this app; Any, since each door asks it for parts of its own."""
    return request.app.state.service


def guard(request: Request) -> Guard:
    """What checks tokens."""
    found: Guard = request.app.state.guard
    return found


def gate(request: Request) -> Gate:
    """What bounds analyses without a job."""
    found: Gate = request.app.state.gate
    return found


def metrics(request: Request) -> Metrics:
    """Figures for Prometheus."""
    found: Metrics = request.app.state.metrics
    return found


def running(request: Request) -> Running:
    """Whether the service is open, and whether it stops."""
    found: Running = request.app.state.running
    return found
