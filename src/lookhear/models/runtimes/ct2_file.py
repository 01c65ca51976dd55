"""What a file of CTranslate2 holds, read without loading it: a walk from variable to variable, which finds a cut.

Format (version 6, little-endian): version, name and revision of the specification, count of variables; of each its name,
rank, sizes, type, count of bytes, bytes; then count of aliases, and of each the two names. A name has its length before it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_VERSION = 6
_LONGEST = 4096  # bytes of a name, and sizes of a variable at most: beyond that it is another file
_MOST_RANK = 8


@dataclass(frozen=True)
class Weights:
    """``specification``: which kind of model it is; ``shapes``: by variable, empty where the version is another."""

    specification: str
    shapes: Mapping[str, tuple[int, ...]]


def read(path: Path) -> Weights:
    """Raises ValueError, with what is wrong, for a file that is cut short, has more than it should, or is none of these."""
    with path.open("rb") as file:
        try:
            return _read(file, path.stat().st_size)
        except (struct.error, UnicodeDecodeError, OverflowError) as error:
            raise ValueError("it breaks off") from error


def _read(file: BinaryIO, size: int) -> Weights:
    version = _number(file, "I")
    name = _name(file) if 1 < version < 100 else ""
    if not name.endswith("Spec"):
        raise ValueError("it is no model of CTranslate2")
    if version != _VERSION:
        return Weights(name, {})
    _number(file, "I")  # the revision
    shapes = {}
    for _ in range(_number(file, "I")):
        variable, rank = _name(file), _number(file, "B")
        if rank > _MOST_RANK:
            raise ValueError("it is damaged")
        shapes[variable] = tuple(_number(file, "I") for _ in range(rank))
        _number(file, "B")  # the type
        if file.seek(_number(file, "I"), 1) > size:
            raise ValueError(f"it breaks off within '{variable}'")
    for _ in range(_number(file, "I")):
        alias, variable = _name(file), _name(file)
        if variable not in shapes:
            raise ValueError(f"'{alias}' stands for '{variable}', which is not there")
    if file.tell() != size:
        raise ValueError(f"it has {size - file.tell()} bytes too many")
    return Weights(name, shapes)


def _number(file: BinaryIO, kind: str) -> int:
    (value,) = struct.unpack(f"<{kind}", file.read(struct.calcsize(kind)))
    return int(value)


def _name(file: BinaryIO) -> str:
    length = _number(file, "H")
    if length > _LONGEST:
        raise ValueError("it is damaged")
    data = file.read(length)
    if len(data) < length:
        raise ValueError("it breaks off")
    return data.rstrip(b"\0").decode()
