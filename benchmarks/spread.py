"""Files per second of the plain batch and of Ray, and what Ray costs before the first file.

    python -m benchmarks.spread

Each run is a whole process into a fresh place. What a start costs is a run over one file; the rate is that of the other
files: (files - 1) / (time of all - time of one).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from benchmarks.media import recording
from benchmarks.processes import run

HERE = Path(__file__).parent
LOOKHEAR = str(Path(sys.executable).with_name("lookhear"))
SHARED = Path(os.environ.get("LOOKHEAR_SHARED", HERE.parents[1] / "shared")) / "media"
PICTURES = ("images/coral_cat_720p.jpg", "faces/crowd/vladmandic_sample1.jpg", "faces/dlib/2007_007763.jpg")
_KINDS = {"pictures, 0.2 to 0.9 megapixels, all tasks without a model": 240, "30 s clips, MP3, mir and quality": 120}
_ENGINES = ("plain, 1 worker", "plain, 2 workers", "ray, 1 actor", "ray, 2 actors")


def sections() -> Iterator[str]:
    """The tables, a line each."""
    yield "\n## Many files: the plain batch and Ray on one machine\n"
    if not SHARED.exists():
        yield "Not measured: the pictures are not there (set LOOKHEAR_SHARED)."
        return
    for kind, count in _KINDS.items():
        yield f"\n{count} {kind}; load when this began: {os.getloadavg()[0]:.1f}.\n"
        yield "| | one file, s | all, s | files/s after the first |"
        yield "|---|---|---|---|"
        for engine in _ENGINES:
            one, whole = _seconds(kind, 1, engine), _seconds(kind, count, engine)
            yield f"| {engine} | {one:.1f} | {whole:.1f} | {(count - 1) / max(whole - one, 1e-3):.1f} |"


def _seconds(kind: str, count: int, engine: str) -> float:
    name, workers = engine.split(", ")
    with tempfile.TemporaryDirectory(prefix="lookhear-bench-") as folder:
        media, out = Path(folder) / "media", Path(folder) / "out"
        media.mkdir()
        pictures = kind.startswith("pictures")
        files = [SHARED / one for one in PICTURES] if pictures else [recording("thirty-seconds", 30)]
        for number, file in enumerate(islice(cycle(files), count)):
            unlike = b"%08d" % number  # the same bytes again would be known
            (media / f"{number:05}{file.suffix}").write_bytes(file.read_bytes() + unlike)
        command = [LOOKHEAR, "analyze", str(media), "--quiet", "--workers", workers.split()[0]]
        command += [] if pictures else ["--tasks", "mir,quality"]
        command += ["--out", f"{out}.jsonl"] if name == "plain" else ["--out", str(out), "--engine", "ray"]
        began = time.perf_counter()
        run(command)
        return time.perf_counter() - began


if __name__ == "__main__":
    for line in sections():
        print(line, flush=True)
