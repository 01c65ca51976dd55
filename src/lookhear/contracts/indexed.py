"""What of any report can be searched: its vectors, whichever door the analysis came by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lookhear.analysis.report import Report
from lookhear.contracts.jobs import Vector, vectors

PICTURES, FACES = "embedding", "face_embedding"
_TASK_TYPES = {PICTURES: "image_embedding", FACES: "face_embedding"}  #: task: the job whose vectors are the same


def all_vectors(report: Report, media_store_id: str, job_id: str, more: Mapping[str, Any]) -> list[Vector]:
    """Of every task that has some; ``more``: what payloads tell beside. ``job_id`` is left out where there is none."""
    found = [
        one
        for task, task_type in _TASK_TYPES.items()
        if task in report
        for one in vectors(task_type, report, media_store_id, job_id)
    ]
    return [replace(one, payload=_told({**one.payload, **more})) for one in found]


def _told(payload: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if value not in ("", None)}
