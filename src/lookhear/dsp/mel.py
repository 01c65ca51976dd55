"""Mel filter bank and cepstral coefficients, as librosa defines them (Slaney's Auditory Toolbox, 1998)."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.grid import N_FFT, SAMPLE_RATE

N_MELS = 128
_SPLITS = (0, 1, 2, 3, 4, 6, 8, 12)  # sixteenths of the band: a filter is narrow, so multiply where it is not zero


def hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale: linear below 1 kHz, logarithmic above."""
    linear = hz * 3 / 200
    return np.where(hz >= 1000, 15 + np.log(np.maximum(hz, 1e-9) / 1000) * 27 / np.log(6.4), linear)


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of hz_to_mel."""
    return np.where(mel >= 15, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)), mel * 200 / 3)


@lru_cache(maxsize=4)
def mel_filters(n_mels: int = N_MELS, sample_rate: int = SAMPLE_RATE, n_fft: int = N_FFT) -> NDArray[np.float32]:
    """(n_mels, 1 + n_fft // 2) triangles of unit area per Hz; ``librosa.filters.mel``."""
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    top = hz_to_mel(np.array([sample_rate / 2]))[0]
    corners = mel_to_hz(np.linspace(0, top, n_mels + 2))
    width = np.diff(corners)
    ramps = corners[:, None] - bins[None, :]
    rising = -ramps[:-2] / width[:-1, None]
    falling = ramps[2:] / width[1:, None]
    weights = np.maximum(0, np.minimum(rising, falling))
    weights *= (2 / (corners[2:] - corners[:-2]))[:, None]
    return np.asarray(weights, np.float32)


@lru_cache(maxsize=4)
def _banded(n_mels: int, sample_rate: int, n_fft: int) -> tuple[tuple[slice, slice, NDArray[np.float32]], ...]:
    filters = mel_filters(n_mels, sample_rate, n_fft)
    parts = []
    for low, high in pairwise([*(split * n_fft // 32 for split in _SPLITS), 1 + n_fft // 2]):
        used = np.flatnonzero(filters[:, low:high].any(axis=1))
        rows = slice(int(used[0]), int(used[-1]) + 1)
        parts.append((slice(low, high), rows, np.ascontiguousarray(filters[rows, low:high].T)))
    return tuple(parts)


def mel_power(
    power: NDArray[np.float32], n_mels: int = N_MELS, sample_rate: int = SAMPLE_RATE, n_fft: int = N_FFT
) -> NDArray[np.float32]:
    """(frames, n_mels) mel power from (frames, 1 + n_fft // 2) power."""
    mel = np.zeros((len(power), n_mels), np.float32)
    for bins, rows, weights in _banded(n_mels, sample_rate, n_fft):
        mel[:, rows] += power[:, bins] @ weights
    return mel


@lru_cache(maxsize=1)
def dct_matrix(count: int = 13, size: int = N_MELS) -> NDArray[np.float32]:
    """(size, count) orthonormal DCT-II: log-mel @ matrix = MFCC."""
    n = np.arange(size)[:, None]
    matrix = np.cos(np.pi * np.arange(count)[None, :] * (2 * n + 1) / (2 * size)) * np.sqrt(2 / size)
    matrix[:, 0] /= np.sqrt(2)
    return np.asarray(matrix, np.float32)


def power_to_db(power: NDArray[np.float32], amin: float = 1e-10) -> NDArray[np.float32]:
    """Decibels re 1, floored at ``amin``; new array."""
    decibels = np.maximum(power, np.float32(amin))
    np.log10(decibels, out=decibels)
    np.multiply(decibels, np.float32(10), out=decibels)
    return decibels
