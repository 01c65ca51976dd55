"""``lookhear models`` as a user runs it: what it says, what it leaves, and how it ends."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import typer
from click.testing import CliRunner
from PIL import Image

from lookhear.cli.models import models
from lookhear.errors import LookhearError
from support.web import Web, web
from support.weights import constant, faces_at, times

LOOKHEAR = str(Path(sys.executable).with_name("lookhear"))
Run = Callable[..., "Done"]

CARDS = """
families:
  gnat: {role: tinies, runtime: onnx, inputs: {x: [b, 4]}, outputs: {y: [b, 4]}}
models:
  - {name: gnat, version: "1", family: gnat, licence: MIT, commercial: true, summary: the first, memory: 5,
     files: {tiny.onnx: {size: SIZE, sources: [{file: FOLDER/a.onnx}]}}}
  - {name: gnat, version: "2", family: gnat, licence: CC-BY-NC, commercial: false,
     files: {tiny.onnx: {sources: [{file: FOLDER/b.onnx}]}}}
  - {name: lost, version: "1", family: gnat, licence: MIT, files: {tiny.onnx: {sources: [{file: FOLDER/none.onnx}]}}}
  - {name: wrong, version: "1", family: gnat, licence: MIT, files: {tiny.onnx: {sources: [{file: FOLDER/text.onnx}]}}}
  - {name: finder, version: "1", family: ultraface, licence: MIT, commercial: true, rank: 900, facts: {size: [48, 64]},
     files: {f.onnx: {sources: [{file: FOLDER/one.onnx}]}}}
  - {name: finder, version: "2", family: ultraface, licence: MIT, commercial: true, rank: 900, facts: {size: [48, 64]},
     files: {f.onnx: {sources: [{file: FOLDER/two.onnx}]}}}
  - {name: slow, version: "1", family: gnat, licence: MIT, files: {tiny.onnx: {sources: [{https: "URL"}]}}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights, and a catalogue that names them."""
    found = tmp_path_factory.mktemp("weights")
    data = {"a": times(2.0), "b": times(3.0), "one": faces_at(0.125), "two": faces_at(0.25), "text": b"no weights"}
    for name, content in data.items():
        (found / f"{name}.onnx").write_bytes(content)
    text = CARDS.replace("FOLDER", str(found)).replace("SIZE", str(len(data["a"])))
    (found / "own.yml").write_text(text)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)).save(found / "picture.png")
    return found


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def settings(folder: Path, store: Path, **more: str) -> dict[str, str]:
    own = {"MODEL_CACHE_DIR": str(store), "MODEL_CATALOGUE": str(folder / "own.yml"), "COLUMNS": "200"}
    return {**os.environ, **own, **more}


class Done(NamedTuple):
    """How a command ended, and all that it said."""

    code: int
    said: str


@pytest.fixture
def process(folder: Path, store: Path) -> Run:
    """Runs ``lookhear …`` as a process of its own."""

    def lookhear(*arguments: str, **more: str) -> Done:
        command, environment = [LOOKHEAR, *arguments], settings(folder, store, **more)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, cwd=folder)
        return Done(done.returncode, done.stdout + done.stderr)

    return lookhear


@pytest.fixture
def run(folder: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``lookhear models …`` here, which saves starting a process."""
    command = typer.main.get_command(models)
    monkeypatch.chdir(folder)

    def here(*arguments: str, **more: str) -> Done:
        done = CliRunner().invoke(command, arguments, env=settings(folder, store, **more))
        if isinstance(done.exception, LookhearError):
            return Done(done.exception.exit_code, done.output + done.exception.message)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Done(done.exit_code, done.output)

    return here


def told(done: Done, code: int, *words: str) -> str:
    """It ended with ``code`` and said all of these."""
    assert done.code == code, done.said
    assert "Traceback" not in done.said and "This is a bug" not in done.said
    for word in words:
        assert word in done.said, done.said
    return done.said


def test_what_there_is_is_listed(run: Run, store: Path) -> None:
    said = told(run("list", "--for", "tinies"), 0, "gnat 1", "gnat 2", "not installed", "no commercial use: CC-BY-NC")
    assert "the first, 5 MB in memory" in said and str(store) in said and "yunet" not in said
    rows = json.loads(run("list", "--json", "--commercial-only").said)
    assert {"yunet", "gnat"} <= {row["name"] for row in rows} and all(row["commercial"] for row in rows)
    assert [row["version"] for row in rows if row["name"] == "gnat"] == ["1"]
    assert not any(row["installed"] or row["used"] for row in rows)
    told(run("list", "--installed"), 0, "There is none. Models are known for:", "tinies")
    assert not store.exists(), "looking changes nothing"


def test_models_are_pulled_activated_rolled_back_and_removed(run: Run, store: Path) -> None:
    told(
        run("pull", "gnat@1"), 0, "gnat@1: 92 B, 5 MB in memory; MIT, commercial use allowed", "gnat@1 is active (MIT)"
    )
    told(
        run("pull", "gnat@1", "gnat@2"),
        0,
        "gnat@1 was here already",
        "gnat@2: size unknown; CC-BY-NC, no commercial use",
    )
    rows = {row["version"]: row for row in json.loads(run("list", "--json", "--for", "tinies", "--installed").said)}
    assert [(rows[version]["installed"], rows[version]["used"]) for version in "12"] == [(True, False), (True, True)]
    assert len(rows["1"]["sha256"]) == 64 and rows["1"]["bytes"] == 92
    told(run("activate", "gnat@1"), 0, "gnat@1 is used for tinies.")
    told(run("rollback", "gnat"), 0, "gnat@2 is active again.")
    told(run("remove", "gnat@2"), 0, "gnat@2 is gone.")
    told(run("rollback", "gnat"), 2, "No earlier version of 'gnat' is installed. See: lookhear models list --installed")
    assert [path.name for path in (store / "installed" / "gnat").iterdir()] == ["1"]


def test_a_pull_says_if_another_model_is_used_all_the_same(run: Run) -> None:
    told(run("pull", "-q", "finder@2"), 0)
    said = run("pull", "gnat@1", "--quiet")
    assert told(said, 0) == ""
    told(run("activate", "finder@2"), 0)
    assert "all the same" not in told(run("pull", "finder@1"), 0, "finder@1 is active")


REFUSED = {
    "an unknown name": (["pull", "gnatt"], 2, ["There is no model 'gnatt'. Did you mean 'gnat'?"]),
    "an unknown version": (["pull", "gnat@9"], 2, ["There is no version '9' of the model 'gnat'. Known: 1, 2."]),
    "no business": (["pull", "gnat@2", "--commercial-only"], 2, ["gnat@2 may not be used commercially (CC-BY-NC)."]),
    "nowhere to be had": (["pull", "lost"], 4, ["The file tiny.onnx of lost@1 could not be had: ", "not there"]),
    "something else": (["pull", "wrong"], 3, ["wrong@1 cannot be loaded: it is damaged, or no ONNX model"]),
    "not installed": (["remove", "gnat"], 2, ["'gnat' is not installed. Get it with: lookhear models pull gnat"]),
    "not there": (
        ["activate", "gnat@1"],
        2,
        ["'gnat@1' is not installed; nothing is. Get it with: lookhear models pull"],
    ),
    "no file": (["import", "nothing.onnx"], 3, ["There is no nothing.onnx."]),
    "text": (["import", "text.onnx"], 3, ["text.onnx cannot be loaded: it is damaged, or no ONNX model"]),
}


@pytest.mark.parametrize(("arguments", "code", "words"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_says_why_and_leaves_nothing(
    run: Run, store: Path, arguments: list[str], code: int, words: list[str]
) -> None:
    told(run(*arguments), code, *words)
    assert not [path for path in store.rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.parametrize("what", ["nowhere to be had", "something else"])
def test_a_refusal_is_one_sentence_and_an_exit_code(process: Run, what: str) -> None:
    arguments, code, words = REFUSED[what]
    said = told(process("models", *arguments, "--quiet"), code, *words)
    assert said.startswith("lookhear: ") and said.count("\n") == 1


def test_a_flipped_byte_is_found_and_a_pull_by_force_heals_it(run: Run, store: Path) -> None:
    told(run("verify"), 0, "No models are installed.")
    told(run("pull", "gnat@1", "gnat@2", "-q"), 0)
    told(run("verify"), 0, "ok", "gnat@1", "gnat@2", "1 files")
    path = store / "installed/gnat/1/tiny.onnx"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    said = told(run("verify"), 3, "broken", "tiny.onnx of gnat@1 has changed on the disk", "pull --force gnat@1")
    assert "gnat@2" in said.split("ok")[-1]
    told(run("pull", "--force", "gnat@1", "-q"), 0)
    told(run("verify", "gnat@1"), 0, "ok")


def test_weights_that_answer_otherwise_are_found(run: Run, process: Run, store: Path, folder: Path) -> None:
    told(run("pull", "gnat@1", "-q"), 0)
    told(run("check"), 0, "ok", "its answers are kept from now on")
    (store / "installed/gnat/1/tiny.onnx").write_bytes((folder / "b.onnx").read_bytes())
    told(process("models", "check", "gnat"), 3, "broken", "The output 'y' of gnat@1 is off by", "of its deviation")


def test_a_bundle_carries_models_to_another_machine(run: Run, tmp_path: Path) -> None:
    told(run("pull", "gnat@1", "finder@1", "-q"), 0)
    out, there = tmp_path / "models.tar", str(tmp_path / "there")
    told(run("bundle", "gnat", "finder", "-o", str(out)), 0, f"Wrote {out}", "There: lookhear models import models.tar")
    told(
        run("import", str(out), MODEL_CACHE_DIR=there),
        0,
        "gnat@1 is active, for tinies",
        "finder@1 is active, for faces",
    )
    out.write_bytes(out.read_bytes()[:3000])
    told(run("import", str(out), MODEL_CACHE_DIR=str(tmp_path / "else")), 3, "models.tar is damaged or cut short")
    told(run("bundle", "gnat", "-o", str(tmp_path / "none" / "x.tar")), 4, "choose another --out")


def test_own_models_are_imported_and_pickles_never_read(run: Run, folder: Path, tmp_path: Path) -> None:
    told(run("families"), 0, "yolov8", "images: b × 3 × h × w", "gnat")
    (tmp_path / "mine.onnx").write_bytes(times(4.0))
    told(run("import", str(tmp_path / "mine.onnx"), "--version", "7"), 0, "mine@7 is active, for tinies")
    (tmp_path / "evil.pt").write_bytes(pickle.dumps({"weights": 1}))
    told(run("import", str(tmp_path / "evil.pt")), 3, "evil.pt is a Python pickle, which can run anything when read")
    (tmp_path / "odd.onnx").write_bytes(constant({"input.1": (1, 3, 8, 8)}, {"1": [[0.0]]}))
    told(run("import", str(tmp_path / "odd.onnx")), 3, "cannot be told", "input.1 [1 × 3 × 8 × 8]", "Say --family")


def test_a_store_that_cannot_be_written_and_a_catalogue_that_cannot_be_read(run: Run, tmp_path: Path) -> None:
    told(run("pull", "gnat@1", MODEL_CACHE_DIR="/dev/null/store"), 4, "Not a directory", "set MODEL_CACHE_DIR")
    (tmp_path / "bad.yml").write_text("models: [{name: a}]")
    told(run("list", MODEL_CATALOGUE=str(tmp_path / "bad.yml")), 2, "model 'a': its family must be one of")


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as found:
        yield found


def test_an_interrupted_pull_leaves_a_clean_store(
    site: Web, folder: Path, tmp_path: Path, run: Run, store: Path
) -> None:
    data = times(2.0, note="x" * (1 << 20))
    url = site.put("/slow.onnx", data, holds=1 << 19)
    (tmp_path / "own.yml").write_text((folder / "own.yml").read_text().replace("URL", url))
    environment = settings(folder, store, MODEL_CATALOGUE=str(tmp_path / "own.yml"))
    command = [LOOKHEAR, "models", "pull", "slow"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as puller:
        part = store / "staging/slow@1/tiny.onnx.part"
        while not (part.exists() and part.stat().st_size):
            assert puller.poll() is None
        os.killpg(puller.pid, signal.SIGINT)
        _, errors = puller.communicate(timeout=30)
    assert puller.returncode == 130 and "Interrupted." in errors and "Traceback" not in errors
    assert not list(store.glob("installed/*/*")) and not (store / "state.json").exists()
    kept = part.stat().st_size
    site.release.set()
    before = site.sent
    told(run("pull", "slow", MODEL_CATALOGUE=str(tmp_path / "own.yml")), 0, "slow@1 is active")
    assert site.asked[-1].headers["range"] == f"bytes={kept}-" and site.asked[-1].sent == len(data) - kept
    assert site.sent - before <= len(data)
    assert [path.name for path in (store / "staging").iterdir()] == []


def test_an_analysis_names_the_command_and_refuses_what_it_does_not_know(process: Run, folder: Path) -> None:
    picture, asked = str(folder / "picture.png"), ["-t", "faces", "-O", "faces.model=nobody"]
    told(process("analyze", "/nowhere.png", *asked), 2, "There is no model 'nobody' for faces. Known: finder")
    told(process("analyze", picture, "-t", "faces"), 3, "Get one with: lookhear models pull ")


def test_a_journal_is_done_again_when_the_model_is_another_and_only_then(
    process: Run, run: Run, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "library.jsonl"
    asked = ["analyze", str(folder / "picture.png"), "-t", "faces", "--out", str(out)]

    def left() -> float:
        (line,) = out.read_text().splitlines()
        (finding,) = json.loads(line)["findings"]
        (used,) = finding["provenance"]["models"]
        assert used["name"] == "finder" and len(used["sha256"]) == 64
        return float(finding["value"]["faces"][0]["bbox"]["x"])

    told(run("pull", "finder@1", "-q"), 0)
    told(process(*asked), 0, "1 analysed")
    assert left() == 16.0
    told(run("pull", "gnat@1", "-q"), 0)
    told(process(*asked), 0, "0 analysed", "1 known")
    told(run("pull", "finder@2", "-q"), 0)
    told(process(*asked), 0, "1 analysed")
    assert left() == 32.0
