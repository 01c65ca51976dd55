"""CRC-32C (Castagnoli) as TensorFlow stores it, vectorised over many rows of the data at once.

Reference: RFC 3720, appendix B.4. Without its first and last complement the check is linear over GF(2): rows are
checked side by side, then joined by crc(A + B) = shift(crc(A), bytes in B) ^ crc(B).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78  # reflected
_ROW = 1024  # bytes
_ONES = 0xFFFFFFFF

_Words = NDArray[np.uint32]


def crc32c(data: bytes | memoryview) -> int:
    """The check of all bytes; of "123456789" it is 0xE3069283."""
    rows = 1 << max(0, (len(data) // _ROW).bit_length() - 1)
    head = len(data) % rows if rows > 1 else len(data)
    state = _one_by_one(_ONES, data[:head])
    if len(data) == head:
        return state ^ _ONES
    columns = np.frombuffer(data[head:], np.uint8).reshape(rows, -1).T
    words = np.zeros(rows, np.uint32)
    words[0] = state
    table = _table()
    for column in columns:
        words = table[(words ^ column) & 0xFF] ^ (words >> np.uint32(8))
    return int(_joined(words, len(columns))) ^ _ONES


def unmasked(stored: int) -> int:
    """The check out of its stored form, which is rotated by 15 bits and shifted (LevelDB, ``crc32c::Unmask``)."""
    turned = (stored - 0xA282EAD8) & _ONES
    return ((turned >> 17) | (turned << 15)) & _ONES


@lru_cache(maxsize=1)
def _table() -> _Words:
    """(256,): what each byte leaves behind."""
    words = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        words = np.where(words & 1, (words >> np.uint32(1)) ^ np.uint32(_POLYNOMIAL), words >> np.uint32(1))
    return words


def _one_by_one(state: int, data: bytes | memoryview) -> int:
    table = _table().tolist()
    for byte in bytes(data):
        state = table[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state


def _joined(words: _Words, row: int) -> np.uint32:
    """The check of all rows, each ``row`` bytes long, out of those of single rows; their number is a power of two."""
    shift = _zeros(row)
    while len(words) > 1:
        words = _apply(shift, words[::2]) ^ words[1::2]
        shift = _apply(shift, shift)
    return np.uint32(words[0])


def _zeros(count: int) -> _Words:
    """(32,): what ``count`` zero bytes make of each single bit."""
    words = np.uint32(1) << np.arange(32, dtype=np.uint32)
    one, result = _table()[words & 0xFF] ^ (words >> np.uint32(8)), words
    while count:
        if count & 1:
            result = _apply(one, result)
        one, count = _apply(one, one), count >> 1
    return result


def _apply(shift: _Words, words: _Words) -> _Words:
    """Each word taken through the linear map that ``shift`` tells for single bits."""
    bits = (words[:, None] >> np.arange(32, dtype=np.uint32)) & np.uint32(1)
    return np.asarray(np.bitwise_xor.reduce(np.where(bits != 0, shift[None, :], np.uint32(0)), axis=1), np.uint32)
