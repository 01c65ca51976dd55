"""Rows of 64 bits that differ in few of them, found without looking at every pair.

Method: multi-index hashing (Norouzi, Punjani and Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", CVPR
2012). A row is cut into four bands of 16 bits; of two rows r bits apart, one band differs in r / 4 bits at most. All
values that near to each band are looked up in a table of that band, and what is found is counted in full: exact.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

_BANDS, _WIDTH = 4, 16
_VALUES = 1 << _WIDTH

Places = NDArray[np.intp]


class BitBands:
    """An index over (n,) uint64 for one radius."""

    def __init__(self, rows: NDArray[np.uint64], radius: int) -> None:
        self._rows = rows
        self._radius = radius
        bands = _bands(rows)
        self._order = np.argsort(bands, axis=1, kind="stable").ravel()
        counts = np.stack([np.bincount(band, minlength=_VALUES) for band in bands])
        ends = np.cumsum(counts, axis=1) + np.arange(_BANDS)[:, None] * len(rows)
        self._starts = (ends - counts).ravel()  # into the order, of each value of each band
        self._ends = ends.ravel()
        self._near = np.array(
            [sum(1 << bit for bit in bits) for n in range(radius // _BANDS + 1) for bits in combinations(range(16), n)]
        )

    def near(self, row: np.uint64) -> Places:
        """The places of all rows at most ``radius`` bits from ``row``, in order."""
        values = (_bands(np.array([row], np.uint64)) ^ self._near) + np.arange(_BANDS)[:, None] * _VALUES
        starts, ends = self._starts[values].ravel(), self._ends[values].ravel()
        used = np.flatnonzero(ends > starts)
        starts, counts = starts[used], ends[used] - starts[used]
        before = np.cumsum(counts) - counts
        found = self._order[np.repeat(starts - before, counts) + np.arange(counts.sum())]
        found = found[np.bitwise_count(self._rows[found] ^ row) <= self._radius]
        return np.unique(found)


def _bands(rows: NDArray[np.uint64]) -> NDArray[np.int64]:
    """(4, n): the bands of each row."""
    shifts = (np.arange(_BANDS) * _WIDTH).astype(np.uint64)[:, None]
    return ((rows[None, :] >> shifts) & np.uint64(_VALUES - 1)).astype(np.int64)
