"""Rows of the tables, as what they stand for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from lookhear.jobs.here import Where
from lookhear.jobs.job import Event, InHand, Job, Status, WorkerSeen
from lookhear.jobs.tables import EVENTS, JOBS

SHOWN = tuple(column for column in JOBS.c if column.name not in ("unique_key", "idempotency_key"))
SELECT_JOB = select(*SHOWN)
SELECT_EVENT = select(EVENTS)
_NAMES = tuple(column.name for column in SHOWN)


def job_of(row: Sequence[Any]) -> Job:
    """From what SHOWN names."""
    values = dict(zip(_NAMES, row, strict=True))
    values["status"] = Status(values["status"])
    values["request"] = json.loads(values["request"])
    values["result"] = None if values["result"] is None else json.loads(values["result"])
    return Job(**values)


def event_of(row: Any) -> Event:
    """From a row of SELECT_EVENT."""
    return Event(row.id, row.job_id, row.kind, json.loads(row.data), row.at)


def worker_of(row: Any, jobs: tuple[InHand, ...]) -> tuple[WorkerSeen, Where]:
    """From a row of the workers, and what they have in hand."""
    seen = WorkerSeen(
        name=row.name,
        host=row.host,
        pid=row.pid,
        started_at=row.started_at,
        beat_at=row.beat_at,
        slots=row.slots,
        task_types=None if row.task_types is None else tuple(json.loads(row.task_types)),
        device=row.device,
        state="stopping" if row.stopping else "busy" if jobs else "idle",
        jobs=jobs,
        models=tuple(json.loads(row.models)),
        memory_mb=row.memory_mb,
        done=row.done,
        failed=row.failed,
        version=row.version,
    )
    return seen, Where(row.host, row.pid, row.place, row.born)


def plain(text: str) -> str:
    """Without what a database refuses: zero bytes, halves of surrogate pairs."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def packed(value: Any) -> str:
    """JSON in ASCII, so that any string survives."""
    return json.dumps(value, separators=(",", ":"))
