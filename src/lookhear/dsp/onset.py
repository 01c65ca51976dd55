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
_PIECE = 1 << 15  # frames normalised at once, 13 min: bounds the memory of a long recording


class OnsetCurves:
    """Running flux: ``add`` (frames, 128) mel power; ``curves`` gives (frames, 4): all, low, middle, high, of the first
    ``judged`` frames, ``whole`` the first of them throughout."""

    def __init__(self, judged: int) -> None:
        self._judged = judged
        self._last: NDArray[np.float32] | None = None
        self._frames = 0
        self._curves: list[NDArray[np.float16]] = []  # half precision is finer than any threshold put to them
        self._whole = bytearray()

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
        half = curves.astype(np.float16)
        self._whole += half[:, 0].tobytes()
        if self._frames < self._judged:
            self._curves.append(half[: self._judged - self._frames])
        self._frames += len(mel)
        self._last = level[-1:].copy()

    @property
    def curves(self) -> NDArray[np.float16]:
        """(at most ``judged`` frames, 4) so far."""
        return np.concatenate(self._curves) if self._curves else np.zeros((0, CURVES), np.float16)

    @property
    def whole(self) -> NDArray[np.float16]:
        """(frames,) so far, over the whole range."""
        return np.frombuffer(bytes(self._whole), np.float16)


def normalised(curve: NDArray[np.float16], seconds: float, frame_rate: float) -> NDArray[np.float32]:
    """The curve less its local mean, in units of its local spread over ``seconds``; below the mean is zero."""
    width = max(3, round(seconds * frame_rate) | 1)
    floor = np.float32(0.1 * _spread(curve) + 1e-9)
    out = np.empty(len(curve), np.float32)
    for at in range(0, len(curve), _PIECE):
        low = max(0, at - width)  # where a piece begins and ends, the means want what lies beyond
        part = curve[low : at + _PIECE + width].astype(np.float32)
        mean = moving_mean(part, width)
        part -= mean
        deviation = np.sqrt(np.maximum(moving_mean(part**2, width), 0))
        out[at : at + _PIECE] = np.maximum(part / (deviation + floor), 0)[at - low :][:_PIECE]
    return out


def _spread(curve: NDArray[np.float16]) -> float:
    """Standard deviation."""
    if not len(curve):
        return 0.0
    sums = np.zeros(2)
    for at in range(0, len(curve), _PIECE):
        piece = curve[at : at + _PIECE].astype(np.float64)
        sums += (piece.sum(), piece @ piece)
    mean, square = sums / len(curve)
    return float(np.sqrt(max(0.0, square - mean * mean)))


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
