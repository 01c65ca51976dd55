"""How a note's pitch moves: where in the contours, three bins to a semitone, its energy lies.

Reference: Basic Pitch 0.4: the greatest of the 25 bins on either side, weighted by a Gaussian of 5 bins around the note.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lookhear.media.forms import FloatArray

BINS = 3  #: a semitone
_REACH = 25  # bins
_WIDTH = 5.0


def bends(contours: FloatArray, pitch: int) -> tuple[int, ...]:
    """Of each frame of (n, bins) of a note: thirds of a semitone above its pitch."""
    centre = BINS * pitch
    low, high = max(0, centre - _REACH), min(contours.shape[1], centre + _REACH + 1)
    weights = _gaussian()[low - centre + _REACH : high - centre + _REACH]
    found = np.argmax(contours[:, low:high] * weights, axis=1) + (low - centre)
    return tuple(found.tolist())


@lru_cache(maxsize=1)
def _gaussian() -> FloatArray:
    return np.exp(-0.5 * (np.arange(-_REACH, _REACH + 1) / _WIDTH) ** 2).astype(np.float32)
