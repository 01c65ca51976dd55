"""Shares of labels over the frames of a film: their means, and where each is largest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookhear.tasks.gathered import Row


class Tally:
    """Of ``count`` labels."""

    def __init__(self, count: int) -> None:
        self.frames = 0
        self.peaks: NDArray[np.float64] = np.zeros(count)
        self.times: NDArray[np.float64] = np.zeros(count)  #: s, of the peaks
        self._sums: NDArray[np.float64] = np.zeros(count)

    def add(self, row: Row) -> None:
        """A frame; its values are shares."""
        higher = row.values > self.peaks
        self.peaks[higher], self.times[higher] = row.values[higher], row.time
        self._sums += row.values
        self.frames += 1

    @property
    def means(self) -> NDArray[np.float64]:
        """Over all frames; zeros without any."""
        return self._sums / max(1, self.frames)


def best(shares: NDArray[np.floating], most: int, least: float) -> list[int]:
    """Places of the largest, at most ``most`` and none below ``least``, the largest first."""
    order = np.argsort(-shares, kind="stable")[:most]
    return [int(i) for i in order if shares[i] >= least]
