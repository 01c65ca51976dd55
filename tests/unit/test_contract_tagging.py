"""What the tagging client gets: real reports, read by the rules of that client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import lookhear
from examples.film import write_film
from examples.tune import compose, write
from lookhear.contracts import tagging
from lookhear.contracts.base import failure, status_of
from lookhear.errors import EmptyMedium, InputError, MediumNotFound, ModelMissing, WrongMedium
from lookhear.tagging import classify_genre, detect_mood
from support.film import encode, panned
from support.models import installed


def tags_of(answer: dict[str, Any]) -> list[str]:
    """As the client reads it: every string at the top and every element of an array, which must be strings."""
    assert "status" not in answer
    found: list[str] = []
    for entry in json.loads(json.dumps(answer)).values():
        if isinstance(entry, str):
            found.append(entry)
        elif isinstance(entry, list):
            assert all(isinstance(one, str) for one in entry)
            found += entry
        else:
            assert entry is None or isinstance(entry, dict)
    return found


@pytest.fixture(scope="module")
def tune(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tune") / "tune.flac"
    write(compose(4), path, "flac", "s16")
    return path


def answered(kind: tagging.Kind, source: Any) -> dict[str, Any]:
    asked = tagging.ask(kind)
    return tagging.answer(kind, lookhear.analyze(source, asked.tasks, asked.options))


def test_without_models_each_tag_is_empty_and_says_why(tune: Path) -> None:
    answer = answered("audio", tune)
    assert list(answer) == ["genre", "mood", "instruments", "fingerprint", "transcript", "warnings"]
    assert (answer["genre"], answer["mood"], answer["instruments"], answer["transcript"]) == ([], [], [], "")
    assert answer["fingerprint"].startswith("hk1.")
    assert set(answer["warnings"]) == {"genre", "mood", "instruments", "transcript"}
    assert all("lookhear models pull" in sentence for sentence in answer["warnings"].values())
    assert tags_of(answer) == [answer["fingerprint"], ""]


def test_music_has_three_genres_and_moods(tune: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "audio", "genre", "mood", "instruments")
    answer = answered("audio", tune)
    report = lookhear.analyze(tune, ["genre", "mood"])
    scores = report["genre"].probabilities
    assert len(answer["genre"]) == len(answer["mood"]) == 3
    assert answer["genre"] == sorted(scores, key=scores.__getitem__, reverse=True)[:3]
    assert answer["mood"] == list(report["mood"].words)[:3]
    assert classify_genre(tune) == answer["genre"] and detect_mood(str(tune)) == answer["mood"]
    assert ("genre" in answer.get("warnings", {})) == (report["genre"].genre is None)
    assert set(answer["genre"]) < set(tags_of(answer))


def test_the_calls_say_what_is_missing(tune: Path) -> None:
    with pytest.raises(ModelMissing, match="lookhear models pull"):
        classify_genre(tune)
    with pytest.raises(MediumNotFound):
        detect_mood(tune.with_name("none.wav"))


def test_a_film_has_scenes_as_an_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "video", "objects", "faces")
    write_film(tmp_path / "film.mp4", compose(8))
    answer = answered("video", tmp_path / "film.mp4")
    assert list(answer) == ["objects", "faces", "scenes", "transcript", "warnings"]
    assert len(answer["scenes"]["cuts"]) == 4 and len(answer["scenes"]["segments"]) == 5
    assert answer["scenes"]["segments"][0]["end"] == answer["scenes"]["cuts"][0]
    assert len(set(answer["objects"])) == len(answer["objects"])
    tags_of(answer)


def test_faces_of_a_picture_count(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "image", "objects", "faces")
    answer = answered("video", shared / "images/ski_astronaut.png")
    assert answer["faces"] == ["face 1"] and "person" in answer["objects"]
    assert answer["scenes"] == {"cuts": [], "segments": []} and "image" in answer["warnings"]["scenes"]
    tags_of(answer)


def test_the_fingerprint_of_a_film_is_that_of_its_sound(tmp_path: Path) -> None:
    write_film(tmp_path / "film.mp4", compose(8))
    answer = answered("audio", tmp_path / "film.mp4")
    assert answer["fingerprint"].startswith("hk1.")


def test_a_film_without_sound_says_so() -> None:
    report = lookhear.analyze(encode(panned(10)), tagging.ask("video").tasks)
    assert isinstance(failure(report, "transcript"), EmptyMedium)
    assert tagging.answer("video", report)["warnings"]["transcript"] == "There is no sound in it."


def test_the_rest_of_the_conversation() -> None:
    assert tagging.accepted(7) == {"job_id": 7} and tagging.pending() == {"status": "pending"}
    failed = tagging.failed(MediumNotFound("There is no such file."))
    assert failed == {"error": {"code": "medium_not_found", "message": "There is no such file."}}
    assert tagging.failed(ValueError("odd"))["error"]["code"] == "task_failed"
    assert tags_of(failed) == []


def test_the_status_of_an_error_is_that_of_its_nearest_class() -> None:
    statuses = {InputError: 400, MediumNotFound: 404}
    assert status_of(MediumNotFound(""), statuses) == 404 and status_of(WrongMedium(""), statuses) == 400
    assert status_of(ModelMissing(""), statuses) == 503 and status_of(WrongMedium(""), {}) == 415
