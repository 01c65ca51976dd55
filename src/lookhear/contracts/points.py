"""Numbers of vectors: a vector database takes no other ids.

A number as ``media_store_id`` is its own, any other id becomes one that is always the same, above all numbers that are
likely as ids. Times 1000, plus the place of a face, it stays below 2^53, so that JavaScript reads it exactly. Two of a
million other ids share a number with a likelihood of about one in ten; the payload has the id itself.
"""

from __future__ import annotations

import re

import xxhash

FACES_EACH = 1000  #: faces of a medium that have a number
_END = 2**53 // FACES_EACH
_MADE = 2**42  # numbers that are made lie from here on
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


def point_id(media_store_id: str) -> int:
    """Of the vector of a whole medium."""
    if _NUMBER.fullmatch(media_store_id) and int(media_store_id) < _END:
        return int(media_store_id)
    return _MADE + xxhash.xxh64_intdigest(media_store_id.encode()) % (_END - _MADE)


def face_point_id(media_store_id: str, index: int) -> int:
    """Of a face in it. Raises ValueError for an index that would be that of another medium's."""
    if not 0 <= index < FACES_EACH:
        raise ValueError(f"Only the first {FACES_EACH} faces of a medium have numbers, not {index}.")
    return point_id(media_store_id) * FACES_EACH + index


def as_sent(media_store_id: str) -> int | str:
    """As payloads have it: a number where it is its own."""
    point = point_id(media_store_id)
    return point if str(point) == media_store_id else media_store_id
