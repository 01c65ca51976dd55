"""Whisper's files and its command, with seeded random weights: imported, loaded, let go, refused, checked, asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("faster_whisper", reason="takes the extra 'speech'")

from lookhear.errors import InvalidModel
from lookhear.models.card import Want
from lookhear.models.golden import check
from lookhear.models.own import Description, import_file
from lookhear.models.shelf import Model, Shelf


def test_it_is_loaded_once_and_its_memory_comes_back(whisper_weights: Path, tmp_path: Path) -> None:
    """In a process of its own, for memory is counted."""
    program = """
import sys, threading, numpy as np
from pathlib import Path
from lookhear.models.card import Want
from lookhear.models.own import Description, import_file
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Shelf
from benchmarks.random_whisper import build

def resident(): return int(open("/proc/self/statm").read().split()[1]) * 4096 >> 20
place = Path(sys.argv[1])
shelf = Shelf(ModelSettings(model_cache_dir=place / "store", use_gpu=False, model_threads=1))
import_file(build(place / "tiny", "tiny"), shelf, Description())
model = shelf.get(Want("transcript"))
mel = np.zeros((80, 3000), np.float32)
ask = lambda: model.work(lambda native: native.encode(mel))
ask(); shelf.sessions.unload(); before = resident()
threads = [threading.Thread(target=ask) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(shelf.sessions.loads(model.one), resident() - before)
shelf.sessions.unload()
print(len(shelf.sessions.status()), resident() - before)
"""
    # one heap: glibc keeps the free end of each thread's own, 65 MiB here, which says nothing of what we let go of
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, "-c", program, str(tmp_path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    (loads, taken), (there, left) = (tuple(map(int, line.split())) for line in said.splitlines()[-2:])
    assert loads == 1 and there == 0 and taken > 80 and left < taken / 4


def test_a_folder_that_is_cut_short_is_not_taken(whisper_weights: Path, whisper_shelf: Shelf, tmp_path: Path) -> None:
    cut = shutil.copytree(whisper_weights, tmp_path / "cut")
    data = (whisper_weights / "model.bin").read_bytes()
    (cut / "model.bin").write_bytes(data[: len(data) // 2])
    before = whisper_shelf.store.active("whisper-least")
    with pytest.raises(InvalidModel, match="breaks off within"):
        import_file(cut, whisper_shelf, Description(name="whisper-least", version="2"))
    assert whisper_shelf.store.active("whisper-least") == before


def test_what_the_runtime_refuses_is_told(whisper_weights: Path, whisper_shelf: Shelf, tmp_path: Path) -> None:
    """All there and whole, but no network: a variable is called otherwise."""
    broken = shutil.copytree(whisper_weights, tmp_path / "broken")
    data = (whisper_weights / "model.bin").read_bytes()
    (broken / "model.bin").write_bytes(data.replace(b"encoder/conv2/weight", b"encoder/convX/weight"))
    one = import_file(broken, whisper_shelf, Description(name="broken"))
    with pytest.raises(InvalidModel, match=r"broken@1 cannot be loaded: .*encoder/conv2/weight"):
        Model(one, whisper_shelf.sessions).work(lambda native: native)
    whisper_shelf.store.remove("broken", "1")


def test_it_answers_as_it_did(whisper_shelf: Shelf) -> None:
    model = whisper_shelf.get(Want("transcript"))
    assert "kept from now on" in check(model.one, whisper_shelf)
    assert "as first seen here, off by 0" in check(model.one, whisper_shelf)


def transcribe(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = "from lookhear.cli.main import run; run()"
    asked = ["-O", "transcript.temperature=[0.0]", "-O", "transcript.max_new_tokens=20", "--language", "en"]
    command = [sys.executable, "-c", program, "transcribe", *arguments, *asked]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


@pytest.mark.usefixtures("whisper_here")
def test_the_command_writes_what_is_said(shared: Path, tmp_path: Path) -> None:
    sound = str(shared / "speech" / "jfk.wav")
    table = transcribe(sound)
    assert table.returncode == 0 and "en, 11.0 s of speech" in table.stdout
    told = json.loads(transcribe(sound, "--json", "--words").stdout)
    assert told["language"] == "en" and told["duration"] == 11.0 and told["segments"][0]["words"]
    lines = [segment["text"] for segment in told["segments"]]
    for name, begins in (("a.srt", "1\n00:00:"), ("a.vtt", "WEBVTT\n\n00:"), ("a.tsv", "start\tend\t"), ("a.txt", "")):
        out = tmp_path / name
        assert transcribe(sound, "--words", "--out", str(out)).returncode == 0
        assert out.read_text().startswith(begins) and all(line in out.read_text() for line in lines)
        out.write_text("mine")
        assert transcribe(sound, "--out", str(out)).returncode == 2 and out.read_text() == "mine"
    assert transcribe(sound, "--out", str(out), "--force").returncode == 0 and out.read_text() != "mine"
    narrow = transcribe(sound, "--srt", "--max-line-width", "16", "--max-line-count", "1").stdout
    assert max(len(line) for line in narrow.splitlines() if "-->" not in line) <= 16
