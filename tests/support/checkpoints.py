"""Writes checkpoints as TensorFlow does (format V2), plainly: every key in full, one block."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookhear.models.builders.crc32c import crc32c

_MAGIC = 0xDB4775248B80FB57


def write(tensors: dict[str, NDArray[np.float32]], index: Path) -> None:
    """``index``: a path that ends in .index; the data go beside it."""
    records, data = {b"": _field(1, 1)}, b""
    for name, tensor in sorted(tensors.items()):
        raw = np.ascontiguousarray(tensor, "<f4").tobytes()
        shape = b"".join(_text(2, _field(1, size)) for size in tensor.shape)
        check = bytes([6 << 3 | 5]) + _masked(raw).to_bytes(4, "little")
        records[name.encode()] = _field(1, 1) + _text(2, shape) + _field(4, len(data)) + _field(5, len(raw)) + check
        data += raw
    index.write_bytes(_table(records))
    index.with_name(index.name.removesuffix(".index") + ".data-00000-of-00001").write_bytes(data)


def _table(records: dict[bytes, bytes]) -> bytes:
    data = _block(records)
    index = _block({max(records): _number(0) + _number(len(data) - 5)})
    empty = _block({})
    handles = _number(len(data) + len(index)) + _number(len(empty) - 5) + _number(len(data)) + _number(len(index) - 5)
    return data + index + empty + handles.ljust(40, b"\0") + _MAGIC.to_bytes(8, "little")


def _block(records: dict[bytes, bytes]) -> bytes:
    body, starts = b"", []
    for key, value in records.items():
        starts.append(len(body))
        body += _number(0) + _number(len(key)) + _number(len(value)) + key + value
    body += b"".join(start.to_bytes(4, "little") for start in [*starts, len(starts)]) + b"\0"
    return body + _masked(body).to_bytes(4, "little")


def _masked(data: bytes) -> int:
    check = crc32c(data)
    return ((check >> 15 | check << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _field(number: int, value: int) -> bytes:
    return _number(number << 3) + _number(value)


def _text(number: int, value: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(value)) + value


def _number(value: int) -> bytes:
    parts = b""
    while value > 0x7F:
        parts += bytes([value & 0x7F | 0x80])
        value >>= 7
    return parts + bytes([value])
