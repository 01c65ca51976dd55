"""Mean and standard deviation over a stream of rows, the same however it is cut (Chan, Golub, LeVeque 1979)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Moments:
    """Running mean and population standard deviation of each column."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: NDArray[np.float64] = np.zeros(0)
        self._squares: NDArray[np.float64] = np.zeros(0)

    def add(self, rows: NDArray[np.float32]) -> None:
        """Take (n,) values or (n, columns) rows."""
        n = len(rows)
        if not n:
            return
        values = rows.reshape(n, -1)
        mean = values.mean(axis=0, dtype=np.float64)
        centred = values - mean.astype(np.float32)
        squares = np.einsum("ij,ij->j", centred, centred, dtype=np.float64)
        squares -= n * (mean - mean.astype(np.float32)) ** 2
        if not self.count:
            self._mean, self._squares = mean, squares
        else:
            delta = mean - self._mean
            total = self.count + n
            self._mean = self._mean + delta * (n / total)
            self._squares = self._squares + squares + delta**2 * (self.count * n / total)
        self.count += n

    @property
    def mean(self) -> NDArray[np.float64]:
        """(columns,)"""
        return self._mean

    @property
    def std(self) -> NDArray[np.float64]:
        """(columns,), as numpy.std"""
        return np.sqrt(np.maximum(self._squares, 0) / max(self.count, 1))


def median(values: NDArray[np.float64]) -> float:
    """numpy.median without numpy.ma, whose import it costs (10 ms). At least one value."""
    ordered = np.sort(values)
    return float((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)
