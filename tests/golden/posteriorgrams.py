"""Seeded matrices that look like what Basic Pitch's network gives: blobs of all lengths, onsets here and there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
CASES = 4


def posteriorgrams(seed: int) -> tuple[Matrix, Matrix, Matrix]:
    """(frames, onsets, contours): (n, 88), (n, 88) and (n, 264) in 0..1."""
    rng = np.random.default_rng(seed)
    length, smooth = int(rng.integers(150, 250)), int(rng.integers(9, 40))
    frames = _scaled(_smooth(rng.random((length, 88)), smooth)) ** rng.uniform(1, 3)
    onsets = _scaled(_smooth(rng.random((length, 88)), 3)) ** 3
    contours = _smooth(rng.random((length, 264)), 5)
    return frames.astype(np.float32), onsets.astype(np.float32), contours.astype(np.float32)


def _smooth(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    window = np.hanning(width + 2)
    return np.apply_along_axis(lambda column: np.convolve(column, window / window.sum(), "same"), 0, values)


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return (values - values.min()) / (values.max() - values.min())


def thresholds(seed: int) -> dict[str, float | int | bool]:
    """As the options of note creation are called in Basic Pitch."""
    rng = np.random.default_rng(seed + 100)
    return {
        "onset_thresh": round(float(rng.uniform(0.3, 0.7)), 3),
        "frame_thresh": round(float(rng.uniform(0.2, 0.5)), 3),
        "min_note_len": int(rng.integers(3, 14)),
        "melodia_trick": seed % 3 != 0,
    }
