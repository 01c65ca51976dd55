"""ONNX Runtime: sessions on the processor or a CUDA device."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lookhear.errors import DeviceMissing, InvalidModel, ModelMissing
from lookhear.models.batching import Batcher
from lookhear.models.card import ANY, Card, Shapes
from lookhear.models.devices import CPU, CUDA, processors
from lookhear.models.runtimes.precision import variant
from lookhear.models.settings import ModelSettings
from lookhear.models.store import Installed

_QUIET = 4  # of the levels of its log: only what is fatal; the rest comes as exceptions
_MOST_THREADS = 8
_CPU = "CPUExecutionProvider"
Feeds = Mapping[str, NDArray[Any]]


class OnnxModel:
    """A loaded session. ``run`` may be called by many threads; a card with ``batch`` lets them share runs."""

    def __init__(self, session: Any, device: str, batcher: Batcher | None) -> None:
        self.native = session
        self.device = device
        self._batcher = batcher
        self._outputs = [output.name for output in session.get_outputs()]

    def run(self, feeds: Feeds) -> list[NDArray[Any]]:
        """The outputs, in the order of the model."""
        return self._batcher(feeds) if self._batcher else self._run(feeds)

    def _run(self, feeds: Feeds) -> list[NDArray[Any]]:
        return self.native.run(self._outputs, dict(feeds))  # type: ignore[no-any-return]

    def close(self) -> None:
        """Let go of the session."""
        self.native = self._batcher = None


def load(one: Installed, device: str, settings: ModelSettings) -> OnnxModel:
    """A session for the model's ONNX file. Raises InvalidModel, DeviceMissing."""
    device = _usable(device)
    path = variant(one, one.folder / onnx_file(one.card), settings.model_precision, device)
    threads = one.card.facts.get("threads", settings.model_threads)  # small networks lose time by sharing work
    session = _on_gpu(path, one, threads) if device == CUDA else None
    if session is None:
        session = _session(path, one.card.id, [_CPU], threads)
    on_gpu = "CUDAExecutionProvider" in session.get_providers()
    if settings.require_gpu and not on_gpu:
        raise DeviceMissing(
            "REQUIRE_GPU is set, but ONNX Runtime cannot use the GPU. Install onnxruntime-gpu in its place, or unset it."
        )
    model = OnnxModel(session, CUDA if on_gpu else CPU, None)
    if one.card.batch and settings.max_batch_size > 1:
        model._batcher = Batcher(model._run, settings.max_batch_size)
    return model


def _on_gpu(path: Path, one: Installed, threads: int | None) -> Any:
    """A session there; None where it can be had on the processor at best. Raises what says that there is no memory."""
    with contextlib.suppress(InvalidModel):
        cuda = ("CUDAExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"})
        return _session(path, one.card.id, [cuda, _CPU], threads)
    return None


def _usable(device: str) -> str:
    """The processor, where this build of ONNX Runtime knows no GPU."""
    import onnxruntime

    return device if "CUDAExecutionProvider" in onnxruntime.get_available_providers() else CPU


@dataclass(frozen=True)
class Tensors:
    """What a file says of itself: shapes by name, and its metadata."""

    inputs: Shapes
    outputs: Shapes
    metadata: Mapping[str, str]


def describe(path: Path, name: str | None = None) -> Tensors:
    """Raises InvalidModel for a file that is damaged, or no ONNX model; ``name`` is what errors call the model."""
    session = _session(path, name or path.name, [_CPU], 1)
    try:
        inputs, outputs = (
            {tensor.name: tuple(tensor.shape or ()) for tensor in tensors}
            for tensors in (session.get_inputs(), session.get_outputs())
        )
        return Tensors(inputs, outputs, dict(session.get_modelmeta().custom_metadata_map))
    except UnicodeDecodeError as error:
        raise InvalidModel(_reason(error, path, name or path.name)) from error


def check(card: Card, folder: Path) -> None:
    """Each file is whole, with all of its weights, and has the tensors the card names. Raises InvalidModel."""
    for part in map(card.part, card.graphs) if card.graphs else (card,):
        found = describe(folder / onnx_file(part), card.id)
        for what, expected, there in (("input", part.inputs, found.inputs), ("output", part.outputs, found.outputs)):
            for name, shape in expected.items():
                if not _has(name, shape, there):
                    raise InvalidModel(f"{card.id} is no {card.family}: {_lacks(what, name, shape, there)}.")
        if 0 < len(part.inputs) < len(found.inputs):
            others = ", ".join(f"'{name}'" for name in found.inputs if name not in part.inputs)
            raise InvalidModel(f"{card.id} is no {card.family}: beside its inputs it has {others}.")


def _has(name: str, shape: Sequence[int | str], there: Shapes) -> bool:
    if name == ANY:
        return any(_agree(shape, found) for found in there.values())
    return name in there and _agree(shape, there[name])


def _lacks(what: str, name: str, shape: Sequence[int | str], there: Shapes) -> str:
    if name != ANY and name not in there:
        return f"it has no {what} '{name}', but {', '.join(there)}"
    meant = " × ".join(map(str, shape))
    told = ", ".join(f"'{other}' is {' × '.join(map(str, found))}" for other, found in there.items())
    if name == ANY:
        return f"no {what} is {meant} ({told})"
    return f"its {what} '{name}' is {' × '.join(map(str, there[name]))}, not {meant}"


def fits(facts: Mapping[str, Any], found: Tensors) -> bool:
    """Has it the tensors of a family (or of one of its graphs), and no other inputs?"""
    inputs, outputs = facts.get("inputs") or {}, facts.get("outputs") or {}
    given = all(_has(name, shape, found.inputs) for name, shape in inputs.items())
    made = all(_has(name, shape, found.outputs) for name, shape in outputs.items())
    if ANY in outputs:  # then its size is all that tells it
        made &= any(_agree(outputs[ANY], shape) and _known(outputs[ANY], shape) for shape in found.outputs.values())
    return given and made and len(inputs) == len(found.inputs)


def _known(expected: Sequence[int | str], found: Sequence[int | str]) -> bool:
    """Is every number that is expected one there, too?"""
    return all(isinstance(b, int) for a, b in zip(expected, found, strict=True) if isinstance(a, int))


def _agree(expected: Sequence[int | str], found: Sequence[int | str]) -> bool:
    """Numbers must be equal where both are known."""
    both = zip(expected, found, strict=False)
    return len(expected) == len(found) and all(a == b for a, b in both if isinstance(a, int) and isinstance(b, int))


def seeded(loaded: OnnxModel, card: Card) -> dict[str, NDArray[Any]]:
    """All outputs for one input that is always the same."""
    import numpy as np

    random, sizes = np.random.default_rng(0), {"b": 1, **(card.facts.get("golden") or {})}
    height, width = card.facts.get("size") or (320, 320)
    sizes = {"h": height, "w": width, **sizes}
    feeds = {}
    for tensor in loaded.native.get_inputs():
        named = card.inputs.get(tensor.name) or card.inputs.get(ANY, tensor.shape)
        shape = [
            side if isinstance(side, int) else sizes.get(meant, 1)
            for side, meant in zip(tensor.shape, named, strict=True)
        ]
        if "int" in tensor.type:
            feeds[tensor.name] = random.integers(0, 2, shape).astype(tensor.type[len("tensor(") : -1])
        else:
            scale = float(card.facts.get("scale", 1.0))
            feeds[tensor.name] = (scale * random.random(shape)).astype(np.float32)
    names = [output.name for output in loaded.native.get_outputs()]
    return dict(zip(names, loaded.native.run(names, feeds), strict=True))


def out_of_memory(error: BaseException) -> bool:
    """Does the device have no memory left?"""
    said = str(error).lower()
    return "out of memory" in said or "failed to allocate memory" in said or "cuda failure 2" in said


def onnx_file(card: Card) -> str:
    """The name of the graph among its files."""
    names = [file.name for file in card.kept if file.name.endswith(".onnx")]
    if len(names) == 1:
        return names[0]
    raise InvalidModel(f"{card.id} must have one file that ends in .onnx; it has {len(names)}.")


def _session(path: Path, name: str, providers: list[Any], threads: int | None) -> Any:
    if not path.is_file():
        raise ModelMissing(f"The file {path} is gone. Get it again: lookhear models pull --force {name}")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(threads or processors(), _MOST_THREADS)
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it would keep what the largest run took
    options.log_severity_level = _QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others want the processor, too
    try:
        # its own way of falling back to the processor prints to standard output
        return onnxruntime.InferenceSession(str(path), options, providers=providers, enable_fallback=0)
    except Exception as error:  # its exceptions share no base but Exception
        if out_of_memory(error):
            raise
        raise InvalidModel(_reason(error, path, name)) from error


def _reason(error: Exception, path: Path, name: str) -> str:
    said = str(error).replace(str(path), path.name).replace(str(path.parent), ".").strip()
    if path.name not in said:
        said = f"{path.name}: {said}"
    if "external data" in said.lower() or "GetExtDataFromTensorProto" in said:
        return f"{name} lacks the file with its weights that {path.name} names, or part of it ({said})."
    return f"{name} cannot be loaded: it is damaged, or no ONNX model ({said})."
