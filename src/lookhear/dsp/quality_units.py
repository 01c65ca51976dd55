"""Cut a stream of sample blocks into runs of one fixed size, so that results do not depend on how it arrives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
UNIT = 65536  #: samples per channel: enough that NumPy's calls cost little, few enough to stay in the cache


_ROW = 8192  # longer products would be spread over BLAS's threads, which only get in each other's way here


def row_products(a: FloatArray, b: FloatArray) -> NDArray[np.float64]:
    """(rows,): sum of products of (rows, n) and (rows, n), by float32 sums over parts and float64 over those."""
    whole = a.shape[1] // _ROW * _ROW
    total: NDArray[np.float64] = np.vecdot(a[:, whole:], b[:, whole:]).astype(np.float64)
    if whole:
        shape = (len(a), whole // _ROW, _ROW)
        parts = np.vecdot(a[:, :whole].reshape(shape), b[:, :whole].reshape(shape))
        total += parts.sum(axis=1, dtype=np.float64)
    return total


class Units:
    """Running cut: ``add`` blocks (channels, n), iterate over (channels, UNIT); ``rest`` is what is left at the end.

    A unit may be a view of the block or of a buffer used again: it is valid until the next step of the iteration.
    """

    def __init__(self, channels: int) -> None:
        self._held = np.empty((channels, UNIT), np.float32)
        self._filled = 0

    def add(self, data: FloatArray) -> Iterator[FloatArray]:
        """The units this block completes."""
        at, n = 0, data.shape[1]
        while at < n:
            if not self._filled and n - at >= UNIT:
                yield data[:, at : at + UNIT]
                at += UNIT
                continue
            take = min(UNIT - self._filled, n - at)
            self._held[:, self._filled : self._filled + take] = data[:, at : at + take]
            self._filled += take
            at += take
            if self._filled == UNIT:
                self._filled = 0
                yield self._held

    def rest(self) -> FloatArray:
        """(channels, fewer than UNIT): the samples since the last unit."""
        return self._held[:, : self._filled]


class HopEnergy:
    """Running sum of squares of each channel over hops of a fixed length."""

    def __init__(self, channels: int, hop: int) -> None:
        self.hop = hop
        self.filled = 0  #: samples in the unfinished hop
        self.partial = np.zeros(channels)  #: (channels,) sum of squares of the unfinished hop

    def add(self, x: FloatArray) -> NDArray[np.float64]:
        """(hops, channels): sums of squares of the hops that (channels, n) samples complete."""
        done = []
        at, n = 0, x.shape[1]
        if self.filled:
            at = min(self.hop - self.filled, n)
            self._begin(x[:, :at])
            if self.filled < self.hop:
                return np.empty((0, len(self.partial)))
            done.append(self.partial[None, :].copy())
            self.partial[:] = 0
            self.filled = 0
        whole = (n - at) // self.hop
        if whole:
            end = at + whole * self.hop
            rows = x[:, at:end].reshape(x.shape[0], whole, self.hop)
            done.append(np.vecdot(rows, rows).T.astype(np.float64))
            at = end
        self._begin(x[:, at:])
        return np.concatenate(done) if done else np.empty((0, len(self.partial)))

    def _begin(self, x: FloatArray) -> None:
        if x.shape[1]:
            self.partial += row_products(x, x)
            self.filled += x.shape[1]
