"""Messages in and out of the analyzer, and what its doors tell."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lookhear
from examples.film import write_film
from examples.picture import write_poster
from examples.tune import compose, write
from lookhear.contracts import analyzer
from lookhear.contracts.analyzer_messages import Message, read
from lookhear.errors import BadMessage, WrongMedium
from lookhear.models.catalogue import load_catalogue
from support.film import encode, panned
from support.models import installed

FULL = {
    "message_id": "m-1",
    "file_path": "/data/music/song.mp3",
    "media_id": "media-1",
    "file_format": "mp3",
    "file_size": 8394752,
    "metadata": {"title": "Song", "artist": "Somebody", "duration": 240.5},
    "analysis_options": {"extract_spectral": True, "extract_mir": False, "extract_perceptual": None},
    "priority": "high",
    "timestamp": "2024-01-01T12:00:00Z",
}
EVENT = {
    "file_path": "/data/films/film.dat",
    "event_type": "IN_CREATE",
    "sha256_hash": "ab" * 32,
    "media_metadata": {"media_type": "video", "mime_type": "video/mp4", "extension": ".mp4"},
    "related_media": [],
    "routing_key": "media.video.ingested",
}


def message(data: Any) -> Message:
    return read(json.dumps(data).encode())


def test_a_message_with_everything() -> None:
    read_ = message(FULL)
    assert (read_.message_id, read_.media_id, read_.file_path) == ("m-1", "media-1", "/data/music/song.mp3")
    assert (read_.priority, read_.kind, read_.metadata["title"]) == (8, "audio", "Song")
    assert read_.options == {"extract_spectral", "extract_perceptual", "similarity_analysis", "quality_assessment"}
    assert read_.timestamp == "2024-01-01T12:00:00Z"


def test_an_event_of_a_file_watcher() -> None:
    read_ = message(EVENT)
    assert (read_.media_id, read_.sha256, read_.kind, read_.priority) == ("ab" * 32, "ab" * 32, "video", 5)
    assert read_.message_id == message(EVENT).message_id != message({**EVENT, "event_type": "other"}).message_id
    assert read_.metadata["extension"] == ".mp4" and len(read_.options) == 5


def test_a_path_is_enough() -> None:
    one, other = message({"file_path": "/a.MOV"}), message({"file_path": "/b.wav"})
    assert one.media_id != other.media_id and len(one.media_id) == 36 and (one.kind, other.kind) == ("video", "audio")
    assert message({"file_path": "/a.MOV", "priority": 1}).media_id == one.media_id
    assert message({"file_path": "/a", "media_id": 7, "metadata": None}).media_id == "7"


@pytest.mark.parametrize(
    ("given_", "number"),
    [("low", 2), ("normal", 5), ("HIGH", 8), ("critical", 10), (0, 0), (10, 10), ("7", 7), (3.0, 3)],
)
def test_priorities(given_: Any, number: int) -> None:
    assert message({"file_path": "/a", "priority": given_}).priority == number


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"\xff\xfe{}", "not JSON"),
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "must be a JSON object, not list"),
        (b"{}", "no file_path"),
        (b'{"file_path": 3}', "no file_path"),
        (b'{"file_path": "  "}', "no file_path"),
        (rb'{"file_path": "a\u0000b"}', "no file_path"),
        (rb'{"file_path": "/a", "media_id": "\ud800"}', "not JSON"),
        (b'{"file_path": "/a", "priority": "soon"}', "low, normal, high, critical"),
        (b'{"file_path": "/a", "priority": 11}', "0 to 10"),
        (b'{"file_path": "/a", "priority": true}', "0 to 10"),
        (b'{"file_path": "/a", "priority": 1e999}', "0 to 10"),
        (b'{"file_path": "/a", "metadata": []}', "metadata must be an object"),
        (b'{"file_path": "/a", "media_id": {}}', "media_id must be text"),
        (b'{"file_path": "/a", "analysis_options": {"extract_mir": "yes"}}', "extract_mir must be true or false"),
    ],
)
def test_poison_says_what_is_wrong_with_it(body: bytes, why: str) -> None:
    with pytest.raises(BadMessage, match=why) as raised:
        read(body)
    told = analyzer.failed(body, raised.value)
    assert told["success"] is False and told["error"] == {"code": "bad_message", "message": raised.value.message}
    assert len(told["message_id"]) == 36 and told["media_id"] is None
    assert told["message_id"] == analyzer.failed(body, ValueError("?"))["message_id"]


words = st.text("ab1/. é\0", max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    ["file_path", "priority", "metadata", "media_metadata", "analysis_options", "media_id", "file_format"]
)


@given(st.dictionaries(names, json_values))
def test_whatever_comes_is_read_or_refused(data: dict[str, Any]) -> None:
    try:
        found = message(data)
    except BadMessage:
        return
    assert "\0" not in found.file_path == data["file_path"] and 0 <= found.priority <= 10 and found.media_id


def analysed(source: Any, **fields: Any) -> tuple[Message, lookhear.Report]:
    asked = message({"file_path": "/x", "message_id": "m", "media_id": "i", **fields})
    wanted = analyzer.ask(asked.options)
    return asked, lookhear.analyze(source, wanted.tasks, wanted.options)


@pytest.fixture(scope="module")
def tune(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tune") / "tune.flac"
    write(compose(8), path, "flac", "s16")
    return path


def test_features_of_music(tune: Path) -> None:
    asked, report = analysed(tune)
    told = analyzer.answer(asked, report, now=datetime(2024, 1, 1, 12, 0, 12, tzinfo=UTC))
    assert list(told) == [
        "message_id", "media_id", "analysis_version", "processing_time", "success", "features", "quality_metrics",
        "similarity_vectors", "model_versions", "warnings", "timestamp",
    ]  # fmt: skip
    assert (told["message_id"], told["media_id"], told["success"]) == ("m", "i", True)
    assert told["timestamp"] == "2024-01-01T12:00:12Z" and told["processing_time"] > 0
    features = told["features"]
    assert list(features) == ["spectral", "mir", "perceptual", "technical"]
    lengths = {name: len(features["spectral"][name]) for name in ("mfcc", "chroma", "tonnetz", "spectral_contrast")}
    assert lengths == {"mfcc": 13, "chroma": 12, "tonnetz": 6, "spectral_contrast": 7}
    assert features["mir"]["tempo"] == pytest.approx(112, rel=0.01)
    assert (features["mir"]["key"], features["mir"]["mode"], features["mir"]["time_signature"]) == ("A", "minor", 4)
    assert features["perceptual"]["loudness"] < 0 and features["perceptual"]["valence"] is None
    assert (features["technical"]["codec"], features["technical"]["audio_channels"]) == ("flac", 2)
    assert set(told["quality_metrics"]) == {"snr", "thd", "dynamic_range", "quality_score"}
    assert features["technical"]["quality_score"] == told["quality_metrics"]["quality_score"]
    assert [len(vector) for vector in told["similarity_vectors"].values()] == [38, 16, 54]
    assert any("genre" in sentence for sentence in told["warnings"]) and told["model_versions"] == {}
    json.dumps(told, allow_nan=False)


def test_only_what_was_asked_for(tune: Path) -> None:
    off = {
        "extract_spectral": False,
        "extract_perceptual": False,
        "similarity_analysis": False,
        "quality_assessment": False,
    }
    asked, report = analysed(tune, analysis_options=off)
    told = analyzer.answer(asked, report, seconds=1.5)
    assert list(told["features"]) == ["mir", "technical"] and told["processing_time"] == 1.5
    assert told["quality_metrics"] == told["similarity_vectors"] == {}
    assert "spectral" not in report and "quality" not in report


def test_models_are_named(tune: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "audio", "genre")
    asked, report = analysed(tune)
    told = analyzer.answer(asked, report)
    assert sum(told["features"]["mir"]["genre_probabilities"].values()) == pytest.approx(1, abs=0.01)
    assert told["features"]["perceptual"]["acousticness"] is not None
    used = report.findings[0].provenance.models[0]
    assert told["model_versions"][used.name] == used.version


def test_features_of_a_film(tmp_path: Path) -> None:
    write_film(tmp_path / "film.mp4", compose(8))
    asked, report = analysed(tmp_path / "film.mp4")
    told = analyzer.answer(asked, report)
    visual, technical = told["features"]["visual"], told["features"]["technical"]
    assert len(visual["scene_changes"]) == 4 and len(visual["color_histogram"]) == 48
    assert visual["faces_detected"] is None and any(line.startswith("faces:") for line in told["warnings"])
    assert any("Sixteen" in region["text"] for region in visual["text_regions"])
    assert set(visual["text_regions"][0]["polygon"][0]) == {"x", "y"}
    assert technical["resolution"] == [640, 360] and technical["has_audio"] is True
    assert technical["frame_rate"] == pytest.approx(25) and technical["codec"] == "h264"
    assert told["quality_metrics"]["quality_score"] == report["sound_quality"].quality_score
    json.dumps(told, allow_nan=False)


def test_a_silent_film_has_null_for_sound() -> None:
    asked, report = analysed(encode(panned(25)))
    told = analyzer.answer(asked, report)
    assert set(told["features"]["spectral"].values()) == {None} and told["features"]["visual"]["brightness"] > 0
    assert told["features"]["technical"]["has_audio"] is False
    assert "spectral: There is no sound in it." in told["warnings"]


def test_a_picture_is_refused(tmp_path: Path) -> None:
    write_poster(tmp_path / "poster.png", 0.2)
    asked, report = analysed(tmp_path / "poster.png")
    with pytest.raises(WrongMedium, match=r"This is an image\. The analyzer takes audio and video") as raised:
        analyzer.answer(asked, report)
    told = analyzer.failed(asked, raised.value, seconds=0.25)
    assert (told["message_id"], told["media_id"], told["processing_time"]) == ("m", "i", 0.25)
    assert told["error"]["code"] == "wrong_medium" and told["features"] == {}


def test_keys() -> None:
    assert analyzer.routing_key("video") == "enriched.video.analyzed"
    assert analyzer.routing_key("audio") == analyzer.routing_key("image") == "enriched.audio.analyzed"


def test_models_and_stats() -> None:
    catalogue = load_catalogue()
    cards = [catalogue.find("musicnn"), catalogue.find("yolox-s"), catalogue.find("whisper-tiny")]
    own = dataclasses.replace(cards[1], name="own", metrics={"accuracy on ours": 0.89})
    told = analyzer.models([*cards, own], {cards[0].id}, 12.5)
    assert (told["total_models"], told["memory_usage_mb"]) == (4, 12.5)
    first, second, third, fourth = told["models"]
    assert (first["type"], first["status"], first["accuracy"]) == ("audio", "loaded", None)
    assert (second["type"], second["status"], second["classes"][0]) == ("video", "installed", "person")
    assert third["classes"] == [] and fourth["accuracy"] == 0.89
    empty = analyzer.stats(analyzer.Measured())
    assert (empty["processed_files"], empty["success_rate"], empty["error_rate"]) == (0, None, None)
    assert empty["feature_extraction_times"] == {"audio_spectral": None, "audio_mir": None, "video_visual": None}
    told = analyzer.stats(analyzer.Measured(3, 1, 2.5, 8, 2, 1, {"mir": 0.5, "ocr": 9.0}))
    assert (told["processed_files"], told["success_rate"], told["error_rate"]) == (4, 0.75, 0.25)
    assert told["queue_metrics"] == {"pending": 8, "processing": 2, "completed_today": 1}
    assert told["feature_extraction_times"]["audio_mir"] == 0.5
