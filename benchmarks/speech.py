"""What is said, beside faster-whisper called directly: time for the same options, and memory for long recordings.

    python -m benchmarks.speech [--long]

With seeded random weights of the true shape of Whisper tiny, the smallest there is: of the larger ones whatever we add is a
smaller part. Random text has no end, so each window is given 60 tokens, at temperature 0. Takes the extra ``speech``.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.processes import run

HERE = Path(__file__).parent
SPEECH = Path(os.environ.get("LOOKHEAR_SHARED", HERE.parents[1] / "shared")) / "media" / "speech"
CLIPS = ("jfk.wav", "libri1.hq.ogg", "libri2.hq.ogg", "libri3.hq.ogg", "speech-male.wav")
_CACHE = HERE / ".cache"
_WEIGHTS, _STORE = _CACHE / "whisper-tiny-random", _CACHE / "whisper-store"
_OPTIONS = {"temperature": [0.0], "max_new_tokens": 60, "language": "en", "vad_reset_seconds": 0}
_TARGET = 1.03


def sections(rounds: int = 5, *, long: bool = False) -> Iterator[str]:
    """The tables, a line each."""
    yield "\n## Speech: as faster-whisper called directly, warm, in one process\n"
    if find_spec("faster_whisper") is None or not SPEECH.exists():
        yield "Not measured: faster-whisper or the recordings are not there (pip install '.[speech]'; LOOKHEAR_SHARED)."
        return
    yield "Random weights of the shape of Whisper tiny, 8-bit; the same options, and the same text comes out of both.\n"
    yield "| recording | faster-whisper, s | Lookhear, s | ratio | of processor time | met |"
    yield "|---|---|---|---|---|---|"
    prepare()
    for title, path in (("11 s", SPEECH / CLIPS[0]), ("five minutes", conversation(5))):
        for kind in ("", "batched"):
            command = [sys.executable, "-m", "benchmarks.speech", str(path), str(rounds), kind]
            told = subprocess.run(command, capture_output=True, text=True, check=True)
            theirs, ours, theirs_cpu, ours_cpu = map(float, told.stdout.split())
            met = "yes" if ours / theirs <= _TARGET else "no"
            ratios = f"{ours / theirs:.3f} | {ours_cpu / theirs_cpu:.3f}"
            yield f"| {title}{', ' * bool(kind)}{kind} | {theirs:.2f} | {ours:.2f} | {ratios} | {met} |"
    if long:
        yield from _long()


def _long() -> Iterator[str]:
    """Whole processes. What a process takes counts from what its parent had: recordings are made by another."""
    peaks = []
    for minutes in (5, 60):
        program = f"from benchmarks.speech import conversation; print(conversation({minutes}))"
        made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        done = run([sys.executable, "-m", "benchmarks.speech", made.stdout.strip(), "0", ""])
        peaks.append(f"{minutes} minutes: {done.wall:.0f} s, peak {done.peak:.0f} MiB")
    yield f"\n{'; '.join(peaks)}."


def prepare() -> None:
    """Random weights, and a store that has them."""
    from benchmarks.random_whisper import build
    from lookhear.models.own import Description, import_file
    from lookhear.models.settings import ModelSettings
    from lookhear.models.shelf import Shelf

    if not (_WEIGHTS / "tokenizer.json").exists():
        build(_WEIGHTS, "tiny")
    shelf = Shelf(ModelSettings(model_cache_dir=_STORE))
    if not shelf.store.all():
        import_file(_WEIGHTS, shelf, Description())


def conversation(minutes: int) -> Path:
    """The recordings in turn, with pauses of all lengths between; the loudest first, so that spectra have one floor."""
    path = _CACHE / f"conversation-{minutes}.wav"
    if path.exists():
        return path
    from faster_whisper import decode_audio

    random, parts, length = np.random.default_rng(3), [], 0
    clips = [decode_audio(str(SPEECH / name)) for name in CLIPS]
    while length < minutes * 60 * 16000:
        pause = np.zeros(int(16000 * random.choice([0.3, 0.8, 1.5, 2.5, 4.0])), np.float32)
        parts += [clips[random.integers(len(clips))] * np.float32(0.3) if parts else clips[0], pause]
        length += len(parts[-1]) + len(parts[-2])
    _CACHE.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes((np.concatenate(parts)[: minutes * 60 * 16000] * 32767).astype("<i2").tobytes())
    return path


def compare(path: str, rounds: int, kind: str) -> None:
    """Print medians: seconds of theirs and ours, and of the processor. Without rounds, only do ours once."""
    os.environ.update(MODEL_CACHE_DIR=str(_STORE), USE_GPU="false")
    ours = partial(_ours, path, kind == "batched")
    if not rounds:
        ours()
        return
    parts = (partial(_theirs, _model(), path, kind == "batched"), ours)
    assert parts[0]() == parts[1]()
    walls, processor = _medians(rounds, *parts)
    print(*walls, *processor)


def _model() -> Any:
    from faster_whisper import WhisperModel

    from lookhear.models.devices import processors

    return WhisperModel(str(_WEIGHTS), device="cpu", compute_type="int8", cpu_threads=min(processors(), 8))


def _theirs(model: Any, path: str, batched: bool) -> list[str]:
    from faster_whisper import BatchedInferencePipeline

    asked = {name: value for name, value in _OPTIONS.items() if name != "vad_reset_seconds"}
    if batched:
        segments, _ = BatchedInferencePipeline(model).transcribe(path, **asked)
    else:
        segments, _ = model.transcribe(path, vad_filter=True, **asked)
    return [segment.text.strip() for segment in segments if segment.text.strip()]


def _ours(path: str, batched: bool) -> list[str]:
    import lookhear

    report = lookhear.analyze(path, ["transcript"], {"transcript": {**_OPTIONS, "batched": batched}})
    return [segment.text for segment in report["transcript"].segments]


def _medians(rounds: int, *parts: Callable[[], object]) -> tuple[list[float], list[float]]:
    """s, each in turn: on the wall, and of the processor."""
    walls: list[list[float]] = [[] for _ in parts]
    processor: list[list[float]] = [[] for _ in parts]
    for _ in range(rounds):
        for place, part in enumerate(parts):
            began, spent = time.perf_counter(), time.process_time()
            part()
            walls[place].append(time.perf_counter() - began)
            processor[place].append(time.process_time() - spent)
    return [statistics.median(times) for times in walls], [statistics.median(times) for times in processor]


if __name__ == "__main__":
    if sys.argv[1:] in ([], ["--long"]):
        for line in sections(long=bool(sys.argv[1:])):
            print(line, flush=True)
    else:
        compare(sys.argv[1], int(sys.argv[2]), sys.argv[3])
