"""Files of safetensors, looked at without being loaded: their header says what is in them, and how long they must be.

Reference: the format as https://github.com/huggingface/safetensors describes it: 8 bytes with the length of the header,
the header as JSON, then the tensors without gaps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lookhear.errors import InvalidModel

_LENGTH = 8  # bytes that say how long the header is
_MOST = 100_000_000  # bytes of a header, as the reference reader has it
_BITS = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "C64": 64}
Shapes = dict[str, tuple[int, ...]]


def check_weights(folder: Path, names: Iterable[str]) -> Shapes:
    """The shapes of all tensors in the files ``names``; with an index, it must find in them what it names.

    Raises InvalidModel, naming the file, if one is damaged or breaks off, and if there is none.
    """
    shapes: Shapes = {}
    held: dict[str, Shapes] = {}
    for name in sorted(names):
        if name.endswith(".safetensors"):
            held[name] = describe(folder / name)
            shapes |= held[name]
    if not shapes:
        raise InvalidModel("It has no weights: no file that ends in .safetensors, with a tensor in it.")
    for index in (name for name in names if name.endswith(".safetensors.index.json")):
        _check_index(folder / index, held)
    return shapes


def describe(path: Path) -> Shapes:
    """The shapes of its tensors. Raises InvalidModel unless it is whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        if size < _LENGTH or length > min(_MOST, size - _LENGTH):
            raise InvalidModel(f"{path.name} is no file of safetensors, or breaks off within its header.")
        raw = file.read(length)
    header = _header(raw, path)
    end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if _LENGTH + length + end != size:
        raise InvalidModel(f"{path.name} is damaged: it holds {size} bytes instead of {_LENGTH + length + end}.")
    return {name: tuple(entry["shape"]) for name, entry in header.items()}


def _header(raw: bytes, path: Path) -> dict[str, Any]:
    try:
        header = json.loads(raw)
        header.pop("__metadata__", None)
        edges = sorted(tuple(entry["data_offsets"]) for entry in header.values())
        sizes = {name: _size(entry) for name, entry in header.items()}
        fits = all(
            sizes[name] == end - begin for name, entry in header.items() for begin, end in [entry["data_offsets"]]
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise InvalidModel(f"The header of {path.name} is damaged, or it is no file of safetensors.") from error
    if not fits or any(before[1] != after[0] for before, after in zip([(0, 0), *edges], edges, strict=False)):
        raise InvalidModel(f"The header of {path.name} is damaged: its tensors do not lie one after the other.")
    return dict(header)


def _size(entry: Mapping[str, Any]) -> int:
    """Bytes of a tensor. Raises KeyError, ValueError for what is none."""
    kind = str(entry["dtype"])
    digits = kind.partition("_")[0].lstrip("BFIU")
    return math.prod(map(int, entry["shape"])) * (_BITS.get(kind) or int(digits)) // 8


def _check_index(path: Path, held: Mapping[str, Shapes]) -> None:
    try:
        places = dict(json.loads(path.read_text("utf-8"))["weight_map"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidModel(f"{path.name} is damaged: it does not say which file holds which weights.") from error
    for tensor, name in places.items():
        if name not in held:
            raise InvalidModel(f"{path.name} names the file {name}, which is missing.")
        if tensor not in held[name]:
            raise InvalidModel(f"{name} lacks the weights '{tensor}' that {path.name} looks for in it.")
