"""How strongly a curve repeats at each lag: autocorrelation in overlapping windows, averaged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.grid import FRAME_RATE

WINDOW = round(8.0 * FRAME_RATE)
_LONG = round(24.0 * FRAME_RATE)
_OVERLAP = 4  #: windows in which each moment lies
_NEAR = np.linspace(-0.012, 0.012, 7)
_CHUNK = 64  # windows transformed at once: bounds the memory of a long recording

Curve = NDArray[np.float32]
Lags = NDArray[np.float64]


def count_windows(curve: Curve) -> int:
    """How many windows of 8 s ``windowed_autocorrelation`` makes of it."""
    n = min(len(curve), WINDOW)
    return 0 if n < 8 else 1 + (len(curve) - n) // (WINDOW // _OVERLAP)


def windowed_autocorrelation(
    curve: Curve, first: int = 0, end: int | None = None, window: int = WINDOW
) -> NDArray[np.float32]:
    """(windows, lags): autocorrelation of each Hann window of 8 s, unbiased, 1 at lag 0; lags up to half the window.

    A curve shorter than a window is one window of its own length. ``first``, ``end``: only these windows.
    """
    n = min(len(curve), window)
    if n < 8:
        return np.zeros((0, 1), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(curve, n)[:: window // _OVERLAP][first:end]
    taper = np.hanning(n)
    size = 1 << (2 * n - 1).bit_length()
    lags = n // 2
    bias = np.fft.irfft(np.abs(np.fft.rfft(taper, size)) ** 2)[:lags]
    parts = []
    for at in range(0, len(windows), _CHUNK):
        spectrum = np.fft.rfft(windows[at : at + _CHUNK] * taper, size)
        raw = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, axis=1)[:, :lags] / bias
        parts.append((raw / np.maximum(raw[:, :1], 1e-9)).astype(np.float32))
    return np.concatenate(parts)


def phrases(curve: Curve) -> NDArray[np.float64]:
    """(lags,): mean autocorrelation over windows of 24 s, which sees whole bars and phrases come again."""
    found = windowed_autocorrelation(curve, window=_LONG)
    return np.asarray(found.mean(axis=0, dtype=np.float64)) if len(found) else np.zeros(1)


def near_lags(autocorrelation: NDArray[np.float64], lags: Lags) -> NDArray[np.float64]:
    """The greatest value within 1.2 % of each lag."""
    return np.asarray(np.max([at_lags(autocorrelation, lags * (1 + off)) for off in _NEAR], axis=0))


def at_lags(autocorrelation: NDArray[np.float32] | NDArray[np.float64], lags: Lags) -> NDArray[np.float64]:
    """Values between whole lags, by a straight line; 0 beyond the last."""
    last = len(autocorrelation) - 1
    if last < 1:
        return np.zeros(len(lags))
    inside = np.minimum(lags, last - 1e-6)
    whole = np.floor(inside).astype(np.int64)
    part = inside - whole
    values = autocorrelation[whole] * (1 - part) + autocorrelation[np.minimum(whole + 1, last)] * part
    return np.asarray(np.where(lags <= last, values, 0.0))


def comb(autocorrelation: NDArray[np.float32] | NDArray[np.float64], lags: Lags) -> NDArray[np.float64]:
    """Strength of a pulse: the autocorrelation at the lag and at its multiples, as far as they reach."""
    total, weights = np.zeros(len(lags)), np.zeros(len(lags))
    for multiple, weight in ((1, 1.0), (2, 0.7), (3, 0.4), (4, 0.5)):
        reached = lags * multiple <= len(autocorrelation) - 1
        total += weight * np.where(reached, at_lags(autocorrelation, lags * multiple), 0.0)
        weights += weight * reached
    return total / np.maximum(weights, 1e-9)
