"""Onset curves: how much louder each moment is than the one before, over the whole range and in three bands.

Spectral flux of the log-compressed mel spectrum against the frame before, whose bands are widened by one to both sides
so that vibrato and glides do not count as onsets (SuperFlux; Böck & Widmer, DAFx 2013).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: mel bands (of 128, Slaney, 22,050 Hz): below 150 Hz, 150 Hz .. 2 kHz, above
BANDS = ((0, 7), (7, 61), (61, 128))
CURVES = 1 + len(BANDS)
_COMPRESSION = 10.0


class OnsetCurves:
    """Running flux: ``add`` (frames, 128) mel power, ``curves`` gives (frames, 4): all, low, middle, high."""

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._curves: list[NDArray[np.float16]] = []  # half precision is finer than any threshold put to them

    def add(self, mel: NDArray[np.float32]) -> None:
        """Take the next frames."""
        if not len(mel):
            return
        level = np.log1p(mel * np.float32(_COMPRESSION))
        first = level[:1] if self._last is None else self._last
        before = np.concatenate([first, level[:-1]])
        wide = before.copy()
        np.maximum(wide[:, 1:], before[:, :-1], out=wide[:, 1:])
        np.maximum(wide[:, :-1], before[:, 1:], out=wide[:, :-1])
        np.subtract(level, wide, out=wide)
        np.maximum(wide, 0, out=wide)
        curves = np.empty((len(mel), CURVES), np.float32)
        curves[:, 0] = wide.mean(axis=1)
        for i, (low, high) in enumerate(BANDS, 1):
            curves[:, i] = wide[:, low:high].mean(axis=1)
        self._curves.append(curves.astype(np.float16))
        self._last = level[-1:].copy()

    @property
    def curves(self) -> NDArray[np.float16]:
        """(frames, 4) so far."""
        if len(self._curves) > 1:
            self._curves = [np.concatenate(self._curves)]
        return self._curves[0] if self._curves else np.zeros((0, CURVES), np.float16)


def normalised(curve: NDArray[np.float32], seconds: float, frame_rate: float) -> NDArray[np.float32]:
    """The curve less its local mean, in units of its local spread over ``seconds``; below the mean is zero."""
    if not len(curve):
        return curve
    width = max(3, round(seconds * frame_rate) | 1)
    mean = moving_mean(curve, width)
    spread = np.sqrt(np.maximum(moving_mean((curve - mean) ** 2, width), 0))
    floor = 0.1 * float(curve.std()) + 1e-9
    return np.maximum((curve - mean) / (spread + floor), 0).astype(np.float32)


def moving_mean(curve: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Mean over ``width`` frames around each, fewer at the ends."""
    half = width // 2
    count, reach = len(curve), 2 * half + 1
    sums = np.concatenate([[0.0], np.cumsum(curve, dtype=np.float64)])
    mean = np.empty(count, np.float32)
    inner = max(0, count - 2 * half)
    if inner:
        mean[half : half + inner] = (sums[reach:] - sums[:-reach]) / reach
    edges = np.r_[0 : min(half, count), max(half + inner, min(half, count)) : count]
    low, high = np.maximum(edges - half, 0), np.minimum(edges + half + 1, count)
    mean[edges] = (sums[high] - sums[low]) / (high - low)
    return mean
