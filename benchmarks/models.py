"""What models cost beside what they do: several image tasks on one picture, and memory once a model is let go.

    python -m benchmarks.models

On real weights (MODEL_MIRROR, by default the shared folder) and real pictures. Each figure is the median of many in one
process, in turn with what it is compared to.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("LOOKHEAR_SHARED", HERE.parents[1] / "shared"))
PICTURES = ("images/coral_cat_720p.jpg", "faces/crowd/vladmandic_sample1.jpg", "faces/dlib/2007_007763.jpg")
MODELS = ("yunet", "yolox-nano")
PEERS = HERE.parent / ".venv-parity" / "bin" / "python"
_STORE = HERE / ".cache" / "models"
_TIMES = 15


def sections() -> Iterator[str]:
    """The tables, a line each."""
    yield "\n## Image tasks on one picture: faces (YuNet) and objects (YOLOX-nano), warm, in one process\n"
    if not (SHARED / "media").exists() or not installed():
        yield "Not measured: the pictures or the weights are not there (set LOOKHEAR_SHARED)."
        return
    yield "Decoding with checksums, and each network's own run on ready input, measured by themselves; target ≤ 1.05.\n"
    yield "| picture | decoding, ms | networks, ms | both tasks, ms | ratio | met |"
    yield "|---|---|---|---|---|---|"
    for name in PICTURES:
        told = subprocess.run(
            [sys.executable, "-m", "benchmarks.models", name], capture_output=True, text=True, check=True
        )
        decoding, networks, whole = map(float, told.stdout.split())
        ratio = whole / (decoding + networks)
        met = "yes" if ratio <= 1.05 else "no"
        yield f"| {name} | {decoding:.1f} | {networks:.1f} | {whole:.1f} | {ratio:.3f} | {met} |"


def beside_peers(rounds: int) -> Iterator[str]:
    """CLIP and speech beside what others call, in the environment that has these (``make parity`` sets it up)."""
    yield "\n## CLIP ViT-B/32, random weights of the true shape, end to end from JPEG\n"
    if not PEERS.exists():
        yield "Not measured, nor speech: transformers and faster-whisper are not there. Run 'make parity' once."
        return
    yield "Pictures/s and ms of processor time for each; the peers as their documentation shows.\n"
    for module, options in (("clip", ["--rounds", str(min(rounds, 3)), "--seconds", "5"]), ("speech", [])):
        done = subprocess.run(
            [PEERS, "-m", f"benchmarks.{module}", *options], capture_output=True, text=True, check=True
        )
        yield done.stdout.rstrip()


def installed() -> bool:
    """Are the models there, or could they be fetched?"""
    from lookhear.errors import ModelUnavailable
    from lookhear.models.install import pull
    from lookhear.models.settings import ModelSettings
    from lookhear.models.shelf import Shelf

    shelf = Shelf(ModelSettings(model_cache_dir=_STORE))
    try:
        for name in MODELS:
            pull(shelf.catalogue.find(name), shelf.store, os.environ.get("MODEL_MIRROR", str(SHARED / "models")))
    except ModelUnavailable:
        return False
    return True


def picture(name: str) -> None:
    """Print the three medians, ms."""
    os.environ["MODEL_CACHE_DIR"] = str(_STORE)
    import lookhear
    from lookhear.media.limits import Limits
    from lookhear.media.medium import open_medium
    from lookhear.models.runtimes import onnx
    from lookhear.models.shelf import shelf_for
    from lookhear.settings import load_settings

    path, runs = SHARED / "media" / name, []
    whole_run = onnx.OnnxModel.run

    def noted(self: onnx.OnnxModel, feeds: onnx.Feeds) -> object:
        runs.append((self.native, {key: value.copy() for key, value in feeds.items()}))
        return whole_run(self, feeds)

    def decode() -> None:
        with open_medium(path, Limits()) as medium:
            medium.picture(1600 if max(medium.probe.picture.width, medium.probe.picture.height) > 1600 else None)  # type: ignore[union-attr]
            medium.digest()

    def both() -> None:
        lookhear.analyze(path, ["faces", "objects"])

    onnx.OnnxModel.run = noted  # type: ignore[method-assign, assignment]
    both()  # what the networks are given
    onnx.OnnxModel.run = whole_run  # type: ignore[method-assign]
    shelf_for(load_settings())  # keeps the sessions

    def networks() -> None:
        for session, feeds in runs:
            session.run(None, feeds)

    print(*_medians(decode, networks, both))


def _medians(*parts: Callable[[], None]) -> list[float]:
    """ms, each in turn."""
    took: list[list[float]] = [[] for _ in parts]
    for _ in range(_TIMES):
        for times, part in zip(took, parts, strict=True):
            began = time.perf_counter()
            part()
            times.append(1000 * (time.perf_counter() - began))
    return [statistics.median(times[2:]) for times in took]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        picture(sys.argv[1])
    else:
        for line in sections():
            print(line)
