"""``lookhear duplicates`` as a user runs it: real processes, real files."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.films import encoded, shots

LOOKHEAR = str(Path(sys.executable).with_name("lookhear"))


def duplicates(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LOOKHEAR, "duplicates", *map(str, arguments)], capture_output=True, text=True, timeout=120)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A picture thrice, a stranger, a film without sound twice, a text."""
    place = tmp_path / "media"
    place.mkdir()
    for seed, name in ((1, "original.png"), (2, "stranger.png")):
        coarse = np.random.default_rng(seed).uniform(0, 255, (6, 8, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((400, 300), Image.Resampling.BICUBIC).save(place / name)
    Image.open(place / "original.png").resize((200, 150)).save(place / "small.jpg")
    (place / "again.png").write_bytes((place / "original.png").read_bytes())
    (place / "film.mkv").write_bytes(encoded(shots(1, 6)))
    (place / "film2.mkv").write_bytes(encoded(shots(1, 6), codec="libx264"))
    (place / "text.mp3").write_text("no music at all\n" * 200)
    return place


def test_a_table_with_reasons_and_nothing_is_changed(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    done = duplicates(folder)
    assert done.returncode == 3, done.stderr
    for words in (
        "picture, 3 files",
        "film, 2 files",
        "same bytes",
        "same picture, other size (200 × 150), as JPEG",
        "★",
    ):
        assert words in done.stdout
    assert "stranger" not in done.stdout and "text.mp3: It is no audio" in done.stdout
    assert "2 groups of copies among 7 files, 1 could not be read" in done.stdout
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_nothing_to_report(folder: Path, tmp_path: Path) -> None:
    alone = duplicates(folder / "stranger.png")
    assert alone.returncode == 0 and "No copies among 1 files" in alone.stdout
    (tmp_path / "void").mkdir()
    empty = duplicates(tmp_path / "void")
    assert empty.returncode == 2 and "no file in it" in empty.stderr
    gone = duplicates(tmp_path / "nowhere.png")
    assert gone.returncode == 3 and "There is no such file" in gone.stdout
    assert duplicates("--out", tmp_path / "x.txt", folder).returncode == 2


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv"])
def test_a_file_with_everything_and_a_second_run_decodes_nothing(folder: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"copies.{suffix}"
    assert duplicates(folder, "--out", out).returncode == 3
    if suffix == "json":
        data = json.loads(out.read_text())
        assert data["files"] == 7 and data["spare"] == sum(group["spare"] for group in data["groups"])
        assert [group["kind"] for group in data["groups"]].count("image") == 1
        assert data["refused"][0]["error"]["code"] == "not_a_medium"
    elif suffix == "jsonl":
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        assert sum("best" in line for line in lines) == 2 and sum("error" in line for line in lines) == 1
    else:
        rows = list(csv.DictReader(out.read_text().splitlines()))
        assert [row["best"] for row in rows].count("True") == 2 and len(rows) == 6
        assert [row["group"] for row in rows] == sorted(row["group"] for row in rows if row["group"]) + [""]
    journal = tmp_path / f".copies.{suffix}.journal"
    before, text = journal.read_bytes(), out.read_bytes()
    (tmp_path / "media" / "small.jpg").rename(tmp_path / "media" / "renamed.jpg")
    again = duplicates(folder, "--out", out)
    assert again.returncode == 3 and "2 groups of copies" in again.stderr
    assert journal.read_bytes() == before
    assert out.read_bytes() == text.replace(b"small.jpg", b"renamed.jpg")


def test_nobodys_file_is_written_over(folder: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.jsonl"
    notes.write_text('{"my": "notes"}\n')
    done = duplicates(folder, "--out", notes)
    assert done.returncode == 2 and "is there already" in done.stderr and notes.read_text() == '{"my": "notes"}\n'
