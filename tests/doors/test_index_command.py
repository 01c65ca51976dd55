"""``lookhear index``: what it has looked at is found by its path, and a second run does only what is new."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lookhear.outlets.collections import IMAGES
from lookhear.outlets.vectors import Made
from lookhear.settings import Settings
from lookhear.wiring.stores import vectors
from support.clip import BLUE, GREEN, RED, WIDTH, plain, png, small_store
from support.sound import encode, tone


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the small model that knows three colours."""
    return small_store(tmp_path_factory.mktemp("models"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures, a song, and a text."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name, colour in (("red", RED), ("green", GREEN), ("more/blue", BLUE)):
        (folder / f"{name}.png").write_bytes(png(plain(colour)))
    (folder / "song.wav").write_bytes(encode(tone(0.5)))
    (folder / "notes.txt").write_text("none of it")
    return folder


def lookhear(*arguments: str, folder: Path, models: Path) -> subprocess.CompletedProcess[str]:
    """The command, with the storage in ``folder``, where no service runs."""
    own = {"STORAGE_DIR": str(folder / "data"), "MODEL_CACHE_DIR": str(models), "PORT": "1"}
    command = [sys.executable, "-c", "from lookhear.cli.main import run; run()", *arguments]
    path = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(command, env={**path, **own}, cwd=folder, capture_output=True, text=True, timeout=120)


def paths(found: subprocess.CompletedProcess[str]) -> list[str]:
    """Of what was found, the nearest first."""
    assert found.returncode == 0, found
    return [hit["payload"]["path"] for hit in json.loads(found.stdout)["hits"]]


def test_a_folder_is_found_by_words_and_looked_at_once(tmp_path: Path, models: Path, photos: Path) -> None:
    first = lookhear("index", "photos", folder=tmp_path, models=models)
    assert first.returncode == 0 and "3 can be found now, 2 with nothing to see" in first.stderr, first
    assert paths(lookhear("search", "red", "--json", folder=tmp_path, models=models))[0] == str(photos / "red.png")
    assert str(photos / "more/blue.png") in lookhear("search", "blue", folder=tmp_path, models=models).stdout.replace(
        "\n", ""
    ).replace("│", "").replace(" ", "")
    (photos / "red.png").write_bytes(png(plain(BLUE)))
    (photos / "crimson.png").write_bytes(png(plain(RED)))
    again = lookhear("index", str(photos), folder=tmp_path, models=models)
    assert "2 can be found now, 2 known from before, 2 with nothing to see" in again.stderr, again
    found = paths(lookhear("search", "red", "--json", folder=tmp_path, models=models))
    assert found[0] == str(photos / "crimson.png") and len(found) == 4


def test_files_that_are_gone_are_forgotten_where_that_is_asked_for(tmp_path: Path, models: Path, photos: Path) -> None:
    other = tmp_path / "photos-2"
    other.mkdir()
    odd = other / os.fsdecode(b"caf\xe9.png")
    for path in (other / "red.png", odd):
        path.write_bytes(png(plain(RED)))
    assert "5 can be found now" in lookhear("index", "photos", "photos-2", folder=tmp_path, models=models).stderr
    for path in (photos / "red.png", photos / "more/blue.png", other / "red.png"):
        path.unlink()
    kept = lookhear("index", "photos", folder=tmp_path, models=models)
    assert "1 known from before" in kept.stderr and "gone and" not in kept.stderr, kept
    pruned = lookhear("index", "photos", "--prune", folder=tmp_path, models=models)
    assert pruned.returncode == 0 and "2 gone and forgotten" in pruned.stderr, pruned
    found = paths(lookhear("search", "red", "--json", folder=tmp_path, models=models))
    assert {Path(one).name for one in found} == {"green.png", "red.png", "caf\\xe9.png"}
    pruned = lookhear("index", str(other), "--prune", folder=tmp_path, models=models)
    assert "1 known from before, 1 gone and forgotten" in pruned.stderr, pruned
    away = lookhear("index", "no-disk", "--prune", folder=tmp_path, models=models)
    assert away.returncode == 2 and "Nothing was forgotten" in away.stderr.replace("\n", " "), away


def test_faces_that_were_left_out_are_told_of(tmp_path: Path, models: Path, photos: Path) -> None:
    lookhear("index", "photos", folder=tmp_path, models=models)
    none = lookhear("search", "--face", "photos/red.png", folder=tmp_path, models=models)
    assert none.returncode == 0 and "Faces take models for faces and face_embedding" in none.stdout, none


def test_a_name_that_is_no_text_can_be_kept(tmp_path: Path, models: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(png(plain(RED)))
    for outcome in ("1 can be found now", "1 known from before"):
        told = lookhear("index", ".", folder=tmp_path, models=models)
        assert told.returncode == 0 and outcome in told.stderr, told
    assert paths(lookhear("search", "red", "--json", folder=tmp_path, models=models)) == [
        str(tmp_path / "caf\\xe9.png")
    ]


def test_what_is_wrong_is_said(tmp_path: Path, models: Path, photos: Path) -> None:
    (photos / "torn.png").write_bytes(png(plain(RED))[:40])
    torn = lookhear("index", str(photos), folder=tmp_path, models=models)
    assert torn.returncode == 3 and "torn.png: " in torn.stderr and "3 can be found now" in torn.stderr, torn
    for arguments, code, words in (
        (["index", "-"], 2, "files and folders"),
        (["index", "http://a/b.png"], 2, "files and folders"),
        (["index", str(photos), "--timeout", "0"], 2, "above 0"),
    ):
        told = lookhear(*arguments, folder=tmp_path, models=models)
        assert told.returncode == code and words in told.stderr and "Traceback" not in told.stderr, told
    none = lookhear("index", str(photos), folder=tmp_path, models=tmp_path / "no-models")
    assert none.returncode == 4 and "lookhear models pull" in none.stderr, none


def test_vectors_of_another_model_are_not_mixed_in(tmp_path: Path, models: Path, photos: Path) -> None:
    store = vectors(Settings(storage_dir=tmp_path / "data"))
    store.make(IMAGES, WIDTH, Made("another-clip", "3", "cd"))
    store.close()
    told = lookhear("index", str(photos), folder=tmp_path, models=models)
    assert told.returncode == 3 and "another-clip" in told.stderr, told
