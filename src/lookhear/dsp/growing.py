"""A row of numbers that grows in chunks: to make room by moving all of it would leave holes in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_CHUNK = 8192


class Growing:
    """``add`` numbers; ``values`` are all of them, which is where the chunks become one."""

    def __init__(self, kind: type[np.number[Any]]) -> None:
        self._kind = kind
        self._chunks: list[NDArray[Any]] = []
        self._room = 0  # in the last of them
        self._count = 0

    def add(self, values: NDArray[Any]) -> None:
        """The next, (n,)."""
        while len(values):
            if not self._room:
                self._chunks.append(np.empty(_CHUNK, self._kind))
                self._room = _CHUNK
            some = values[: self._room]
            at = len(self._chunks[-1]) - self._room
            self._chunks[-1][at : at + len(some)] = some
            self._room -= len(some)
            self._count += len(some)
            values = values[len(some) :]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Any:
        """One of them, from the end if negative; the chunks stay as they are."""
        if not -self._count <= index < self._count:
            raise IndexError(f"There are {self._count} numbers.")
        place = index % self._count
        for chunk in self._chunks:  # of which the first may be longer: it was made of several
            if place < len(chunk):
                break
            place -= len(chunk)
        return chunk[place]

    @property
    def values(self) -> NDArray[Any]:
        """(n,), read-only."""
        if self._room or len(self._chunks) != 1:
            self._chunks = [np.concatenate(self._chunks or [np.empty(0, self._kind)])[: self._count]]
            self._chunks[0].flags.writeable = False
            self._room = 0
        return self._chunks[0]
