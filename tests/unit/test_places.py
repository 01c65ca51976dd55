"""Kinds of places, by a small network with 365 places and by a small CLIP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lookhear
from lookhear.errors import InvalidModel, UnknownModel
from lookhear.models.catalogue import load_catalogue
from lookhear.models.own import Description, import_file
from lookhear.models.shelf import Shelf
from lookhear.tasks.image.places import _marks, scene
from support.clip import BLUE, GREEN, RED, empty_shelf, plain, png, write_clip, write_places
from support.film import encode


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    return empty_shelf(tmp_path / "store", monkeypatch)


@pytest.fixture
def network(shelf: Shelf, tmp_path: Path) -> Shelf:
    one = import_file(write_places(tmp_path / "net.onnx"), shelf, Description())
    assert (one.card.family, one.card.role, len(one.card.labels), one.card.batch) == ("places365", "places", 365, True)
    return shelf


def test_the_lists_are_those_of_the_authors() -> None:
    marks = _marks()
    assert len(marks) == 365 and sum(marks.values()) == 204
    assert (marks["bus_station/indoor"], marks["street"], marks["church/indoor"]) == (False, True, False)
    assert list(marks)[:3] == ["airfield", "airplane_cabin", "airport_terminal"] and list(marks)[-1] == "zen_garden"
    assert scene("church/indoor") == "church, indoor" and scene("airplane_cabin") == "airplane cabin"


def test_cards_say_what_the_code_needs() -> None:
    for card in load_catalogue().of("places"):
        assert len(card.labels) == 365 and card.facts["resize"] == 256 and card.licence.startswith("CC BY")


@pytest.mark.usefixtures("network")
def test_the_surest_place_comes_first() -> None:
    for colour, name, setting in ((RED, "airfield", "outdoor"), (GREEN, "airplane cabin", "indoor")):
        report = lookhear.analyze(png(plain(colour)), ["places"])
        result = report["places"]
        assert report.errors == () and (result.best, result.setting, result.zero_shot) == (name, setting, False)
        assert result.places[0].score > 0.9 and len(result.places) == 1
        assert lookhear.from_json(lookhear.to_json(report)) == report
    every = lookhear.analyze(png(plain(RED)), ["places"], {"places": {"top_k": 365, "min_score": 0}})["places"]
    assert len(every.places) == 365 and sum(place.score for place in every.places) == pytest.approx(1, abs=0.02)
    assert every.outdoor == pytest.approx(sum(p.score for p in every.places if p.name == "airfield"), abs=0.02)


@pytest.mark.usefixtures("network")
def test_places_of_a_film() -> None:
    film = encode([plain(colour, (96, 64)) for colour in (RED, BLUE, BLUE) for _ in range(50)])
    result = lookhear.analyze(film, ["places"], {"places": {"seconds": 0.5}})["places"]
    assert result.best == "airport terminal" and result.frames_seen == 12 and result.setting == "indoor"
    assert [place.name for place in result.places] == ["airport terminal", "airfield"]
    assert result.places[1].time < 2 <= result.places[0].time and result.places[1].peak > 0.9


@pytest.mark.usefixtures("network")
def test_places_of_each_frame_where_they_are_asked_for() -> None:
    film = encode([plain(colour, (96, 64)) for colour in (RED, BLUE) for _ in range(50)])
    options = {"frame_interval": 20, "top_k": 3, "min_score": 0.0, "frames": True}
    result = lookhear.analyze(film, ["places"], {"places": options})["places"]
    assert [(one.frame, one.time) for one in result.frames] == [(0, 0.0), (20, 0.8), (40, 1.6), (60, 2.4), (80, 3.2)]
    assert [one.places[0].name for one in result.frames] == ["airfield"] * 3 + ["airport terminal"] * 2
    assert all(len(one.places) == 3 and one.places[0].score >= one.places[2].score for one in result.frames)
    assert lookhear.analyze(film, ["places"])["places"].frames == ()


def test_clip_stands_in_where_no_model_is_installed(shelf: Shelf, tmp_path: Path) -> None:
    import_file(write_clip(tmp_path / "small-clip"), shelf, Description())
    report = lookhear.analyze(png(plain(RED)), ["places"])
    assert report.errors == () and report["places"].zero_shot
    assert ["places365-resnet18" in note.message for note in report.warnings] == [True]
    assert report.findings[0].provenance.models[0].name == "small-clip"
    import_file(write_places(tmp_path / "net.onnx"), shelf, Description())
    assert not lookhear.analyze(png(plain(RED)), ["places"])["places"].zero_shot
    named = lookhear.analyze(png(plain(RED)), ["places"], {"places": {"model": "small-clip"}})
    assert named["places"].zero_shot and named.warnings == ()


def test_without_any_the_command_is_told(shelf: Shelf) -> None:
    (error,) = lookhear.analyze(png(plain(RED)), ["places"]).errors
    assert error.code == "model_missing" and "lookhear models pull places365-resnet18" in error.message
    with pytest.raises(UnknownModel, match="is for objects, not for places"):
        lookhear.analyze(png(plain(RED)), ["places"], {"places": {"model": "yolox-nano"}})


def test_other_numbers_of_places_are_refused(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match="no output is b × 365"):
        import_file(write_places(tmp_path / "few.onnx", 12), shelf, Description(family="places365"))
    labels = tmp_path / "labels.txt"
    labels.write_text("here\nthere\n")
    import_file(write_places(tmp_path / "net.onnx"), shelf, Description(labels=labels))
    (error,) = lookhear.analyze(png(plain(RED)), ["places"]).errors
    assert error.code == "invalid_model" and "tells 365 places apart, but has 2 labels" in error.message


@pytest.mark.usefixtures("network")
def test_labels_of_ones_own_have_no_setting(shelf: Shelf, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"own_place/{i}\n" for i in range(365)))
    import_file(write_places(tmp_path / "own.onnx"), shelf, Description(labels=labels, name="own"))
    result = lookhear.analyze(png(plain(RED)), ["places"], {"places": {"model": "own"}})["places"]
    assert (result.best, result.setting, result.outdoor) == ("own place, 0", None, None)
    assert np.isclose(result.places[0].score, 1, atol=0.01)
