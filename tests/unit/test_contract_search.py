"""What is searched by: vectors out of reports, and the ids of those that are kept."""

from __future__ import annotations

import pytest

from lookhear.analysis.report import Finding, MediumFacts, ModelUsed, Provenance, Report, TaskError
from lookhear.contracts.search import SEARCHED, answer, ask
from lookhear.errors import InputError, ModelMissing
from lookhear.media.probe import Probe
from lookhear.tasks.detections import BoundingBox
from lookhear.tasks.image.embedding import EmbeddingResult
from lookhear.tasks.image.face_embedding import EmbeddedFace, FaceEmbeddingResult

MODEL = ModelUsed("arc", "2", "ab" * 32)
BOX = BoundingBox(0.0, 0.0, 1.0, 1.0)


def report(task: str, value: object = None, error: TaskError | None = None) -> Report:
    medium = MediumFacts("x", "image", None, None, None, 1, Probe("image", "png", "PNG"))
    provenance = Provenance("1", "1", {}, "", None, (MODEL, ModelUsed("finder", "1")))
    findings = () if value is None else (Finding(task, value, provenance),)
    return Report(medium, findings, () if error is None else (error,))


def faces(*vectors: tuple[float, ...] | None) -> Report:
    found = tuple(EmbeddedFace(BOX, 0.9, None, vector) for vector in vectors)
    return report("face_embedding", FaceEmbeddingResult(len(found), 2, found))


def test_an_image_is_its_one_vector() -> None:
    images = SEARCHED["images"]
    assert answer(images, report("embedding", EmbeddingResult((0.6, 0.8)))) == ((0.6, 0.8), MODEL)
    with pytest.raises(InputError, match="no picture"):
        answer(images, report("embedding", EmbeddingResult(())))


def test_faces_are_told_by_their_place() -> None:
    told = faces((1.0, 0.0), None, (0.0, 1.0))
    assert answer(SEARCHED["faces"], told, 0)[0] == (1.0, 0.0)
    assert answer(SEARCHED["faces"], told, 2) == ((0.0, 1.0), MODEL)
    for place in (1, 3):
        with pytest.raises(InputError, match=f"no face {place}"):
            answer(SEARCHED["faces"], told, place)
    with pytest.raises(InputError, match="No face was found"):
        answer(SEARCHED["faces"], faces())


def test_a_task_that_failed_says_why() -> None:
    error = TaskError("embedding", "model_missing", "Get one.")
    with pytest.raises(ModelMissing, match="Get one"):
        answer(SEARCHED["images"], report("embedding", error=error))


def test_the_model_of_the_collection_is_asked_for() -> None:
    assert ask(SEARCHED["images"]).options == {}
    assert ask(SEARCHED["faces"], "arc@2").options == {"face_embedding": {"model": "arc@2"}}


def test_ids_are_those_that_jobs_give() -> None:
    assert [SEARCHED["images"].point("12", place) for place in (0, 1)] == [12, 12]
    assert [SEARCHED["faces"].point("12", place) for place in (0, 1)] == [12000, 12001]
