"""MusiCNN for tests: its card, and a network of its true shape with seeded random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookhear.models import catalogue
from lookhear.models.card import Card
from support.checkpoints import write

_LABELS = Path(catalogue.__file__).parent / "labels"
MAGNATAGATUNE, LASTFM = (list(catalogue.read_labels(_LABELS / f"{name}.txt")) for name in ("magnatagatune", "lastfm"))
_FAMILY = {
    "musicnn": {
        "role": "music_tags",
        "runtime": "onnx",
        "build": "musicnn",
        "batch": True,
        "inputs": {"patches": ["b", 187, 96]},
        "outputs": {"tags": ["b", "t"], "embedding": ["b", "e"]},
    }
}
_SUMS = {
    "MTT_musicnn.index": ("da2d7bb670b2b31e9bc441bb1bd75eca31b5b061f963cc1f9630c1aff3238f57", 4948),
    "MTT_musicnn.data-00000-of-00001": ("041f3935e981a65cea739842d30c188d3a7d2adf4410955c8668eb3de4a5acab", 9465596),
    "MSD_musicnn.index": ("87f3e0f3550c8d3bafc840374003e5c8af5eeb5ecf6add61af09a7822d3282c8", 4948),
    "MSD_musicnn.data-00000-of-00001": ("8579734ee6388f799ed0def4bbd0d1fdcbeaf213ef2a9dc860917bd76a303de6", 9465596),
}


def card(labels: list[str] | str, files: dict[str, object], version: str) -> Card:
    """A card of the family, as the catalogue would read it."""
    import yaml

    entry = {"name": "musicnn", "version": version, "family": "musicnn", "licence": "ISC"}
    text = yaml.safe_dump(
        {"families": _FAMILY, "models": [{**entry, "labels": labels, "files": files}]}, sort_keys=False
    )
    return catalogue.parse(text, "tests", {}, Path()).cards[0]


def published() -> Card:
    """The weights in the wheel of the package musicnn."""
    files: dict[str, object] = {}
    for name, (sha256, size) in _SUMS.items():
        folder, _, rest = name.partition(".")
        source = {"wheel": "musicnn==0.1.0", "path": f"musicnn/{folder}/.{rest}"}
        files[name] = {"sha256": sha256, "size": size, "material": True, "sources": [source]}
    return card("musicnn", files, "0.1.0")


def random_card(folder: Path, labels: list[str] | None = None) -> Card:
    """Weights made here, which lie in ``folder``."""
    write(tensors(7), folder / "random.index")
    names = ("random.index", "random.data-00000-of-00001")
    files = {name: {"material": True, "sources": [{"file": str(folder / name)}]} for name in names}
    return card(labels or MAGNATAGATUNE, files, "random")


def tensors(seed: int) -> dict[str, NDArray[np.float32]]:
    """All tensors of a network, random, so that signals neither die nor explode on the way; some scales are negative."""
    rng = np.random.default_rng(seed)
    found: dict[str, NDArray[np.float32]] = {}
    kernels = [(7, 38, 1, 204), (7, 67, 1, 204), (128, 1, 1, 51), (64, 1, 1, 51), (32, 1, 1, 51)]
    kernels += [(7, 561, 1, 64), (7, 64, 1, 64), (7, 64, 1, 64), (1506, 200), (200, 50)]
    for place, shape in enumerate(kernels):
        layer = _numbered("conv2d", place) if place < 8 else _numbered("dense", place - 8)
        spread = 1 / np.sqrt(np.prod(shape[:-1]))
        found[f"{layer}/kernel"] = (spread * rng.standard_normal(shape)).astype(np.float32)
        found[f"{layer}/bias"] = (0.1 * rng.standard_normal(shape[-1])).astype(np.float32)
    for place, width in enumerate((1, 204, 204, 51, 51, 51, 64, 64, 64, 1506, 200)):
        layer = _numbered("batch_normalization", place)
        found[f"{layer}/gamma"] = rng.normal(0.3, 0.5, width).astype(np.float32)
        found[f"{layer}/beta"] = rng.normal(0, 0.2, width).astype(np.float32)
        found[f"{layer}/moving_mean"] = rng.normal(0.5, 0.2, width).astype(np.float32)
        found[f"{layer}/moving_variance"] = rng.uniform(0.3, 2, width).astype(np.float32)
    return found


def _numbered(layer: str, place: int) -> str:
    return f"{layer}_{place}" if place else layer
