"""A spectrum that is easily told."""

from __future__ import annotations

import numpy as np

from lookhear.media.forms import FloatArray


def frames(samples: FloatArray) -> FloatArray:
    """A spectrum of two bands: the sample at the centre of each frame, and the sum of those at its edges."""
    padded = np.pad(samples.astype(np.float64), 200, "reflect" if len(samples) > 1 else "edge")
    centres = 160 * np.arange(len(samples) // 160) + 200
    return np.stack([padded[centres], padded[centres - 200] + padded[centres + 199]]).astype(np.float32)
