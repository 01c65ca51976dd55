"""Spectral contrast (Jiang et al., ICME 2002), as librosa computes it: six octave bands from 200 Hz, and below."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.grid import N_FFT, SAMPLE_RATE

N_BANDS = 7
_QUANTILE = 0.02


@lru_cache(maxsize=1)
def _bands() -> tuple[tuple[int, int, int], ...]:
    """(first bin, end bin, how many extreme bins to average) of each band, librosa's edge rules included."""
    frequencies = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    edges = np.concatenate([[0.0], 200.0 * 2.0 ** np.arange(N_BANDS)])
    bands = []
    for k in range(N_BANDS):
        inside = np.flatnonzero((frequencies >= edges[k]) & (frequencies <= edges[k + 1]))
        low, high = int(inside[0]) - (k > 0), int(inside[-1]) + 1
        if k == N_BANDS - 1:
            high = len(frequencies)
        count = max(1, int(np.rint(_QUANTILE * (high - low))))
        bands.append((low, high if k == N_BANDS - 1 else high - 1, count))
    return tuple(bands)


def peaks_and_valleys(magnitude: NDArray[np.float32]) -> NDArray[np.float32]:
    """(frames, 2, 7): mean of the strongest, and of the weakest, 2 % of the bins of each band."""
    result = np.empty((len(magnitude), 2, N_BANDS), np.float32)
    for band, (low, high, count) in enumerate(_bands()):
        ordered = np.sort(magnitude[:, low:high], axis=1)  # SIMD sort beats a partition by ten times here
        result[:, 0, band] = ordered[:, -count:].mean(axis=1)
        result[:, 1, band] = ordered[:, :count].mean(axis=1)
    return result
