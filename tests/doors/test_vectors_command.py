"""``lookhear vectors`` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import typer
from click.testing import CliRunner

from lookhear.cli.vectors import vectors
from lookhear.errors import (
    FilesUnwritable,
    InvalidOptions,
    LookhearError,
    ModelMismatch,
    UnknownModel,
    VectorsUnavailable,
)
from lookhear.outlets.collections import IMAGES, Collection
from lookhear.outlets.edge import EdgeVectors
from lookhear.outlets.shared import SharedVectors
from lookhear.outlets.vectors import Point
from support.jobs import eventually
from support.vectors import ONE, SIZE, TWO, axis

COMMAND = [sys.executable, "-c", "from lookhear.cli.main import run; run()", "vectors"]


class Done(NamedTuple):
    code: int
    out: str
    err: str
    error: BaseException | None


Run = Callable[..., Done]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The service's vectors: one version in use, one that is not."""
    monkeypatch.setenv("STORAGE_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("QDRANT_URL", raising=False)
    found = tmp_path / "data" / "vectors"
    with closing(EdgeVectors(found)) as there:
        mine = Collection(there, IMAGES, SIZE)
        mine.put([Point(i, axis(i), {"job_id": str(i)}) for i in range(3)], ONE)
        mine.begin(TWO)
        mine.put([Point(9, axis(5), {"job_id": "9"})], TWO)
        mine.switch(TWO)
    return found


@pytest.fixture
def run() -> Run:
    def run_(*args: str) -> Done:
        result = CliRunner().invoke(typer.main.get_command(vectors), args)
        return Done(result.exit_code, result.stdout, result.stderr, result.exception)

    return run_


def listed(run: Run, *args: str) -> dict[str, tuple[str, int, bool]]:
    rows = json.loads(run("list", "--json", *args).out)["collections"]
    return {row["name"]: (row["made"]["version"], row["points"], row["in_use"]) for row in rows}


def test_the_list_says_which_model_made_what_and_what_is_in_use(place: Path, run: Run) -> None:
    assert listed(run) == {IMAGES: ("1", 3, False), f"{IMAGES}__2": ("2", 1, True)}
    shown = run("list").out
    assert "clip-vit-b-32" in shown and "not in use" in shown and str(place) in shown.replace("\n", "")


def test_nothing_kept_is_said(tmp_path: Path, run: Run) -> None:
    assert "No vectors are kept" in run("list", "--at", str(tmp_path / "none")).out


def test_all_goes_to_another_folder_and_says_what_to_do_next(place: Path, tmp_path: Path, run: Run) -> None:
    done = run("migrate", "--to", str(tmp_path / "new"))
    assert done.code == 0, done
    assert "image_embeddings: 3 points, 3 of them written now; checked" in done.out and "STORAGE_DIR" in done.out
    assert listed(run, "--at", str(tmp_path / "new")) == listed(run)
    again = run("migrate", "--from", str(place), "--to", str(tmp_path / "new"))
    assert "image_embeddings: 3 points, 0 of them written now; checked" in again.out
    assert run("migrate", "--to", str(tmp_path / "new"), "--quiet").out == ""


def test_a_version_that_is_not_in_use_is_dropped(place: Path, run: Run) -> None:
    assert isinstance(run("drop", IMAGES, "2").error, InvalidOptions)
    assert isinstance(run("drop", IMAGES, "3").error, UnknownModel)
    assert isinstance(run("drop", "faces", "1").error, UnknownModel)
    assert "3 vectors of clip-vit-b-32@1" in run("drop", IMAGES, "1", "--yes").err
    assert listed(run) == {IMAGES: ("1", 0, False), f"{IMAGES}__2": ("2", 1, True)}
    with closing(EdgeVectors(place)) as there:
        assert Collection(there, IMAGES, SIZE).search(axis(5), TWO)[0].payload == {"job_id": "9"}


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        (["--to", "http://127.0.0.1:1"], VectorsUnavailable, "does not answer"),
        (["--to", "localhost:6333"], InvalidOptions, "http://localhost:6333"),
        (["--to", "ftp://host/x"], InvalidOptions, "neither a folder nor"),
        (["--to", "STORAGE"], InvalidOptions, "Name the vectors in it"),
        (["--to", "PLACE"], InvalidOptions, "already"),
        (["--to", "PLACE/../vectors"], InvalidOptions, "already"),
        (["--to", "FILE"], InvalidOptions, "a file"),
        (["--from", "NONE", "--to", "NEW"], InvalidOptions, "There are no vectors"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    place: Path, tmp_path: Path, run: Run, given: list[str], kind: type[LookhearError], said: str
) -> None:
    (tmp_path / "file").write_text("")
    names = {"STORAGE": place.parent, "PLACE": place, "FILE": tmp_path / "file", "NONE": tmp_path / "none"}
    for name, path in {**names, "NEW": tmp_path / "new"}.items():
        given = [one.replace(name, str(path)) for one in given]
    error = run("migrate", *given).error
    assert isinstance(error, kind) and said in error.message
    assert not (tmp_path / "new").exists() and not (tmp_path / "none").exists()


def test_a_target_of_another_model_is_left_alone(place: Path, tmp_path: Path, run: Run) -> None:
    with closing(EdgeVectors(tmp_path / "new")) as there:
        there.make(IMAGES, SIZE, TWO)
    assert isinstance(run("migrate", "--to", str(tmp_path / "new")).error, ModelMismatch)
    assert listed(run, "--at", str(tmp_path / "new")) == {IMAGES: ("2", 0, True)}


def test_a_disk_without_room_is_told_before_anything_is_written(place: Path, tmp_path: Path, run: Run) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        error = run("migrate", "--to", str(disk / "new")).error
        assert isinstance(error, FilesUnwritable) and "8 MiB free" in error.message
        assert not list(disk.iterdir())
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_one_that_was_killed_is_taken_up_again(tmp_path: Path, run: Run) -> None:
    count, old, new = 20_000, tmp_path / "old", tmp_path / "new"
    with closing(EdgeVectors(old)) as there:
        rows = np.random.default_rng(3).normal(size=(count, 64))
        Collection(there, IMAGES, 64).put([Point(i, rows[i], {"job_id": str(i)}) for i in range(count)], ONE)
    started = subprocess.Popen([*COMMAND, "migrate", "--from", str(old), "--to", str(new)])
    with closing(SharedVectors(new)) as looking:
        assert eventually(lambda: new.is_dir() and looking.count(IMAGES) >= 1000)
        started.send_signal(signal.SIGKILL)
        started.wait()
        left = looking.count(IMAGES)
    assert 1000 <= left < count
    done = run("migrate", "--from", str(old), "--to", str(new))
    assert done.code == 0 and f"{IMAGES}: {count:,} points, {count - left:,} of them written now; checked" in done.out
    with closing(EdgeVectors(new)) as there:
        assert there.count(IMAGES) == count and there.get(IMAGES, [count - 1])[0].payload == {"job_id": str(count - 1)}
