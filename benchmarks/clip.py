"""CLIP ViT-B/32, true size, random weights: pictures per second end to end from JPEG, against named peers.

    python -m benchmarks.clip [--rounds 3] [--seconds 8]

Needs the packages of tests/parity/requirements.txt beside Lookhear's own, and the real pictures (LOOKHEAR_SHARED). Each
figure is a process of its own; they run in turn. The peers get the whole JPEG, as their documentation shows: Pillow, then
their own preparation. Lookhear answers with a whole report (checksums of the file among it); what it remembers of pictures
is switched off.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE / ".cache" / "clip"
SHARED = Path(os.environ.get("LOOKHEAR_SHARED", HERE.parents[1] / "shared")) / "media" / "images"
SOURCES = ("mountains.jpg", "coral_cat_720p.jpg", "coral_parrot.jpg", "ski_retina.jpg", "cam_example.jpg")
SIZES = {"640 × 480": (640, 480), "1920 × 1280": (1920, 1280), "4000 × 3000": (4000, 3000)}
WAYS = ("lookhear", "onnxruntime", "transformers")
Found = dict[tuple[str, int, str], list[list[float]]]


def main() -> None:
    """Time everything, print a table: pictures per second, and processor time for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clip", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--one", nargs=3, metavar=("WAY", "THREADS", "SIZE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        print(json.dumps(memory()))
        return
    if arguments.one:
        way, threads, size = arguments.one
        print(json.dumps(measure(way, int(threads), size, arguments.seconds)))
        return
    _prepare()
    cases = [(size, threads, way) for size in SIZES for threads in arguments.threads for way in WAYS]
    found: Found = {case: [] for case in cases}
    for _ in range(arguments.rounds):
        for size, threads, way in cases:
            command = [sys.executable, "-m", "benchmarks.clip", "--seconds", str(arguments.seconds), "--one"]
            done = subprocess.run([*command, way, str(threads), size], capture_output=True, text=True, check=True)
            found[size, threads, way].append(json.loads(done.stdout.splitlines()[-1]))
    for line in _table(found):
        print(line)
    command = [sys.executable, "-m", "benchmarks.clip", "--memory"]
    before, loaded, after = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    print(
        f"\nMemory of a process before the first picture, after it, and once the model is let go: {before:.0f}, ",
        end="",
    )
    print(f"{loaded:.0f}, {after:.0f} MiB.")


def _table(found: Found) -> Iterator[str]:
    yield f"| pictures | callers | {' | '.join(WAYS)} | of onnxruntime | of transformers | processor, of onnxruntime |"
    yield "|---|---|---|---|---|---|---|---|"
    for size, threads in dict.fromkeys(case[:2] for case in found):
        rates, costs = ([_median(found[size, threads, way], i) for way in WAYS] for i in (0, 1))
        told = " | ".join(f"{rate:.1f}/s, {cost:.0f} ms" for rate, cost in zip(rates, costs, strict=True))
        faster = f"{rates[0] / rates[1]:.2f} × | {rates[0] / rates[2]:.2f} ×"
        yield f"| {size} | {threads} | {told} | {faster} | {costs[0] / costs[1]:.2f} × |"


def _median(found: list[list[float]], place: int) -> float:
    return statistics.median(one[place] for one in found)


def _prepare() -> None:
    """The model, once, in the store and as files."""
    if (CACHE / "store" / "state.json").exists():
        return
    from benchmarks.random_clip import export, reference, tokenizer
    from lookhear.models.own import Description, import_file
    from lookhear.models.settings import ModelSettings
    from lookhear.models.shelf import Shelf

    folder = CACHE / "random-clip"
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer(folder)
    (folder / "bpe.txt.gz").unlink()
    export(reference(), folder)
    import_file(folder, Shelf(ModelSettings(model_cache_dir=CACHE / "store")), Description(name="random-clip"))


def photographs(size: str) -> list[bytes]:
    """JPEG, quality 90, of real pictures scaled to ``size``."""
    from PIL import Image

    found = []
    for name in SOURCES:
        data = io.BytesIO()
        picture = Image.open(SHARED / name).convert("RGB").resize(SIZES[size], Image.Resampling.LANCZOS)
        picture.save(data, "JPEG", quality=90)
        found.append(data.getvalue())
    return found


def measure(way: str, threads: int, size: str, seconds: float) -> tuple[float, float]:
    """Pictures per second over so many seconds, by callers that wait for their answers; processor time of each, ms."""
    embed, pictures = (
        {"lookhear": lookhear, "onnxruntime": onnxruntime, "transformers": transformers}[way](),
        photographs(size),
    )
    done, until = [0] * threads, [0.0]

    def call(place: int) -> None:
        while time.perf_counter() < until[0]:
            embed(pictures[(place + done[place]) % len(pictures)])
            done[place] += 1

    for picture in pictures[:2]:
        embed(picture)
    began, used = time.perf_counter(), time.process_time()
    until[0] = began + seconds
    callers = [threading.Thread(target=call, args=(place,)) for place in range(threads)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return sum(done) / (time.perf_counter() - began), 1000 * (time.process_time() - used) / sum(done)


def memory() -> tuple[float, float, float]:
    """MiB resident: before, with the model, and without it again. What is needed of libraries is loaded before."""
    os.environ["MODEL_CACHE_DIR"] = str(CACHE / "store")
    import onnxruntime  # noqa: F401

    import lookhear as product
    from lookhear.models.shelf import shelf_for
    from lookhear.settings import load_settings

    picture = photographs("640 × 480")[0]
    product.analyze(picture, ["colors"])
    before = _resident()
    product.analyze(picture, ["embedding"])
    loaded = _resident()
    shelf_for(load_settings()).sessions.unload()
    return before, loaded, _resident()


def _resident() -> float:
    """MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def lookhear() -> Callable[[bytes], object]:
    """Ours."""
    os.environ["MODEL_CACHE_DIR"] = str(CACHE / "store")
    import lookhear as product
    from lookhear.models import clip

    clip._KEPT = 0
    return lambda data: product.analyze(data, ["embedding"])["embedding"].vector


def onnxruntime() -> Callable[[bytes], object]:
    """The same graph, by hand."""
    import numpy as np
    import onnxruntime as ort
    from PIL import Image

    session = ort.InferenceSession(str(CACHE / "random-clip" / "vision_model.onnx"), providers=["CPUExecutionProvider"])
    mean = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
    std = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)

    def embed(data: bytes) -> object:
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        scale = 224 / min(picture.size)
        picture = picture.resize((int(picture.width * scale), int(picture.height * scale)), Image.Resampling.BICUBIC)
        left, top = (picture.width - 224) // 2, (picture.height - 224) // 2
        pixels = np.asarray(picture.crop((left, top, left + 224, top + 224)), np.float32) / 255
        prepared = np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1)[None])
        vector = session.run(None, {"pixel_values": prepared})[0][0]
        return vector / np.linalg.norm(vector)

    return embed


def transformers() -> Callable[[bytes], object]:
    """CLIPImageProcessor and CLIPModel."""
    import torch
    from PIL import Image
    from transformers import CLIPImageProcessor

    from benchmarks.random_clip import reference

    model, processor = reference(), CLIPImageProcessor()

    def embed(data: bytes) -> object:
        with torch.inference_mode():
            prepared = processor(images=Image.open(io.BytesIO(data)), return_tensors="pt")
            vector = model.get_image_features(**prepared).pooler_output[0]
            return vector / vector.norm()

    return embed


if __name__ == "__main__":
    main()
