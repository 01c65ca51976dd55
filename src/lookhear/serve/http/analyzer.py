"""Models and figures of the analyzer; what it finds goes by message."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from lookhear.contracts import analyzer
from lookhear.contracts.analyzer import Measured
from lookhear.jobs.job import Stats, Status
from lookhear.models.shelf import Shelf
from lookhear.serve.http import parts
from lookhear.serve.http.metrics import Metrics

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


class Figures(BaseModel):
    """As measured; null: nothing was measured yet. Times are in seconds."""

    processed_files: int
    average_processing_time: float | None
    success_rate: float | None
    error_rate: float | None
    queue_metrics: QueueMetrics
    feature_extraction_times: dict[str, float | None]


@router.get("/models", response_model=Models)
async def models(request: Request) -> Any:
    """The models that are installed."""
    return await to_thread.run_sync(_models, parts.service(request).shelf)


@router.get("/stats", response_model=Figures)
async def stats(request: Request) -> Any:
    """How much was processed, how fast, and how well."""
    counted: Stats = await to_thread.run_sync(parts.service(request).jobs.stats)
    of = counted.by_status
    measured = Measured(
        completed=of[Status.COMPLETED] + of[Status.SYNC_FAILED],
        failed=of[Status.ERROR],
        mean_seconds=None if counted.mean_ms is None else counted.mean_ms / 1000,
        pending=of[Status.PENDING],
        processing=of[Status.PROCESSING],
        completed_today=counted.completed_today,
        task_seconds=_task_seconds(parts.metrics(request)),
    )
    return analyzer.stats(measured)


def _models(shelf: Shelf) -> dict[str, Any]:
    loaded = shelf.sessions.status()
    cards = [one.card for one in shelf.store.all().values()]
    return analyzer.models(cards, {f"{one.name}@{one.version}" for one in loaded}, sum(one.memory for one in loaded))


def _task_seconds(metrics: Metrics) -> dict[str, float]:
    """Means of what this process did since it began."""
    told: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for family in metrics.inference.collect():
        for sample in family.samples:
            if sample.name.endswith(("_sum", "_count")):
                told[sample.labels["task"]][sample.name.rpartition("_")[2]] += sample.value
    return {task: found["sum"] / found["count"] for task, found in told.items() if found["count"]}
