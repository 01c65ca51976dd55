"""Danceability by detrended fluctuation analysis of the level, over a stream.

Method: Streich and Herrera, "Detrended Fluctuation Analysis of Music Signals: Danceability Estimation and further
Semantic Characterization", AES 118 (2005), with the constants of Essentia's Danceability. The standard deviation of
each 10 ms is summed up; over windows of 0.31 to 8.8 s the mean square distance from the window's own straight line is
taken; the mean slope alpha of its root against the window's length (both logarithmic) says how long the level
remembers. A steady beat forgets at once. Danceability is 1 / alpha, about 0 to 3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.quality_units import FloatArray

_PAIR, _FIRST = 441, 220  # samples at 22,050 Hz: two frames of 10 ms, 220 and 221 long
_SHORTEST, _LONGEST, _STEP = 310.0, 8800.0, 1.1  # ms
_LEAST = 1000  # frames
_SEGMENT = 8000  # frames looked at in one go: 80 s

Doubles = NDArray[np.float64]


def window_lengths() -> tuple[int, ...]:
    """Window lengths in frames of 10 ms."""
    lengths, length = [], _SHORTEST
    while length <= _LONGEST:
        lengths.append(int(length / 10))
        length *= _STEP
    return tuple(lengths)


class Danceability:
    """Running analysis of a mono signal at 22,050 Hz. It keeps at most 90 s of levels, 100 a second."""

    def __init__(self) -> None:
        self._lengths = window_lengths()
        self._residuals = np.zeros(len(self._lengths))
        self._held: FloatArray = np.empty(0, np.float32)
        self._levels: list[Doubles] = []
        self._waiting = 0  # frames in _levels
        self._start = 0  # index of the first of them
        self._loudest = 0.0

    def add(self, samples: FloatArray) -> None:
        """Take (n,) samples."""
        row = np.concatenate([self._held, samples]) if len(self._held) else samples
        pairs = len(row) // _PAIR
        self._held = row[pairs * _PAIR :].copy()
        if pairs:
            self._take(_deviations(row[: pairs * _PAIR].reshape(pairs, _PAIR)))

    def _take(self, levels: Doubles) -> None:
        self._loudest = max(self._loudest, float(levels.max()))
        self._levels.append(levels)
        self._waiting += len(levels)
        while self._waiting >= _SEGMENT + self._lengths[-1]:
            row = np.concatenate(self._levels)
            self._sum(row[: _SEGMENT + self._lengths[-1]], _SEGMENT)
            self._levels = [row[_SEGMENT:]]
            self._waiting -= _SEGMENT
            self._start += _SEGMENT

    def _sum(self, levels: Doubles, starts: int) -> None:
        """Add the residuals of all windows that begin at the first ``starts`` frames and end within ``levels``."""
        sums = _Sums(levels)
        for i, length in enumerate(self._lengths):
            jump = max(length // 50, 1)
            first = np.arange(-self._start % jump, min(starts, len(levels) - length), jump)
            self._residuals[i] += sums.residuals(first, length)

    def finish(self) -> float | None:
        """1 / alpha; None for silence, a steady level, and less than 10 s, which hold few of the long windows."""
        if len(self._held) >= _FIRST:
            self._take(_deviations(self._held[None, :_FIRST]))
        total = self._start + self._waiting
        if total < _LEAST or self._loudest == 0.0:
            return None
        self._sum(np.concatenate(self._levels), self._waiting)
        lengths = np.array(self._lengths)
        counts = (total - lengths) / np.maximum(lengths // 50, 1)
        fluctuation = np.sqrt(self._residuals / counts)
        if not (fluctuation > 1e-9 * self._loudest).all():
            return None
        slopes = np.diff(np.log10(fluctuation)) / np.diff(np.log10(lengths + 3.0))
        alpha = float(slopes.mean())
        return 1 / alpha if alpha > 0 else None


class _Sums:
    """Running sums of the profile, from which the residual of a straight line over any window follows."""

    def __init__(self, levels: Doubles) -> None:
        profile = np.cumsum(levels - levels.mean())  # a line more or less in the profile changes no residual
        index = np.arange(len(profile))
        self._sums = [np.concatenate([[0.0], np.cumsum(y)]) for y in (profile, profile * index, profile * profile)]

    def residuals(self, first: NDArray[np.intp], length: int) -> float:
        """Sum over the windows of the mean square distance from their straight lines."""
        y, iy, yy = (sums[first + length] - sums[first] for sums in self._sums)
        middle = first + (length - 1) / 2
        slope_part = (iy - middle * y) ** 2 / (length * (length**2 - 1) / 12)
        return float(np.maximum(yy - y * y / length - slope_part, 0).sum() / length)


def _deviations(pairs: FloatArray) -> Doubles:
    """Standard deviations of the two frames in each row, in order."""
    parts = (pairs[:, :_FIRST], pairs[:, _FIRST:]) if pairs.shape[1] == _PAIR else (pairs,)
    found = []
    for part in parts:
        mean = np.vecdot(part, np.ones(part.shape[1], np.float32)).astype(np.float64) / part.shape[1]
        square = np.vecdot(part, part).astype(np.float64) / part.shape[1]
        found.append(np.sqrt(np.maximum(square - mean * mean, 0)))
    return np.stack(found, axis=1).reshape(-1)
