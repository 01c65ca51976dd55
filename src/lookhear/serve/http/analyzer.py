"""Models and figures of the analyzer; what it finds goes by message."""

from __future__ import annotations

import dataclasses
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from lookhear.contracts import analyzer
from lookhear.contracts.analyzer import Measured
from lookhear.jobs.job import Stats, Status, WorkerSeen
from lookhear.jobs.tally import TASK, means, together
from lookhear.models.shelf import Shelf
from lookhear.serve.http import parts

router = APIRouter(tags=["analyzer"])


class ModelShown(BaseModel):
    """A version that is installed. ``accuracy``: as measured; null: not measured."""

    name: str
    version: str
    type: str
    status: str
    accuracy: float | None
    classes: list[str]


class Models(BaseModel):
    """All that are installed, and what those that are loaded take."""

    model_config = ConfigDict(protected_namespaces=())

    models: list[ModelShown]
    total_models: int
    memory_usage_mb: float | None


class QueueMetrics(BaseModel):
    """Jobs by state."""

    pending: int
    processing: int
    completed_today: int


class Held(BaseModel):
    """A job in hand."""

    job_id: str
    task_type: str


class WorkerShown(BaseModel):
    """A process that works on jobs. ``task_types``: null for all. Times are in ms since 1970."""

    name: str
    host: str
    pid: int
    state: str
    started_at: int
    beat_at: int
    slots: int
    task_types: list[str] | None
    device: str
    jobs: list[Held]
    models: list[str]
    memory_mb: float
    done: int
    failed: int
    version: str


class Figures(BaseModel):
    """As measured; null: nothing was measured yet. Times are in seconds."""

    processed_files: int
    average_processing_time: float | None
    success_rate: float | None
    error_rate: float | None
    queue_metrics: QueueMetrics
    feature_extraction_times: dict[str, float | None]
    workers: list[WorkerShown]


@router.get("/models", response_model=Models)
async def models(request: Request) -> Any:
    """The models that are installed."""
    return await to_thread.run_sync(_models, parts.service(request).shelf)


@router.get("/stats", response_model=Figures)
async def stats(request: Request) -> Any:
    """How much was processed, how fast, and how well."""
    return await to_thread.run_sync(_stats, parts.service(request))


def _stats(service: Any) -> dict[str, Any]:
    counted: Stats = service.jobs.stats()
    of = counted.by_status
    measured = Measured(
        completed=of[Status.COMPLETED] + of[Status.SYNC_FAILED],
        failed=of[Status.ERROR],
        mean_seconds=None if counted.mean_ms is None else counted.mean_ms / 1000,
        pending=of[Status.PENDING],
        processing=of[Status.PROCESSING],
        completed_today=counted.completed_today,
        task_seconds=means(together(service.jobs.figures(), service.tally.now()), TASK),
    )
    return {**analyzer.stats(measured), "workers": [worker_json(one) for one in service.jobs.workers()]}


def worker_json(seen: WorkerSeen) -> dict[str, Any]:
    """A worker as it is told."""
    told = dataclasses.asdict(seen)
    return {**told, "jobs": [{"job_id": job.id, "task_type": job.task_type} for job in seen.jobs]}


def _models(shelf: Shelf) -> dict[str, Any]:
    loaded = shelf.sessions.status()
    cards = [one.card for one in shelf.store.all().values()]
    return analyzer.models(cards, {f"{one.name}@{one.version}" for one in loaded}, sum(one.memory for one in loaded))
