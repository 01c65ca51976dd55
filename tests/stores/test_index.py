"""The index of files: faces too, and nothing is left of what a file no longer shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

import lookhear
from lookhear.analysis.report import ModelUsed, Report
from lookhear.errors import ModelMismatch, ModelMissing
from lookhear.models.own import Description, import_file
from lookhear.models.shelf import Shelf
from lookhear.outlets.collections import FACES, IMAGES, Collection
from lookhear.outlets.shared import SharedVectors
from lookhear.outlets.vectors import Made
from lookhear.tasks.detections import BoundingBox
from lookhear.tasks.image.face_embedding import EmbeddedFace, FaceEmbeddingResult
from lookhear.wiring.index import Index
from support.clip import RED, WIDTH, empty_shelf, plain, png, write_clip


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    return empty_shelf(tmp_path / "models", monkeypatch)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SharedVectors]:
    store = SharedVectors(tmp_path / "vectors")
    yield store
    store.close()


def report_with(faces: int, picture: Path) -> Report:
    """Of a picture, as if it showed so many faces."""
    report = lookhear.analyze(str(picture), ["embedding"])
    (finding,) = report.findings
    found = tuple(
        EmbeddedFace(BoundingBox(1.0, 2.0, 3.0, 4.0), 0.9, None, (1.0, float(i), 0.0, 0.0)) for i in range(faces)
    )
    provenance = dataclasses.replace(finding.provenance, models=(ModelUsed("arc", "1", "ab"),))
    more = dataclasses.replace(
        finding, task="face_embedding", value=FaceEmbeddingResult(faces, 4, found), provenance=provenance
    )
    return dataclasses.replace(report, findings=(*report.findings, more))


def test_faces_are_kept_under_the_path_as_long_as_the_file_shows_them(
    tmp_path: Path, shelf: Shelf, store: SharedVectors
) -> None:
    import_file(write_clip(tmp_path / "small-clip"), shelf, Description())
    picture = tmp_path / "a.png"
    picture.write_bytes(png(plain(RED)))
    index = Index(store, shelf)
    assert index.tasks == ("embedding",)
    assert not index.known(str(picture), "ab")
    for faces in (2, 1, 0):
        report = report_with(faces, picture)
        assert index.put(str(picture), report) == 1 + faces
        assert store.count(FACES, {"media_store_id": str(picture)}) == faces and store.count(IMAGES) == 1
        assert index.known(str(picture), report.medium.sha256 or "") and not index.known(str(picture), "ab")


def test_there_must_be_a_model_and_one_that_fits(tmp_path: Path, shelf: Shelf, store: SharedVectors) -> None:
    with pytest.raises(ModelMissing, match="lookhear models pull"):
        Index(store, shelf)
    import_file(write_clip(tmp_path / "small-clip"), shelf, Description())
    Collection(store, IMAGES, WIDTH).begin(Made("another", "1", "ab"))
    with pytest.raises(ModelMismatch, match="another"):
        Index(store, shelf)
