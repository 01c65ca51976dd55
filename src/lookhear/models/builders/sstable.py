"""Reads the sorted string tables of LevelDB, in which TensorFlow keeps the index of a checkpoint.

Reference: LevelDB, doc/table_format.md. A table is blocks of (key, value), each with its CRC-32C, an index block that
says where they are, and a footer that says where the index is. Compressed blocks are refused: TensorFlow writes none.
All functions raise ValueError where the bytes are not what they should be.
"""

from __future__ import annotations

from collections.abc import Iterator

from lookhear.models.builders.crc32c import crc32c, unmasked

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48  # bytes
_TRAILER = 5  # bytes behind a block: its compression, its check
_LONGEST = 10  # bytes of a varint


def entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Every key with its value, in order."""
    footer = table[-_FOOTER:]
    if len(footer) < _FOOTER or int.from_bytes(footer[-8:], "little") != _MAGIC:
        raise ValueError("it does not end as a table ends")
    _, at = _handle(footer, 0)
    index, _ = _handle(footer, at)
    for _, value in _pairs(_block(table, index)):
        where, _ = _handle(value, 0)
        yield from _pairs(_block(table, where))


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at ``at``, and where it ends."""
    value = 0
    for i, byte in enumerate(data[at : at + _LONGEST]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at + i + 1
    raise ValueError("a number has no end")


def span(data: bytes, at: int, size: int) -> bytes:
    """``size`` bytes from ``at`` on, all of them."""
    if at + size > len(data):
        raise ValueError("it ends too early")
    return data[at : at + size]


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return (offset, size), at


def _block(table: bytes, where: tuple[int, int]) -> bytes:
    offset, size = where
    whole = span(table, offset, size + _TRAILER)
    if crc32c(whole[: size + 1]) != unmasked(int.from_bytes(whole[size + 1 :], "little")):
        raise ValueError("a block does not have the check sum that is written behind it")
    if whole[size]:
        raise ValueError("it is compressed")
    return whole[:size]


def _pairs(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Of a key only what differs from the one before is written; at the end is a list of places to start from."""
    starts = int.from_bytes(span(block, len(block) - 4, 4), "little") if len(block) >= 4 else 0
    end = len(block) - 4 * (starts + 1)
    if end < 0:
        raise ValueError("a block is too short")
    key, at = b"", 0
    while at < end:
        shared, at = varint(block, at)
        fresh, at = varint(block, at)
        size, at = varint(block, at)
        if shared > len(key):
            raise ValueError("a key goes on from one that is shorter")
        key = key[:shared] + span(block, at, fresh)
        yield key, span(block, at + fresh, size)
        at += fresh + size
