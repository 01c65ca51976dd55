"""Jobs on media of a media store: ``/job`` and ``/admin``. What each task type does, and what its result looks like.

Three task types have shapes of their own; every other task goes by its name, and its result is that of the task.
Of a film, ``face_detection`` tells each face once, where it is surest.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, field_validator

from lookhear.analysis.codec import plain
from lookhear.analysis.report import ModelUsed, Report
from lookhear.contracts.base import Ask, Statuses, found, models_of, value
from lookhear.contracts.points import FACES_EACH, as_sent, face_point_id, point_id
from lookhear.errors import UnknownTask
from lookhear.tasks.catalogue import check_name

STATUSES: Statuses = {UnknownTask: 400}
IMAGES, FACES = "image_embeddings", "faces"  #: collections
POINTS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
_FOUND = {"faces": {"crops": True, "max_faces": FACES_EACH}}


class JobRequest(BaseModel):
    """What a job is about. Unknown fields are ignored."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [{"media_store_id": "123", "priority": 5}]}
    )

    media_store_id: StrictStr | StrictInt = Field(description="Which medium of the media store, as text or a number.")
    priority: StrictInt = Field(5, ge=0, le=10, description="The highest is done first.")

    @field_validator("media_store_id")
    @classmethod
    def _as_text(cls, told: str | int) -> str:
        text = str(told)
        if not 1 <= len(text) <= 255 or not text.isprintable():
            raise ValueError("It must be 1 to 255 characters that can be printed.")
        return text


class CleanupRequest(BaseModel):
    """Which jobs go, and what of them. Unknown fields are ignored."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [{"older_than_seconds": 86400, "status": "error"}]}
    )

    older_than_seconds: float = Field(7 * 86400.0, ge=0, le=1e10, allow_inf_nan=False, description="Since they ended.")
    status: Literal["completed", "error", "sync_failed", "cancelled"] | None = Field(
        None, description="null: all of these."
    )
    remove_results: bool = Field(True, description="Their files and vectors, too.")
    remove_queue: bool = Field(True, description="Entries of the queue whose jobs are gone.")
    remove_orphaned_files: bool = Field(False, description="Files of jobs that nobody knows.")


class Job(Protocol):
    """A kept job, as far as clients are told of it. Times in ms since 1970."""

    @property
    def id(self) -> str: ...
    @property
    def task_type(self) -> str: ...
    @property
    def media_store_id(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def priority(self) -> int: ...
    @property
    def created_at(self) -> int: ...
    @property
    def started_at(self) -> int | None: ...
    @property
    def completed_at(self) -> int | None: ...
    @property
    def error_message(self) -> str | None: ...
    @property
    def result(self) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True)
class Vector:
    """A vector to keep, and the model that made it. ``index``: of the face, None for the whole medium."""

    collection: str
    point_id: int
    vector: tuple[float, ...]
    payload: dict[str, Any]
    model: ModelUsed
    index: int | None = None


@dataclass(frozen=True)
class Context:
    """What results tell beside the report."""

    media_store_id: str
    job_id: str = ""
    stored: Collection[int] = ()  #: ids of the vectors that are kept


@dataclass(frozen=True)
class TaskType:
    """What a task type asks of the engine, and how its result is read."""

    ask: Ask
    result: Callable[[Report, Context], dict[str, Any]]
    vectors: Callable[[Report, Context], Iterator[Vector]] = field(default=lambda report, context: iter(()))


def task_type(name: str) -> TaskType:
    """The one of that name. Raises UnknownTask."""
    if name in TASK_TYPES:
        return TASK_TYPES[name]
    try:
        check_name(name)
    except UnknownTask as error:
        raise UnknownTask(f"{error.message} Or: {', '.join(TASK_TYPES)}.") from error
    return TaskType(Ask((name,)), lambda report, context: dict(plain(value(report, name))))


def ask(name: str) -> Ask:
    """What a job of that type does. Raises UnknownTask."""
    return task_type(name).ask


def vectors(name: str, report: Report, media_store_id: str, job_id: str) -> list[Vector]:
    """What is to be kept in the vector database. Raises the error of the task."""
    return list(task_type(name).vectors(report, Context(media_store_id, job_id)))


def result(name: str, report: Report, media_store_id: str, stored: Collection[int] = ()) -> dict[str, Any]:
    """The result of a job; ``stored``: ids of those vectors that are kept. Raises the error of the task."""
    return task_type(name).result(report, Context(media_store_id, stored=stored))


def crops(report: Report) -> list[bytes]:
    """JPEGs of the faces, in the order of ``face_index``; empty bytes where there is none."""
    return [base64.b64decode(face.crop or "") for face in _faces(found(report, "faces"))]


def twin(name: str, media_store_id: str) -> str:
    """Two jobs of the same are not wanted at once."""
    return f"job:{name}:{media_store_id}"


def own_key(contract: str, sub: str, key: str | None) -> str | None:
    """An idempotency key among those of all doors and callers."""
    return None if key is None else f"{contract}:{len(sub)}:{sub}:{key}"


def job_json(job: Job) -> dict[str, Any]:
    """A job as clients get it: always all ten keys."""
    return {
        "job_id": job.id,
        "task_type": job.task_type,
        "media_store_id": job.media_store_id,
        "status": str(job.status),
        "priority": job.priority,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
        "error_message": job.error_message,
        "result": None if job.result is None else dict(job.result),
    }


def admin_stats(queue_size: int, by_status: Mapping[str, int], total_jobs: int, disk_bytes: int) -> dict[str, Any]:
    """The answer of ``/admin/stats``."""
    states = ("pending", "processing", "completed", "error", "sync_failed")
    return {
        "queue_size": queue_size,
        "jobs": {state: by_status.get(state, 0) for state in states},
        "storage": {"total_jobs": total_jobs, "disk_usage_mb": round(disk_bytes / 2**20, 3)},
    }


def cleaned(jobs_deleted: int, files_deleted: int, queue_entries_removed: int) -> dict[str, int]:
    """The answer of ``/admin/cleanup``."""
    told = {"jobs_deleted": jobs_deleted, "files_deleted": files_deleted}
    return {**told, "queue_entries_removed": queue_entries_removed}


def _embedding(report: Report, context: Context) -> dict[str, Any]:
    point = point_id(context.media_store_id)
    return {
        "embedding_dimension": len(value(report, "embedding").vector),
        "stored_in_vector_db": point in context.stored,
        "collection": IMAGES,
        "point_id": point,
    }


def _embedding_vectors(report: Report, context: Context) -> Iterator[Vector]:
    vector = value(report, "embedding").vector
    if vector:
        payload = _payload(context, "image_embedding")
        yield Vector(IMAGES, point_id(context.media_store_id), vector, payload, models_of(report, "embedding")[0])


def _detection(report: Report, context: Context) -> dict[str, Any]:
    faces = _faces(value(report, "faces"))
    told = [
        {**_place(index, face), "landmarks": None if face.landmarks is None else plain(face.landmarks)}
        for index, face in enumerate(faces)
    ]
    return {"faces": told, "face_count": len(told)}


def _faces(found: Any) -> list[Any]:
    """Of a picture all; of a film each track's where it is surest."""
    if hasattr(found, "tracks"):
        seen = {(frame.frame, face.track): face for frame in found.frames for face in frame.faces}
        return [seen[track.frame, track.track] for track in found.tracks[:FACES_EACH]]
    return list(found.faces[:FACES_EACH]) if found is not None else []


def _face_embedding(report: Report, context: Context) -> dict[str, Any]:
    told = [
        {
            **_place(index, face),
            "landmarks": _named(face.landmarks),
            "embedding_dimension": None if face.embedding is None else len(face.embedding),
            **_stored(index, face, context),
        }
        for index, face in enumerate(value(report, "face_embedding").faces[:FACES_EACH])
    ]
    kept = [face["stored_in_vector_db"] for face in told if face["point_id"] is not None]
    return {"faces": told, "face_count": len(told), "stored_in_vector_db": bool(kept) and all(kept)}


def _stored(index: int, face: Any, context: Context) -> dict[str, Any]:
    point = None if face.embedding is None else face_point_id(context.media_store_id, index)
    kept = point in context.stored
    return {"point_id": point, "stored_in_vector_db": kept, "embedded_in_vector_db": kept}


def _face_vectors(report: Report, context: Context) -> Iterator[Vector]:
    for index, face in enumerate(value(report, "face_embedding").faces[:FACES_EACH]):
        if face.embedding is not None:
            payload = {
                **_payload(context, "face_embedding"),
                **_place(index, face),
                "landmarks": _named(face.landmarks),
            }
            point = face_point_id(context.media_store_id, index)
            yield Vector(FACES, point, face.embedding, payload, models_of(report, "face_embedding")[0], index)


def _place(index: int, face: Any) -> dict[str, Any]:
    return {"face_index": index, "bbox": asdict(face.bbox), "confidence": face.confidence}


def _named(landmarks: Any) -> dict[str, list[float]] | None:
    return None if landmarks is None else {name: list(xy) for name, xy in zip(POINTS, landmarks, strict=True)}


def _payload(context: Context, name: str) -> dict[str, Any]:
    return {"job_id": context.job_id, "media_store_id": as_sent(context.media_store_id), "task_type": name}


TASK_TYPES: dict[str, TaskType] = {
    "image_embedding": TaskType(Ask(("embedding",)), _embedding, _embedding_vectors),
    "face_detection": TaskType(Ask(("faces",), _FOUND), _detection),
    "face_embedding": TaskType(Ask(("face_embedding", "faces"), _FOUND), _face_embedding, _face_vectors),
}
