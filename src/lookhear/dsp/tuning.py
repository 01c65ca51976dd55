"""Tuning of a recording against A = 440 Hz, as ``librosa.estimate_tuning`` finds it, over a stream.

Spectral peaks are refined by a parabola (Smith, Spectral Audio Signal Processing, 2011); the peaks stronger than the
median peak vote for their distance from the nearest semitone, in steps of a hundredth. A stream cannot know the median
before its end, so votes are kept by strength in half-decibel steps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.grid import N_FFT, SAMPLE_RATE

_LOW = int(np.ceil(150.0 * N_FFT / SAMPLE_RATE))
_HIGH = int(np.ceil(4000.0 * N_FFT / SAMPLE_RATE))
_STEPS = 100  #: of the residual, a hundredth of a semitone each
_LEVELS = 1024  #: of strength, a twentieth of a decade each


class Tuning:
    """Running histogram of peak residuals; ``estimate`` gives the tuning in semitones, [-0.5, 0.5)."""

    def __init__(self) -> None:
        self._votes: NDArray[np.int64] = np.zeros((_LEVELS, _STEPS), np.int64)

    def add(self, power: NDArray[np.float32]) -> None:
        """Take (frames, 1025) power."""
        if not len(power):
            return
        centre = power[:, _LOW:_HIGH]
        left, right = power[:, _LOW - 1 : _HIGH - 1], power[:, _LOW + 1 : _HIGH + 1]
        threshold = 0.1 * power.max(axis=1, keepdims=True)
        found = centre > threshold
        found &= centre > left
        found &= centre >= right
        frame, column = np.divmod(np.flatnonzero(found), _HIGH - _LOW)
        if not len(frame):
            return
        place = frame * power.shape[1] + column + _LOW
        below, at, above = (np.take(power, place + step).astype(np.float64) for step in (-1, 0, 1))
        slope = (above - below) / 2
        curvature = above + below - 2 * at
        shift = np.where(np.abs(curvature) > 1e-30, -slope / np.where(curvature == 0, 1, curvature), 0.0)
        strength = at + 0.5 * slope * shift
        frequency = (column + _LOW + shift) * (SAMPLE_RATE / N_FFT)
        residual = np.mod(12 * np.log2(frequency / 440.0), 1.0)
        residual[residual >= 0.5] -= 1.0
        level = np.clip(np.floor((np.log10(np.maximum(strength, 1e-30)) + 30) * 20), 0, _LEVELS - 1)
        step = np.clip(np.floor((residual + 0.5) * _STEPS), 0, _STEPS - 1)
        votes = np.bincount((level * _STEPS + step).astype(np.int64), minlength=_LEVELS * _STEPS)
        self._votes += votes.reshape(_LEVELS, _STEPS)

    def estimate(self) -> float | None:
        """Semitones the recording is sharp (+) or flat (-) of A440; None without a single peak."""
        per_level = self._votes.sum(axis=1)
        total = int(per_level.sum())
        if not total:
            return None
        median = int(np.searchsorted(np.cumsum(per_level), (total + 1) // 2))
        return float(-0.5 + np.argmax(self._votes[median:].sum(axis=0)) / _STEPS)
