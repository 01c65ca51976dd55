"""Where the result of a job on a stored medium goes: vectors, files, the media store."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from lookhear.analysis.report import Report
from lookhear.contracts import jobs
from lookhear.contracts.jobs import Vector
from lookhear.errors import LookhearError
from lookhear.jobs.control import Outcome
from lookhear.jobs.job import Job, Status
from lookhear.outlets.collections import Collection
from lookhear.outlets.vectors import Made, Point, Vectors

if TYPE_CHECKING:
    from lookhear.wiring.service import Service

_SYNCED, _FAILED = "synced", "failed"


def deliver(service: Service, job: Job, report: Report) -> Outcome:
    """Everything is kept, in an order that a second try repeats without harm.

    Raises the error of the task, and OutletFailed where vectors or files cannot be kept now. A media store that does not
    take the result costs the delivery, not the result: SYNC_FAILED.
    """
    kept = jobs.vectors(job.task_type, report, job.media_store_id, job.id)
    crops = jobs.crops(report)
    crops = crops if any(crops) else []  # a task by its own name may have left them out
    _keep_files(service, job.id, kept, crops)
    stored = keep_vectors(service.vectors, kept) if kept else set()
    result = jobs.result(job.task_type, report, job.media_store_id, stored)
    return Outcome(result, _sync(service, job, result, crops))


def _keep_files(service: Service, job_id: str, vectors: list[Vector], crops: list[bytes]) -> None:
    of_faces = {one.index: np.asarray(one.vector, np.float32) for one in vectors if one.index is not None}
    for one in vectors:
        if one.index is None:
            service.files.put_embedding(job_id, np.asarray(one.vector, np.float32))
    for index, crop in enumerate(crops):
        service.files.put_face(job_id, index, crop, of_faces.get(index))


def keep_vectors(store: Vectors, vectors: list[Vector]) -> set[int]:
    """Ids of those that are kept. Raises VectorsUnavailable, ModelMismatch."""
    grouped: dict[tuple[str, Made], list[Vector]] = defaultdict(list)
    for one in vectors:
        made = Made(one.model.name, one.model.version, one.model.sha256 or "")
        grouped[one.collection, made].append(one)
    for (name, made), group in grouped.items():
        collection = Collection(store, name, len(group[0].vector))
        collection.put([Point(one.point_id, one.vector, one.payload) for one in group], made)
    return {one.point_id for one in vectors}


def _sync(service: Service, job: Job, result: dict[str, object], crops: list[bytes]) -> Status:
    try:
        service.media.deliver(job.media_store_id, job.id, result, crops)
    except LookhearError as error:
        service.jobs.note_sync(job, _FAILED, error.message)
        return Status.SYNC_FAILED
    service.jobs.note_sync(job, _SYNCED)
    return Status.COMPLETED
