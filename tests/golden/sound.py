"""The signal whose features are kept: seeded, so that it is the same everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 22050


def music_like(seconds: float = 8.0) -> NDArray[np.float32]:
    """Chords slightly sharp of A440, clicks, noise that swells, and a silent second."""
    rng = np.random.default_rng(20)
    t = np.arange(round(seconds * RATE)) / RATE
    sound = np.zeros(len(t))
    for start, pitches in ((0, (57, 60, 64)), (2, (53, 57, 60)), (4, (60, 64, 67)), (6, (55, 59, 62))):
        inside = (t >= start) & (t < start + 2)
        for pitch in pitches:
            frequency = 440.0 * 2 ** ((pitch + 0.12 - 69) / 12)
            for harmonic in range(1, 6):
                sound[inside] += 0.1 / harmonic * np.sin(2 * np.pi * harmonic * frequency * t[inside])
    sound[:: RATE // 4] += 0.8
    sound += 0.02 * (1 + np.sin(t)) * rng.standard_normal(len(t))
    sound[(t > 3) & (t < 4)] = 0.0
    return sound.astype(np.float32)
