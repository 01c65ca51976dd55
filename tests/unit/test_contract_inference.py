"""Requests and answers of inference on films: hashes of old, real reports, scenes that tile."""

from __future__ import annotations

import dataclasses
import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

import lookhear
from examples.film import write_film
from examples.picture import write_poster
from examples.tune import compose
from lookhear.analysis.report import ModelUsed
from lookhear.contracts import inference
from lookhear.contracts.base import Ask, status_of
from lookhear.contracts.inference_answers import answer, tiles
from lookhear.contracts.model_names import DETECTOR, Known
from lookhear.errors import HashMismatch, MediumNotFound, ModelMissing, UnknownModel, UnknownTask, WrongMedium
from lookhear.models.catalogue import load_catalogue
from lookhear.tasks.audio.transcript import TranscriptResult, TranscriptSegment
from lookhear.tasks.audio.transcript.result import TranscriptWord
from support.film import encode, panned
from support.models import installed
from support.reports import with_finding

KNOWN = Known(load_catalogue().cards)
HASHES = {
    "objects": "624c4bbab9d15998",
    "faces": "b4398c653436ee09",
    "transcribe": "542381b7a48f556c",
    "ocr": "cc9fee3d6c6759fe",
    "places": "ba06dfe294c6e66e",
    "scenes": "b47fa0eadb2a8d20",
}
COMMON = ["run_id", "config_hash", "input_hash", "producer", "producer_version", "model"]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write_film(path, compose(8))
    return path


def inferred(path: str, source: Any, **fields: Any) -> dict[str, Any]:
    config = inference.inference(path).request.model_validate({"video_path": "film.mp4", **fields})
    asked = inference.ask(path, config, KNOWN)
    return answer(path, config, lookhear.analyze(source, asked.tasks, asked.options))


@pytest.mark.parametrize("path", HASHES)
def test_the_hash_of_a_configuration_is_what_it_always_was(path: str) -> None:
    one = inference.inference(path)
    asked = one.request.model_validate({"video_path": "/films/a.mp4", "input_hash": "0" * 16, "colour": "blue"})
    assert inference.config_hash(asked) == inference.config_hash(one.form()) == HASHES[path]
    changed = one.form.model_validate({"frame_interval": 5, "threshold": 0.5, "language": "de"})
    assert inference.config_hash(changed) != HASHES[path]


def test_a_request_needs_a_path_and_sound_values() -> None:
    for wrong in (
        {},
        {"video_path": ""},
        {"video_path": "a", "frame_interval": 0},
        {"video_path": "a", "model_profile": "x"},
    ):
        with pytest.raises(ValidationError):
            inference.ObjectsRequest.model_validate(wrong)
    with pytest.raises(ValidationError):
        inference.ScenesRequest.model_validate({"video_path": "a", "min_scene_length": "inf"})
    with pytest.raises(UnknownTask, match="objects, faces, transcribe"):
        inference.inference("smells")


def test_thresholds_and_intervals_reach_the_tasks() -> None:
    config = inference.ObjectsConfig(frame_interval=7, confidence_threshold=0)
    assert inference.ask("objects", config, KNOWN) == Ask(
        ("objects",), {"objects": {"frame_interval": 7, "min_confidence": 1e-6, "model": "auto"}}
    )
    config2 = inference.TranscribeConfig(language="de", vad_filter=False)
    assert inference.ask("transcribe", config2, KNOWN).options["transcript"] == {
        "language": "de", "vad_filter": False, "word_timestamps": True, "model": "auto",
    }  # fmt: skip
    assert inference.ask("scenes", inference.ScenesConfig(), KNOWN).options["scenes"] == {
        "threshold": 0.4, "min_scene_length": 0.6,
    }  # fmt: skip


def test_the_input_hash_is_checked() -> None:
    empty = xxhash.xxh64(b"").hexdigest()
    assert empty == "ef46db3751d8e999"
    inference.check_hash(None, empty)
    inference.check_hash("EF46DB3751D8E999", empty)
    for wrong, why in (("0" * 16, "has changed"), ("sha256:abc", "16 hexadecimal digits")):
        with pytest.raises(HashMismatch, match=why) as raised:
            inference.check_hash(wrong, empty)
        assert status_of(raised.value, inference.STATUSES) == 400
    assert status_of(MediumNotFound(""), inference.STATUSES) == 400


def test_old_names_stand_for_the_active_model() -> None:
    cards = {card.name: card for card in reversed(KNOWN.catalogue)}
    there = Known(KNOWN.catalogue, tuple(cards[name] for name in ("yolox-s", "yolox-l", "yolox-nano", "yunet")))
    name = DETECTOR.default
    assert (there.model(DETECTOR, name), KNOWN.model(DETECTOR, name), KNOWN.model(DETECTOR, "auto")) == ("auto",) * 3
    assert there.model(DETECTOR, name, "fast") == "yolox-nano" and KNOWN.model(DETECTOR, name, "fast") == "auto"
    assert there.model(DETECTOR, name, "high_quality") == "yolox-l"
    assert there.model(DETECTOR, "yolox-s", "high_quality") == "yolox-s"
    own = dataclasses.replace(cards["yolox-s"], name="yolov8n", family="yolov8", aliases=())
    for profile in ("fast", "balanced", "high_quality"):
        assert Known(KNOWN.catalogue, (*there.installed, own)).model(DETECTOR, name, profile) == "yolov8n"
    assert there.model(DETECTOR, "dfine-m") == "dfine-m"  # known, not installed: the engine says how to get it
    config = inference.TranscribeConfig()
    whisper = Known(KNOWN.catalogue, (cards["whisper-large-v3"], cards["whisper-tiny"]))
    assert inference.ask("transcribe", config, whisper).options["transcript"]["model"] == "whisper-large-v3"
    tiny = inference.TranscribeConfig(model_name="tiny")
    assert inference.ask("transcribe", tiny, KNOWN).options["transcript"]["model"] == "tiny"


@pytest.mark.parametrize("name", ["yolov9", "yunet", "yolov8n-face.pt"])
def test_unknown_names_are_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownModel, match=r"Known: yolov8n\.pt, .*yolox-s") as raised:
        KNOWN.model(DETECTOR, name)
    assert raised.value.http_status == 422


def test_a_model_that_is_not_installed_is_said_to_be(film: Path) -> None:
    with pytest.raises(ModelMissing, match="lookhear models pull") as raised:
        inferred("objects", film, model_name="dfine-m")
    assert status_of(raised.value, inference.STATUSES) == 503


def test_objects_of_a_film(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "video", "objects")
    cat = np.asarray(Image.open(shared / "images/coral_cat_720p.jpg").convert("RGB").resize((640, 480)))
    film = encode([cat] * 31)
    found = inferred("objects", film)
    assert list(found) == [*COMMON, "model_profile", "detections", "warnings"]
    assert {one["frame_index"]: one["timestamp_ms"] for one in found["detections"]} == {0: 0, 30: 1200}
    assert "cat" in {one["label"] for one in found["detections"]}
    for one in found["detections"]:
        assert one["frame_number"] == one["frame_index"] and one["bounding_box"] == one["bbox"]
        assert one["confidence"] >= 0.5 and set(one["bbox"]) == {"x", "y", "width", "height"}
    assert (found["producer"], found["producer_version"]) == tuple(found["model"].values())
    assert (
        found["producer"].startswith(("yolox", "fastestdet")) and found["input_hash"] == xxhash.xxh64(film).hexdigest()
    )
    assert uuid.UUID(found["run_id"]).version == 4 and found["run_id"] != inferred("objects", film)["run_id"]


def test_faces_of_a_film_are_grouped(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "video", "faces")
    face = np.asarray(Image.open(shared / "images/ski_astronaut.png").convert("RGB"))
    found = inferred("faces", encode([face] * 21), frame_interval=10)
    assert [(one["frame_index"], one["label"], one["cluster_id"]) for one in found["detections"]] == [
        (0, "face", "0"), (10, "face", "0"), (20, "face", "0"),
    ]  # fmt: skip
    assert found["producer"] == "yunet"


def test_text_of_a_film(tmp_path: Path) -> None:
    write_poster(tmp_path / "poster.png", 0.5)
    poster = np.asarray(Image.open(tmp_path / "poster.png").convert("RGB"))[:, :640][:480]
    found = inferred("ocr", encode([np.ascontiguousarray(poster)] * 5), frame_interval=4)
    texts = {one["text"] for one in found["detections"] if one["frame_index"] == 4}
    assert any("Sixteen" in text for text in texts)
    assert all(len(one["polygon"]) == 4 and set(one["polygon"][0]) == {"x", "y"} for one in found["detections"])
    assert (found["producer"], found["model"]["name"]) == ("lookhear", "pp-ocrv6-small")


def test_places_of_each_frame(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "video", "places")
    found = inferred("places", film, frame_interval=100, top_k=3)
    assert [one["frame_index"] for one in found["classifications"]] == [0, 100, 200, 300]
    for one in found["classifications"]:
        scores = [place["confidence"] for place in one["predictions"]]
        assert len(scores) == 3 and scores == sorted(scores, reverse=True)
        assert one["timestamp_ms"] == one["frame_number"] * 40


def test_scenes_of_a_film(film: Path) -> None:
    found = inferred("scenes", film)["scenes"]
    assert [one["scene_index"] for one in found] == [0, 1, 2, 3, 4]
    assert found[0]["start_ms"] == 0 and found[-1]["end_ms"] == 14000
    assert all(one["end_ms"] == other["start_ms"] for one, other in pairwise(found))
    assert all(one["duration_ms"] == one["end_ms"] - one["start_ms"] >= 600 for one in found)
    assert len(inferred("scenes", film, min_scene_length=100)["scenes"]) == 1
    still = inferred("scenes", encode(panned(30)))
    assert [(one["start_ms"], one["end_ms"]) for one in still["scenes"]] == [(0, 1200)]
    assert (still["producer"], still["producer_version"]) == ("lookhear", lookhear.__version__)


@given(
    st.lists(st.floats(0, 100, allow_nan=False), max_size=30), st.floats(0.001, 100), st.floats(0, 120, allow_nan=False)
)
def test_scenes_tile_the_film_and_none_is_too_short(starts: list[float], duration: float, least: float) -> None:
    edges = tiles(starts, duration, least)
    assert edges[0] == 0 and edges[-1] == round(duration * 1000) and edges == sorted(set(edges))
    lengths = [end - start for start, end in pairwise(edges)]
    assert len(lengths) == 1 or min(lengths) >= max(1, round(least * 1000))
    assert set(edges[1:-1]) <= {round(start * 1000) for start in starts}
    if least == 0:
        inside = {round(start * 1000) for start in starts}
        assert set(edges[1:-1]) == {edge for edge in inside if 0 < edge < edges[-1]}


def test_a_kept_report_gives_the_same_answer(film: Path) -> None:
    config = inference.ScenesConfig(min_scene_length=3)
    asked = inference.ask("scenes", config, KNOWN)
    report = lookhear.analyze(film, asked.tasks, asked.options)
    kept = lookhear.from_json(lookhear.to_json(report))
    assert isinstance(kept, lookhear.Report)
    assert answer("scenes", config, kept, "run") == answer("scenes", config, report, "run")


def test_speech_with_words(film: Path) -> None:
    words = (TranscriptWord(" Good", 1.0, 1.25, 0.9), TranscriptWord(" day.", 1.25, 1.5004, 0.8))
    said = TranscriptResult("en", 0.99, "Good day.", (TranscriptSegment(1.0, 1.5004, "Good day.", 0.85, 0.1, words),))
    report = lookhear.analyze(film, ["transcript"])
    config = inference.TranscribeConfig()
    with pytest.raises(ModelMissing):
        answer("transcribe", config, report)
    report = with_finding(
        report, "transcript", said, ModelUsed("whisper-tiny", "d90ca5f"), ModelUsed("silero-vad", "6.2")
    )
    found = answer("transcribe", config, report, "run")
    assert (found["run_id"], found["language"], found["model"]["name"]) == ("run", "en", "whisper-tiny")
    (segment,) = found["segments"]
    assert segment == {
        "start_ms": 1000,
        "end_ms": 1500,
        "text": "Good day.",
        "confidence": 0.85,
        "words": [
            {"start_ms": 1000, "end_ms": 1250, "word": "Good", "start": 1.0, "end": 1.25, "confidence": 0.9},
            {"start_ms": 1250, "end_ms": 1500, "word": "day.", "start": 1.25, "end": 1.5004, "confidence": 0.8},
        ],
    }
    quiet = answer("transcribe", config, with_finding(report, "transcript", TranscriptResult()))
    assert (quiet["language"], quiet["segments"]) == ("und", [])


def test_a_film_without_sound_has_no_speech() -> None:
    found = inferred("transcribe", encode(panned(10)))
    assert (found["language"], found["segments"]) == ("und", []) and "no sound" in found["warnings"][0]


def test_a_picture_is_no_film(tmp_path: Path) -> None:
    write_poster(tmp_path / "poster.png", 0.2)
    for path in ("ocr", "scenes", "transcribe"):
        with pytest.raises(WrongMedium, match="This is an image"):
            inferred(path, tmp_path / "poster.png")
