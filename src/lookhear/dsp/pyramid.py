"""Curves of any length in a bounded number of points.

When the points are full, neighbours are merged and each covers twice as long: always in the same pairs, so that blocks of
any size give the very same curve.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Merge = Callable[[FloatArray, FloatArray, float], FloatArray]  #: two runs of rows, and the share of the second


class Pyramid:
    """Rows merged in pairs, pairs of pairs and so on: at most ``most`` that each cover ``span`` rows, and a rest."""

    def __init__(self, most: int, width: int, merge: Merge) -> None:
        self._most, self._width, self._merge = most, width, merge
        self._level = 0
        self._rows: FloatArray = np.zeros((0, width), np.float32)
        self._waiting: dict[int, FloatArray] = {}  # level -> the row without a partner yet

    @property
    def span(self) -> int:
        """Input rows in a bucket."""
        return 1 << self._level

    def add(self, rows: FloatArray) -> None:
        """Take (n, width) rows."""
        for level in range(self._level):
            rows = self._paired(level, rows)
        self._rows = np.concatenate([self._rows, rows])
        while len(self._rows) > self._most:
            self._rows = self._paired(self._level, self._rows)
            self._level += 1

    def _paired(self, level: int, rows: FloatArray) -> FloatArray:
        if level in self._waiting:
            rows = np.concatenate([self._waiting.pop(level), rows])
        even = len(rows) // 2 * 2
        if even < len(rows):
            self._waiting[level] = rows[even:].copy()
        return self._merge(rows[0:even:2], rows[1:even:2], 0.5)

    def finish(self) -> FloatArray:
        """All buckets, the last from what waits for a partner."""
        rest, count = None, 0
        for level in sorted(self._waiting, reverse=True):
            row, size = self._waiting[level], 1 << level
            count += size
            rest = row if rest is None else self._merge(rest, row, size / count)
        return self._rows.copy() if rest is None else np.concatenate([self._rows, rest])


def mean(first: FloatArray, second: FloatArray, share: float) -> FloatArray:
    """The merge for values that are averaged."""
    return first * np.float32(1 - share) + second * np.float32(share)
