"""Clipping over a stream: runs of samples held at a ceiling.

Method: the ceiling is the highest magnitude so far. A run is three or more samples in a row, in one channel, within
0.01 % of it, that begins or ends with a jump (0.1 % of full scale or more) where a smooth peak would round off. Above
full scale any run of three counts, since every fixed-point output cuts it. A higher ceiling voids all earlier runs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.quality_levels import Events
from lookhear.dsp.quality_units import FloatArray

_NEAR = 1 - 1e-4
_RUN = 3
_JUMP = 1e-3
_OVER = 1 + 1e-4
_QUIET = 0.05  # a ceiling below -26 dBFS is none


class Clipping:
    """Running count of clipped runs. A run is cut where two units meet."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._void()
        self.ceiling = 0.0  #: linear

    def _void(self) -> None:
        self.samples = 0
        self.events = Events(join=0.5)

    def add(self, x: FloatArray, start: int, highest: float) -> None:
        """Take (channels, n) samples, the first of them number ``start``; ``highest`` is their peak."""
        if highest < _QUIET or highest < self.ceiling * _NEAR:
            return
        if highest > self.ceiling:
            if highest * _NEAR > self.ceiling and self.ceiling < _OVER:
                self._void()
            self.ceiling = highest
        level = np.float32(min(self.ceiling, _OVER) * _NEAR)
        first, end = np.concatenate([_runs(np.abs(row), level) for row in x], axis=1)
        self.samples += int((end - first).sum())
        order = np.argsort(first)
        times = (start + np.stack([first[order], end[order]])) / self._rate
        breaks = np.flatnonzero(times[0, 1:] - times[1, :-1] > self.events.join) + 1
        for runs in np.split(times, breaks, axis=1):
            if runs.shape[1]:
                self.events.add(float(runs[0, 0]), float(runs[1].max()), runs.shape[1])


def _runs(row: FloatArray, level: np.float32) -> NDArray[np.intp]:
    """(2, runs): first sample and the one after the last, of each run in the magnitudes of one channel."""
    at = np.flatnonzero(row >= level)
    if len(at) < _RUN:
        return np.empty((2, 0), np.intp)
    breaks = np.flatnonzero(np.diff(at) > 1)
    first, last = at[np.concatenate([[0], breaks + 1])], at[np.concatenate([breaks, [len(at) - 1]])]
    long = last - first >= _RUN - 1
    first, last = first[long], last[long]
    before, after = row[np.maximum(first - 1, 0)], row[np.minimum(last + 1, len(row) - 1)]
    jump = np.maximum(row[first] - before, row[last] - after) > _JUMP
    over = (row[first] > _OVER) & (row[(first + last) // 2] > _OVER) & (row[last] > _OVER)
    keep = jump | over
    return np.stack([first[keep], last[keep] + 1])
