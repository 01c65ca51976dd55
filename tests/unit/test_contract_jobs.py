"""Jobs as their clients get them: requests, results, numbers of vectors."""

from __future__ import annotations

import dataclasses
import io
import uuid
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

import lookhear
from examples.picture import write_poster
from examples.tune import compose, write
from lookhear.analysis.report import ModelUsed
from lookhear.contracts import jobs
from lookhear.contracts.base import Ask, status_of
from lookhear.contracts.points import as_sent, face_point_id, point_id
from lookhear.errors import ModelMissing, UnknownTask, WrongMedium
from lookhear.tasks.image.face_embedding import EmbeddedFace, FaceEmbeddingResult
from support.film import encode
from support.models import installed
from support.reports import with_finding

POINT = {"left_eye", "right_eye", "nose", "left_mouth", "right_mouth"}
texts = st.text("0123456789abcXYZ-_/ é", min_size=1, max_size=24)


def analysed(name: str, source: Any) -> lookhear.Report:
    asked = jobs.ask(name)
    return lookhear.analyze(source, asked.tasks, asked.options)


@pytest.mark.parametrize(
    ("told", "text"), [("a-1", "a-1"), (123, "123"), ("007", "007"), (-1, "-1"), (2**70, str(2**70))]
)
def test_ids_are_text_or_numbers(told: Any, text: str) -> None:
    request = jobs.JobRequest.model_validate({"media_store_id": told, "colour": "blue"})
    assert (request.media_store_id, request.priority) == (text, 5)


@pytest.mark.parametrize(
    "body",
    [{}, {"media_store_id": ""}, {"media_store_id": True}, {"media_store_id": 1.5}, {"media_store_id": None},
     {"media_store_id": "a\nb"}, {"media_store_id": "a" * 256}, {"media_store_id": "a", "priority": 11},
     {"media_store_id": "a", "priority": -1}, {"media_store_id": "a", "priority": 2.5}],
)  # fmt: skip
def test_bad_bodies_are_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        jobs.JobRequest.model_validate(body)


def test_task_types_are_three_and_every_task() -> None:
    assert jobs.ask("image_embedding") == Ask(("embedding",))
    assert jobs.ask("face_detection").options["faces"]["crops"] is True
    for task in lookhear.tasks():
        assert task.name in jobs.ask(task.name).tasks
    with pytest.raises(UnknownTask, match="face_detection") as raised:
        jobs.ask("smell")
    assert status_of(raised.value, jobs.STATUSES) == 400
    assert jobs.twin("mir", "1") != jobs.twin("mir", "2")


def test_every_other_task_has_its_own_result(tmp_path: Path) -> None:
    write(compose(4), tmp_path / "tune.flac", "flac", "s16")
    report = analysed("mir", tmp_path / "tune.flac")
    found = jobs.result("mir", report, "1")
    assert found["key"] == "A" and found["beats"] == list(report["mir"].beats)
    assert jobs.vectors("mir", report, "1", "job") == []
    with pytest.raises(WrongMedium, match="audio"):
        jobs.result("colors", analysed("colors", tmp_path / "tune.flac"), "1")


def test_an_image_as_a_vector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_poster(tmp_path / "poster.png", 0.2)
    with pytest.raises(ModelMissing, match="lookhear models pull"):
        jobs.result("image_embedding", analysed("image_embedding", tmp_path / "poster.png"), "123")
    installed(monkeypatch, "image", "embedding")
    report = analysed("image_embedding", tmp_path / "poster.png")
    (vector,) = jobs.vectors("image_embedding", report, "123", "job-1")
    assert (vector.collection, vector.point_id, vector.vector) == ("image_embeddings", 123, report["embedding"].vector)
    assert vector.payload == {"job_id": "job-1", "media_store_id": 123, "task_type": "image_embedding"}
    assert vector.model == report.findings[0].provenance.models[0]
    assert jobs.result("image_embedding", report, "123", {123}) == {
        "embedding_dimension": len(vector.vector),
        "stored_in_vector_db": True,
        "collection": "image_embeddings",
        "point_id": 123,
    }
    assert jobs.result("image_embedding", report, "photo")["stored_in_vector_db"] is False
    (named,) = jobs.vectors("image_embedding", report, "photo", "job-1")
    assert named.payload["media_store_id"] == "photo" and named.point_id == point_id("photo")


def test_faces_of_an_image(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "image", "faces")
    report = analysed("face_detection", shared / "images/ski_astronaut.png")
    found = jobs.result("face_detection", report, "1")
    assert list(found) == ["faces", "face_count"] and found["face_count"] == 1
    (face,) = found["faces"]
    assert list(face) == ["face_index", "bbox", "confidence", "landmarks"]
    assert face["face_index"] == 0 and set(face["bbox"]) == {"x", "y", "width", "height"}
    assert set(face["landmarks"]) == POINT and all(len(point) == 2 for point in face["landmarks"].values())
    (crop,) = jobs.crops(report)
    assert Image.open(io.BytesIO(crop)).format == "JPEG"


def test_faces_of_a_film_are_told_once(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "video", "faces")
    picture = np.asarray(Image.open(shared / "images/ski_astronaut.png").convert("RGB"))
    report = analysed("face_detection", encode([picture] * 60))
    found = jobs.result("face_detection", report, "1")
    (face,), (track,) = found["faces"], report["faces"].tracks
    assert face["bbox"] == dataclasses.asdict(track.bbox) and set(face["landmarks"]) == POINT
    assert len(jobs.crops(report)) == 1


def test_faces_as_vectors(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "image", "faces")
    report = analysed("face_embedding", shared / "images/ski_astronaut.png")
    with pytest.raises(ModelMissing):
        jobs.result("face_embedding", report, "123")
    (face,) = report["faces"].faces
    points = tuple(getattr(face.landmarks, name) for name in jobs.POINTS)
    vector = (0.6, 0.8, *[0.0] * 510)
    known = EmbeddedFace(face.bbox, face.confidence, points, vector)
    faces = (known, dataclasses.replace(known, landmarks=None, embedding=None), known)
    used = ModelUsed("auraface", "1", "ab" * 32)
    report = with_finding(report, "face_embedding", FaceEmbeddingResult(3, 512, faces), used, ModelUsed("yunet", "n"))
    first, last = jobs.vectors("face_embedding", report, "123", "job-1")
    assert [(one.collection, one.point_id, one.index, one.model) for one in (first, last)] == [
        ("faces", 123000, 0, used), ("faces", 123002, 2, used),
    ]  # fmt: skip
    assert first.vector == vector and set(first.payload) == {
        "job_id", "media_store_id", "task_type", "face_index", "bbox", "landmarks", "confidence",
    }  # fmt: skip
    found = jobs.result("face_embedding", report, "123", {123000, 123002})
    assert (found["face_count"], found["stored_in_vector_db"]) == (3, True)
    assert list(found["faces"][0]) == [
        "face_index", "bbox", "confidence", "landmarks", "embedding_dimension", "point_id", "stored_in_vector_db",
        "embedded_in_vector_db",
    ]  # fmt: skip
    assert found["faces"][2]["point_id"] == 123002 and found["faces"][2]["embedded_in_vector_db"] is True
    assert set(found["faces"][0]["landmarks"]) == POINT
    bare = found["faces"][1]
    assert (bare["landmarks"], bare["point_id"], bare["embedding_dimension"]) == (None, None, None)
    assert bare["stored_in_vector_db"] is bare["embedded_in_vector_db"] is False
    assert jobs.result("face_embedding", report, "123", {123000})["stored_in_vector_db"] is False
    none = with_finding(report, "face_embedding", FaceEmbeddingResult(), used)
    empty = jobs.result("face_embedding", none, "123")
    assert empty == {"faces": [], "face_count": 0, "stored_in_vector_db": False}


@given(texts | st.integers(0, 10**20).map(str))
def test_numbers_of_vectors_are_exact_everywhere(media: str) -> None:
    point = point_id(media)
    assert point >= 0 and point * 1000 + 999 < 2**53 and point == point_id(media)
    assert face_point_id(media, 7) == point * 1000 + 7
    assert as_sent(media) in (media, point) and str(as_sent(media)) == media
    if media.isascii() and media.isdigit() and str(int(media)) == media and int(media) < 2**42:
        assert point == int(media)
    elif str(point) != media:
        assert point >= 2**42


def test_numbers_of_vectors_never_change() -> None:
    assert [point_id(media) for media in ("0", "123", "photo-456", "007")] == [0, 123, 5193025844217, 8641769853560]
    assert (face_point_id("123", 0), face_point_id("123", 1)) == (123000, 123001)
    assert len({point_id(f"image-{i}") for i in range(5000)}) == 5000
    with pytest.raises(ValueError, match="first 1000 faces"):
        face_point_id("1", 1000)


class Status(StrEnum):
    PENDING = "pending"


@dataclasses.dataclass(frozen=True)
class Kept:
    id: str
    task_type: str
    media_store_id: str
    status: Status
    priority: int
    created_at: int
    started_at: int | None = None
    completed_at: int | None = None
    error_message: str | None = None
    result: dict[str, Any] | None = None


def test_a_job_has_ten_keys() -> None:
    job = Kept(str(uuid.uuid4()), "mir", "7", Status.PENDING, 5, 1700000000000)
    told = jobs.job_json(job)
    assert told == {
        "job_id": job.id,
        "task_type": "mir",
        "media_store_id": "7",
        "status": "pending",
        "priority": 5,
        "created_at": 1700000000000,
        "started_at": None,
        "completed_at": None,
        "error_message": None,
        "result": None,
    }
    assert type(told["status"]) is str
    assert jobs.job_json(dataclasses.replace(job, result={"tempo": 112}))["result"] == {"tempo": 112}


def test_what_admins_get() -> None:
    told = jobs.admin_stats(2, {"pending": 2, "cancelled": 9}, 11, 3 * 2**19)
    assert told == {
        "queue_size": 2,
        "jobs": {"pending": 2, "processing": 0, "completed": 0, "error": 0, "sync_failed": 0},
        "storage": {"total_jobs": 11, "disk_usage_mb": 1.5},
    }
    assert jobs.cleaned(1, 2, 3) == {"jobs_deleted": 1, "files_deleted": 2, "queue_entries_removed": 3}
    plain = jobs.CleanupRequest()
    assert (plain.status, plain.remove_orphaned_files) == (None, False)
    with pytest.raises(ValidationError):
        jobs.CleanupRequest.model_validate({"status": "pending"})
