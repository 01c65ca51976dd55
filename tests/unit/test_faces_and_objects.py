"""Faces and objects with real weights, on real pictures whose truth is known, and on pictures that are hardly any."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookhear
from lookhear.dsp.boxes import iou
from lookhear.errors import InvalidOptions, UnknownModel
from support.models import installed


@pytest.fixture(autouse=True)
def weights(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "image", "faces", "objects")


def corners(found: list[list[float]]) -> np.ndarray:
    boxes = np.array(found, np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def boxes_of(report: lookhear.Report) -> np.ndarray:
    return corners([[face.bbox.x, face.bbox.y, face.bbox.width, face.bbox.height] for face in report["faces"].faces])


def test_labelled_faces_are_found_and_hardly_any_other(shared: Path) -> None:
    truth = json.loads((shared / "GROUND_TRUTH.json").read_text())
    labelled = {name: facts["boxes_xywh"] for name, facts in truth.items() if "boxes_xywh" in facts}
    hits = missed = false = 0
    for name, expected in labelled.items():
        pairs = iou(corners(expected), boxes_of(lookhear.analyze(shared / name, ["faces"])))
        hits += int((pairs > 0.4).any(axis=1).sum())
        missed += int((pairs <= 0.4).all(axis=1).sum())
        false += int((pairs <= 0.4).all(axis=0).sum())
    assert (hits, missed) == (36, 0) and false <= 1


def test_a_face_is_told_as_one_sees_it(shared: Path) -> None:
    report = lookhear.analyze(shared / "images/ski_astronaut.png", ["faces"], {"faces": {"crops": True}})
    (face,) = report["faces"].faces
    points = face.landmarks
    assert face.confidence > 0.9 and points is not None
    assert points.left_eye[0] < points.nose[0] < points.right_eye[0]
    assert points.left_eye[1] < points.nose[1] < points.left_mouth[1]
    box = face.bbox
    assert box.x < points.left_eye[0] < box.x + box.width and box.y < points.nose[1] < box.y + box.height
    crop = Image.open(io.BytesIO(base64.b64decode(face.crop)))
    assert crop.format == "JPEG" and max(crop.size) <= 224
    (used,) = report.findings[0].provenance.models
    assert (used.name, used.version) == ("yunet", "n") and len(used.sha256 or "") == 64
    assert lookhear.from_json(lookhear.to_json(report)) == report


def test_places_are_those_of_the_original_however_large_it_is(shared: Path, tmp_path: Path) -> None:
    picture = Image.open(shared / "images/ski_astronaut.png").convert("RGB")
    small = lookhear.analyze(shared / "images/ski_astronaut.png", ["faces"])
    picture.resize((4096, 4096)).save(tmp_path / "large.jpg", quality=92)
    large = lookhear.analyze(tmp_path / "large.jpg", ["faces"])
    assert iou(boxes_of(small) * 8, boxes_of(large)).max() > 0.8
    turned = picture.rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned right
    turned.save(tmp_path / "turned.jpg", quality=95, exif=exif)
    upright = lookhear.analyze(tmp_path / "turned.jpg", ["faces"])
    assert iou(boxes_of(small), boxes_of(upright)).max() > 0.8


@pytest.mark.parametrize(
    ("name", "expected"),
    [("images/coral_cat_720p.jpg", "cat"), ("images/ski_chelsea.png", "cat"), ("images/coral_bird.bmp", "bird"),
     ("images/coral_parrot.jpg", "bird"), ("images/coral_hot_dog.jpg", "hot dog"), ("images/ski_astronaut.png", "person")],
)  # fmt: skip
@pytest.mark.parametrize("model", ["yolox-nano", "fastestdet"])
def test_labelled_objects_are_found(shared: Path, name: str, expected: str, model: str) -> None:
    found = lookhear.analyze(shared / name, ["objects"], {"objects": {"model": model}})["objects"]
    assert expected in found.labels and found.objects[0].label in found.labels
    assert found.object_count == sum(found.labels.values()) == len(found.objects)


def test_a_film_is_told_in_tracks(shared: Path) -> None:
    report = lookhear.analyze(shared / "video/intel_one-by-one-person-detection.mp4", ["faces", "objects"])
    assert report.errors == ()
    objects = report["objects"]
    people = [track for track in objects.tracks if track.label == "person"]
    assert people and all(track.end > track.start for track in people)
    assert objects.labels["person"] == len(people)
    assert {one.track for frame in objects.frames for one in frame.objects} == {track.track for track in objects.tracks}
    assert sum(track.sightings for track in objects.tracks) == sum(len(frame.objects) for frame in objects.frames)
    assert lookhear.from_json(lookhear.to_json(report)) == report


def test_every_so_many_frames_on_the_clock_of_the_film(shared: Path) -> None:
    found = lookhear.analyze(shared / "video/asl_milk.mkv", ["objects"], {"objects": {"frame_interval": 20}})["objects"]
    assert [frame.frame for frame in found.frames] == [0, 20, 40]
    assert [frame.time for frame in found.frames] == pytest.approx([0, 20 / 30, 40 / 30], abs=0.01)
    assert all("person" in {one.label for one in frame.objects} for frame in found.frames)


def drawn(pixels: np.ndarray, **how: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **how)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((1, 1, 3), np.uint8), np.zeros((1, 3000, 3), np.uint8), np.full((3000, 2, 3), 255, np.uint8),
     np.full((64, 64), 128, np.uint8), np.zeros((200, 300, 4), np.uint8),
     np.random.default_rng(1).integers(0, 256, (400, 600, 3), np.uint8)],
    ids=["a pixel", "a line", "a column", "grey", "transparent", "noise"],
)  # fmt: skip
@pytest.mark.parametrize("model", ["yunet", "ultraface"])
def test_where_nothing_is_nothing_is_found(pixels: np.ndarray, model: str) -> None:
    report = lookhear.analyze(drawn(pixels), ["faces", "objects"], {"faces": {"model": model}})
    assert report.errors == () and report["faces"].faces == ()
    assert report["objects"].object_count == len(report["objects"].objects)


def test_a_thousand_faces(shared: Path) -> None:
    """A wall of one face, forty by thirty times."""
    face = Image.open(shared / "images/ski_astronaut.png").convert("RGB").crop((170, 0, 280, 180)).resize((40, 52))
    wall = Image.new("RGB", (1600, 1560))
    for row in range(30):
        for column in range(40):
            wall.paste(face, (40 * column, 52 * row))
    report = lookhear.analyze(drawn(np.asarray(wall)), ["faces"], {"faces": {"min_confidence": 0.5}})
    assert report["faces"].face_count >= 900
    few = lookhear.analyze(drawn(np.asarray(wall)), ["faces"], {"faces": {"max_faces": 20}})
    assert few["faces"].face_count == 20 and "20 faces or more" in few.warnings[0].message


def test_what_is_asked_wrongly_is_told_before_anything_is_decoded() -> None:
    for options in ({"min_confidence": 0}, {"max_overlap": 2}, {"max_faces": 0}):
        with pytest.raises(InvalidOptions):
            lookhear.analyze(b"no picture", ["faces"], {"faces": options})
    with pytest.raises(UnknownModel, match=r"yolox-nano.* is for objects"):
        lookhear.analyze(b"no picture", ["faces"], {"faces": {"model": "yolox-nano"}})
    with pytest.raises(UnknownModel, match=r"no model 'nosuch' for faces\. Known: .*yunet"):
        lookhear.analyze(b"no picture", ["faces"], {"faces": {"model": "nosuch"}})


def test_only_the_labels_that_are_wanted(shared: Path) -> None:
    picture = shared / "images/fastestdet_3.jpg"
    found = lookhear.analyze(picture, ["objects"], {"objects": {"labels": ["frisbee"]}})["objects"]
    assert set(found.labels) == {"frisbee"}
    report = lookhear.analyze(picture, ["objects"], {"objects": {"labels": ["unicorn"]}})
    assert "knows no 'unicorn'" in report.errors[0].message
