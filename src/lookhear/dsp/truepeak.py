"""True peak after ITU-R BS.1770-4, annex 2, over a stream.

Method: the signal is interpolated four times (twice from 96 kHz, not at all from 192 kHz) with a windowed sinc of 32
taps (Kaiser, beta 8), which is flatter than the standard's own 12-tap example. Only where it may pass the highest value
so far: a cubic through four samples gives the middle between each two of them, and the places where it comes within a
factor of that value, the highest 512 of each run of samples, are interpolated in full. In sound clipped by more than
12 dB a few tenths of a dB may be missed. Units: linear, full scale = 1.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.quality_units import FloatArray

Places = NDArray[np.intp]

TAPS = 32
_NEAR = 0.7  # of the highest sample: a run of samples that are all below it is left out
_RISE = 1.5  # how far the cubic may fall short of the interpolated peak
_CLIPPED = 1.1
_MOST = 512  # places per run
_CHUNK = 16384  # samples at once, so that the passes over them stay in the cache


@lru_cache(maxsize=3)
def kernel(factor: int) -> FloatArray:
    """(TAPS, factor - 1): sample n of a window -> values at n0 + k / factor, n0 = TAPS // 2 - 1."""
    centre = TAPS // 2 - 1
    times = np.arange(TAPS)[:, None] - centre - np.arange(1, factor)[None, :] / factor
    window = np.i0(8.0 * np.sqrt(np.maximum(0, 1 - (times / (TAPS / 2)) ** 2))) / np.i0(8.0)
    taps = np.sinc(times) * window
    return np.ascontiguousarray(taps / taps.sum(axis=0), np.float32)


def oversampling(rate: int) -> int:
    """How many times the signal is interpolated at ``rate`` Hz."""
    return 4 if rate < 96000 else 2 if rate < 192000 else 1


class TruePeak:
    """Running maximum of the interpolated magnitude, over all channels."""

    def __init__(self, rate: int, channels: int) -> None:
        self._factor = oversampling(rate)
        self._tail: FloatArray = np.zeros((channels, TAPS), np.float32)  # the last samples, half of them not looked at
        self._row: FloatArray = np.empty((channels, 0), np.float32)
        self._sums = np.empty((2, channels, _CHUNK), np.float32)
        self._highest = 0.0  # of the samples themselves
        self.peak = 0.0  #: linear

    def add(self, x: FloatArray, highest: float) -> None:
        """Take (channels, n) samples; ``highest`` is their peak."""
        self.peak = max(self.peak, highest)
        self._highest = max(self._highest, highest)
        reach = max(highest, float(self._tail.max()), -float(self._tail.min()))
        if self._factor > 1 and reach > _NEAR * self._highest:
            self._search(x)
        self._tail = np.concatenate([self._tail, x[:, -TAPS:]], axis=1)[:, -TAPS:]

    def finish(self) -> float | None:
        """The true peak in dBTP; None for silence."""
        self.add(np.zeros_like(self._tail), 0.0)
        return 20 * float(np.log10(self.peak)) if self.peak > 0 else None

    def _search(self, x: FloatArray) -> None:
        size = TAPS + x.shape[1]
        if self._row.shape[1] != size:
            self._row = np.empty((x.shape[0], size), np.float32)
        self._row[:, :TAPS], self._row[:, TAPS:] = self._tail, x
        found = [self._promising(at, min(_CHUNK, size - TAPS - at)) for at in range(0, size - TAPS, _CHUNK)]
        rows, first, height = (np.concatenate(parts) for parts in zip(*found, strict=True))
        if len(rows) > _MOST:
            top = np.argpartition(height, -_MOST)[-_MOST:]
            rows, first = rows[top], first[top]
        if len(rows):
            windows = np.lib.stride_tricks.sliding_window_view(self._row, TAPS, axis=1)
            self.peak = max(self.peak, float(np.abs(windows[rows, first] @ kernel(self._factor)).max()))

    def _promising(self, start: int, size: int) -> tuple[Places, Places, FloatArray]:
        """Windows that may rise above the peak so far: row, first sample, and 16 times the cubic in their middle."""
        at = start + TAPS // 2 - 1
        near, far = self._sums[0, :, :size], self._sums[1, :, :size]
        np.add(self._row[:, at : at + size], self._row[:, at + 1 : at + 1 + size], out=near)
        np.add(self._row[:, at - 1 : at - 1 + size], self._row[:, at + 2 : at + 2 + size], out=far)
        near *= 9
        near -= far
        np.abs(near, out=near)
        least = self.peak / _RISE
        if self.peak > _CLIPPED * self._highest:  # then only what rises beside a ceiling can rise above it
            least = max(least, 1.001 * self._highest)
        rows, places = np.divmod(np.flatnonzero(near > np.float32(16 * least)), size)
        return rows, start + places, near[rows, places]
