"""The chords whose notes are kept: C major, then a seventh chord, each of six harmonics that die away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 22050
CHORDS = ((0.3, (60, 64, 67)), (2.1, (57, 60, 65, 69)))


def chords() -> NDArray[np.float32]:
    """Four seconds."""
    t = np.arange(4 * RATE) / RATE
    sound = np.zeros(len(t))
    for start, pitches in CHORDS:
        since = t - start
        inside = (since >= 0) & (since < 1.6)
        shape = np.exp(-1.2 * since[inside]) * np.minimum(1, since[inside] / 0.01)
        for pitch in pitches:
            frequency = 440 * 2 ** ((pitch - 69) / 12)
            for harmonic in range(1, 7):
                sound[inside] += 0.08 / harmonic * shape * np.sin(2 * np.pi * harmonic * frequency * since[inside])
    return sound.astype(np.float32)
