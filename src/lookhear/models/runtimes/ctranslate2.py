"""CTranslate2: Whisper as faster-whisper runs it, on the processor or a CUDA device.

On the processor weights are taken as 8-bit integers unless another precision is set: against float32 that halves the time
of decoding and the memory, and leaves the encoder's output at a cosine of 0.9996 (true tiny and small architectures).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lookhear.errors import InvalidModel, ModelMissing, Unsupported
from lookhear.models.card import Card
from lookhear.models.devices import CPU, CUDA, give_back_memory, processors
from lookhear.models.runtimes import ct2_file
from lookhear.models.settings import ModelSettings
from lookhear.models.store import Installed

NEEDS = "It takes faster-whisper, which is not installed. Get it with: pip install 'lookhear[speech]'"
_MOST_THREADS = 8
_SEED = 0  # of the sampling that decoding falls back to
_WEIGHTS = "model.bin"
_VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
_BANDS = 80  # of the mel spectrum, where preprocessor_config.json names no other number
_TYPES = {  # the first that the device knows
    CPU: {"auto": ("int8",), "int8": ("int8",), "float16": (), "float32": ()},
    CUDA: {
        "auto": ("float16", "int8_float16", "int8_float32"),
        "float16": ("float16",),
        "int8": ("int8_float16", "int8_float32"),
        "float32": (),
    },
}


class WhisperModel:
    """A loaded model. ``native``: ``faster_whisper.WhisperModel``, which many threads may call."""

    def __init__(self, native: Any, device: str) -> None:
        self.native = native
        self.device = device

    def close(self) -> None:
        """Let go of the weights."""
        if self.native is not None:
            self.native.model.unload_model()
        self.native = None


def load(one: Installed, device: str, settings: ModelSettings) -> WhisperModel:
    """Into memory. Raises InvalidModel, ModelMissing, Unsupported."""
    for name in (_WEIGHTS, "tokenizer.json"):  # what lacks would be looked for on the network
        if not (one.folder / name).is_file():
            raise ModelMissing(
                f"The file {one.folder / name} is gone. Get it again: lookhear models pull --force {one.card.id}"
            )
    try:
        import ctranslate2
        import faster_whisper
    except ImportError as error:
        raise Unsupported(NEEDS) from error
    if device == CUDA and not ctranslate2.get_cuda_device_count():
        device = CPU  # a device that CTranslate2 cannot use
    ctranslate2.set_random_seed(_SEED)
    threads = min(settings.model_threads or processors(), _MOST_THREADS)
    kind = compute_type(settings.model_precision, device, ctranslate2.get_supported_compute_types(device))
    try:
        native = faster_whisper.WhisperModel(str(one.folder), device=device, compute_type=kind, cpu_threads=threads)
    except Exception as error:
        if out_of_memory(error) or device == CUDA:
            raise
        raise InvalidModel(f"{one.card.id} cannot be loaded: {error}.") from error
    give_back_memory()  # what converting the weights took is as much again
    return WhisperModel(native, device)


def compute_type(precision: str, device: str, known: set[str]) -> str:
    """CTranslate2's name for how to compute with ``precision``: what the ``device`` knows, float32 at the least."""
    return next((name for name in _TYPES[device][precision] if name in known), "float32")


def check(card: Card, folder: Path) -> None:
    """All files are there and whole, and the weights are of the family's kind. Raises InvalidModel."""
    for name in ("config.json", "tokenizer.json"):
        _json(card, folder / name)
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        raise InvalidModel(f"{card.id} lacks its vocabulary: {' or '.join(_VOCABULARIES)}.")
    try:
        weights = ct2_file.read(folder / _WEIGHTS)
    except FileNotFoundError as error:
        raise InvalidModel(f"{card.id} lacks its weights, {_WEIGHTS}.") from error
    except ValueError as error:
        raise InvalidModel(f"{_WEIGHTS} of {card.id} is damaged, or of another kind: {error}.") from error
    expected = card.facts.get("specification", "WhisperSpec")
    if weights.specification != expected:
        raise InvalidModel(f"{card.id} is no {card.family}: its {_WEIGHTS} holds {weights.specification}.")
    _check_bands(card, folder, weights)


def _check_bands(card: Card, folder: Path, weights: ct2_file.Weights) -> None:
    """The spectrum must have as many bands as the weights take."""
    place = folder / "preprocessor_config.json"
    bands = _json(card, place).get("feature_size", _BANDS) if place.is_file() else _BANDS
    shape = weights.shapes.get("encoder/conv1/weight")
    if shape is not None and shape[1] != bands:
        lacks = "" if place.is_file() else " It lacks its preprocessor_config.json."
        raise InvalidModel(f"{card.id} takes {shape[1]} mel bands, but would be given {bands}.{lacks}")


def _json(card: Card, path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InvalidModel(f"{card.id} lacks its file {path.name}.")
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise InvalidModel(f"The file {path.name} of {card.id} is damaged: {error}.") from error
    if not isinstance(found, dict):
        raise InvalidModel(f"The file {path.name} of {card.id} is of another kind.")
    return found


def seeded(loaded: WhisperModel, card: Card) -> dict[str, NDArray[Any]]:
    """What the encoder makes of a spectrum that is always the same."""
    import numpy as np

    native = loaded.native
    bands = native.model.n_mels
    mel = np.random.default_rng(0).uniform(-1, 1, (bands, 3000)).astype(np.float32)
    return {"encoder": host_array(native.encode(mel))}


def host_array(view: Any) -> NDArray[Any]:
    """A float32 copy of what CTranslate2 gave, wherever it lies."""
    import numpy as np
    from ctranslate2 import DataType, Device

    view = view.to_device(Device.cpu) if view.device != "cpu" else view
    return np.array(view.to(DataType.float32))


def out_of_memory(error: BaseException) -> bool:
    """Does the device have no memory left?"""
    said = str(error).lower()
    return "out of memory" in said or "cublas_status_alloc_failed" in said
