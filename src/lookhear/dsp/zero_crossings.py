"""Zero-crossing rate over a stream, frame by frame, as ``librosa.feature.zero_crossing_rate``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.grid import HOP_LENGTH, N_FFT

_HOPS = N_FFT // HOP_LENGTH
_THRESHOLD = 1e-10  # librosa counts anything quieter as +0


class ZeroCrossingRate:
    """Running rate; the ends are padded with the edge sample, which crosses nothing."""

    def __init__(self) -> None:
        self._carry: NDArray[np.bool_] = np.zeros(N_FFT // 2, np.bool_)  # does sample n differ in sign from n - 1?
        self._last: bool | None = None

    def add(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rates (crossings per sample) of the frames these samples complete."""
        if not len(samples):
            return np.empty(0, np.float32)
        negative = samples < -_THRESHOLD
        crossings = np.empty(len(negative), np.bool_)
        crossings[0] = self._last is not None and bool(negative[0]) != self._last
        np.not_equal(negative[1:], negative[:-1], out=crossings[1:])
        self._last = bool(negative[-1])
        return self._frames(crossings)

    def finish(self) -> NDArray[np.float32]:
        """Rates of the last frames. No samples at all: none."""
        if self._last is None:
            return np.empty(0, np.float32)
        return self._frames(np.zeros(N_FFT // 2, np.bool_))

    def _frames(self, crossings: NDArray[np.bool_]) -> NDArray[np.float32]:
        row = np.concatenate([self._carry, crossings])
        count = max(0, 1 + (len(row) - N_FFT) // HOP_LENGTH)
        if not count:
            self._carry = row
            return np.empty(0, np.float32)
        used = row[: (count + _HOPS - 1) * HOP_LENGTH].reshape(-1, HOP_LENGTH)
        hops = np.count_nonzero(used, axis=1)
        sums = np.convolve(hops, np.ones(_HOPS, np.int64), "valid") - used[:count, 0]  # none at a frame's first sample
        self._carry = row[count * HOP_LENGTH :].copy()
        return np.asarray(sums / N_FFT, np.float32)
