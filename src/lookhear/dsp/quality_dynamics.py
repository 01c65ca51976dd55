"""Dynamic range as the TT Dynamic Range Meter defines it, over a stream.

Method (Pleasurize Music Foundation, "DR14"; also FFmpeg's drmeter): each channel is cut into blocks of 3 s. DR is the
second highest block peak over the RMS of the loudest fifth of the blocks, in dB, with RMS scaled so that a full-scale
sine has 0 dB. The value of a recording is the mean of its channels. It keeps two numbers per channel and block.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.quality_units import FloatArray, row_products

_SECONDS = 3
_LOUDEST = 0.2
_LEAST = 4  # blocks
_HEARD = 2.0**-23  # full scale = 1: a channel that stays below is silent


class Dynamics:
    """Running blocks of 3 s."""

    def __init__(self, rate: int, channels: int) -> None:
        self._length = _SECONDS * rate
        self._filled = 0
        self._energy = np.zeros(channels)
        self._peak = np.zeros(channels, np.float32)
        self._done: list[tuple[NDArray[np.float64], NDArray[np.float32]]] = []

    def add(self, x: FloatArray) -> float:
        """Take (channels, n) samples; gives their highest magnitude."""
        at, n, highest = 0, x.shape[1], 0.0
        while at < n:
            part = x[:, at : at + self._length - self._filled]
            peak = np.maximum(part.max(axis=1), -part.min(axis=1))
            self._energy += row_products(part, part)
            np.maximum(self._peak, peak, out=self._peak)
            highest = max(highest, float(peak.max()))
            self._filled += part.shape[1]
            at += part.shape[1]
            if self._filled == self._length:
                self._close()
        return highest

    def _close(self) -> None:
        self._done.append((self._energy / self._filled, self._peak.copy()))
        self._filled = 0
        self._energy[:] = 0
        self._peak[:] = 0

    def finish(self) -> float | None:
        """DR in dB; None where every channel is silent, and for less than four blocks (9 s): no loudest fifth there."""
        if self._filled:
            self._close()
        if len(self._done) < _LEAST:
            return None
        squares = np.sort(np.stack([energy for energy, _ in self._done]), axis=0)
        peaks = np.sort(np.stack([peak for _, peak in self._done]), axis=0)
        heard = peaks[-1] > _HEARD
        if not heard.any():
            return None
        loudest = squares[-max(1, round(_LOUDEST * len(squares))) :].mean(axis=0)
        second = peaks[-2].astype(np.float64)
        ranges = 20 * np.log10(np.maximum(second, _HEARD)) - 10 * np.log10(np.maximum(2 * loudest, _HEARD**2))
        return float(np.maximum(ranges, 0)[heard].mean())
