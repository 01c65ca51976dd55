"""A job, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """Where a job is. The first two are on their way, all others final."""

    PENDING = "pending"  #: waits, perhaps for another try
    PROCESSING = "processing"  #: a worker has it
    COMPLETED = "completed"
    ERROR = "error"
    SYNC_FAILED = "sync_failed"  #: done, but the media store did not take the result
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Nothing will happen to it any more."""
        return self not in OPEN


OPEN = frozenset({Status.PENDING, Status.PROCESSING})
ANSWER = "answer"  #: in a request: what the outlet that answers it needs; kept to itself


@dataclass(frozen=True)
class NewJob:
    """What is asked for."""

    contract: str  #: whose shapes the answer has
    task_type: str
    media_store_id: str = ""
    priority: int = 5  #: 0..10, highest first
    request: Mapping[str, Any] = field(default_factory=dict)  #: JSON: what to analyse, and how
    unique: str | None = None  #: a pending or processing job of the same value makes it a duplicate
    idempotency_key: str | None = (
        None  #: a job of any status that has it, and was asked for likewise, is given back instead
    )
    id: str | None = None  #: a uuid4, where it must be known before


@dataclass(frozen=True)
class Job:
    """A kept request. Times are in ms since 1970."""

    id: str  #: uuid4
    number: int  #: > 0, increasing
    contract: str
    task_type: str
    media_store_id: str
    status: Status
    priority: int
    created_at: int
    started_at: int | None = None  #: of the last try
    completed_at: int | None = None
    error_code: str | None = None  #: of the last try that failed
    error_message: str | None = None
    result: dict[str, Any] | None = None
    request: dict[str, Any] = field(default_factory=dict)
    attempts: int = 0  #: how often it was taken
    progress: float | None = None  #: 0..1
    worker: str | None = None


@dataclass(frozen=True)
class Event:
    """A change of a job."""

    id: int  #: increasing
    job_id: str
    kind: str  #: pending, started, progress, completed, failed, cancelled, deleted, sync_failed
    data: dict[str, Any]
    at: int  #: ms since 1970


@dataclass(frozen=True)
class Page:
    """Some of the jobs, newest first."""

    jobs: tuple[Job, ...]
    cursor: str | None  #: for those that follow; None: there are none


@dataclass(frozen=True)
class Sync:
    """Whether the media store has a job's result."""

    job_id: str
    media_store_id: str
    status: str  #: pending, synced, failed
    attempts: int
    error: str | None
    updated_at: int


@dataclass(frozen=True)
class Stats:
    """Counts, at one moment."""

    by_status: dict[str, int]  #: every status
    by_task_type: dict[str, dict[str, int]]  #: of each what has happened to its jobs
    queue_size: int  #: that wait
    oldest_waiting: float | None  #: s
    completed_today: int  #: since midnight UTC
    mean_ms: float | None  #: of those completed
    mean_ms_by_task_type: dict[str, float]

    @property
    def total(self) -> int:
        """Jobs of any status."""
        return sum(self.by_status.values())


@dataclass(frozen=True)
class InHand:
    """A job that a worker has."""

    id: str
    task_type: str


@dataclass(frozen=True)
class WorkerSeen:
    """A process that works on jobs. Times are in ms since 1970, by the database's clock."""

    name: str
    host: str
    pid: int
    started_at: int
    beat_at: int  #: when it was last heard of
    slots: int  #: jobs at the same time
    task_types: tuple[str, ...] | None  #: None: all
    device: str
    state: str  #: idle, busy, stopping
    jobs: tuple[InHand, ...]
    models: tuple[str, ...]  #: in memory, as name@version
    memory_mb: float
    done: int
    failed: int
    version: str


@dataclass(frozen=True)
class Cleaned:
    """What a cleanup took away."""

    job_ids: tuple[str, ...] = ()
    queue_entries: int = 0
