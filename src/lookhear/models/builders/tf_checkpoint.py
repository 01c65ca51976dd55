"""Reads checkpoints of TensorFlow (format V2: ``*.index`` and ``*.data-00000-of-00001``) without TensorFlow.

Reference: tensorflow/core/protobuf/tensor_bundle.proto and tensorflow/core/util/tensor_bundle. The index is a sorted
string table from a tensor's name to its type, shape, place and check sum; the data file is the tensors one after the
other. The few fields of the messages that matter are parsed here. Nothing in the files is ever executed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookhear.errors import InvalidModel
from lookhear.models.builders.crc32c import crc32c, unmasked
from lookhear.models.builders.sstable import entries, span, varint

_FLOAT = 1  # of enum DataType: the one type that networks are made of here
_DATA = ".data-00000-of-00001"


@dataclass(frozen=True)
class Entry:
    """What the index says of a tensor. ``offset`` and ``size`` are bytes of the data file."""

    kind: int = 0  #: of enum DataType
    shape: tuple[int, ...] = ()
    shard: int = 0
    offset: int = 0
    size: int = 0
    check: int = 0  #: masked CRC-32C
    sliced: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of one checkpoint; each is read when it is asked for."""

    data: Path
    tensors: dict[str, Entry] = field(default_factory=dict)

    def read(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """The tensor of that name. Raises InvalidModel unless it is whole, float32, and of that shape."""
        entry = self.tensors.get(name)
        if entry is None:
            raise InvalidModel(f"{self.data.name}: the checkpoint holds no tensor '{name}': it is of another network.")
        if entry.kind != _FLOAT or entry.shape != shape or entry.sliced:
            raise InvalidModel(
                f"{self.data.name}: the tensor '{name}' is not float32 of shape {shape}: it is of another network."
            )
        return self._load(name, entry)

    def _load(self, name: str, entry: Entry) -> NDArray[np.float32]:
        inside = entry.offset + entry.size <= self.data.stat().st_size
        if not inside or entry.shard or entry.size != 4 * math.prod(entry.shape):
            raise InvalidModel(f"{self.data.name}: the tensor '{name}' is not there as a whole. Fetch the file again.")
        with self.data.open("rb") as file:
            file.seek(entry.offset)
            raw = file.read(entry.size)
        if crc32c(raw) != unmasked(entry.check):
            raise InvalidModel(f"{self.data.name}: the tensor '{name}' fails its check sum. Fetch the file again.")
        return np.frombuffer(raw, "<f4").reshape(entry.shape).astype(np.float32)


def open_checkpoint(index: Path) -> Checkpoint:
    """The checkpoint whose index is that file. Raises InvalidModel where it is broken, or has no data beside it."""
    data = index.with_name(index.name.removesuffix(".index") + _DATA)
    if not (index.is_file() and data.is_file()):
        raise InvalidModel(f"{index.name}: a checkpoint is two files, and {data.name} must be there as well.")
    try:
        records = dict(entries(index.read_bytes()))
        _check_header(records.pop(b"", b""))
        return Checkpoint(data, {name.decode(): _entry(value) for name, value in records.items()})
    except ValueError as error:
        raise InvalidModel(f"{index.name}: this is not the index of a checkpoint: {error}.") from error


def _check_header(header: bytes) -> None:
    facts = dict(_fields(header))
    if facts.get(1) != 1 or facts.get(2, 0) != 0:
        raise ValueError("its header does not tell of one little-endian data file")


def _entry(message: bytes) -> Entry:
    """BundleEntryProto: dtype 1, shape 2, shard_id 3, offset 4, size 5, crc32c 6, slices 7."""
    facts = dict(_fields(message))
    kind, shard, offset, size, check = (_number(facts.get(place, 0)) for place in (1, 3, 4, 5, 6))
    return Entry(kind, _shape(facts.get(2, b"")), shard, offset, size, check, sliced=7 in facts)


def _shape(message: int | bytes) -> tuple[int, ...]:
    """TensorShapeProto: dim 2, and in each of them size 1."""
    sizes = [dict(_fields(_text(value))).get(1, 0) for number, value in _fields(_text(message)) if number == 2]
    return tuple(map(_number, sizes))


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a protocol buffer: int, or bytes where it has a length."""
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        wire = tag & 7
        if wire == 0:
            value, at = varint(message, at)
            yield tag >> 3, value
        elif wire == 2:
            size, at = varint(message, at)
            yield tag >> 3, span(message, at, size)
            at += size
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            yield tag >> 3, int.from_bytes(span(message, at, size), "little")
            at += size
        else:
            raise ValueError("a field has a type that there is not")


def _number(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise ValueError("there is text where a number should be")
    return value


def _text(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("there is a number where a message should be")
    return value
