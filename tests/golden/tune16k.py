"""The signal whose tags are kept: seeded, so that it is the same everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16000


def tune(seconds: float = 11.0) -> NDArray[np.float32]:
    """Plucked chords over a beat of noise, loud in the middle, with a second of silence: three patches and a rest."""
    rng = np.random.default_rng(16)
    t = np.arange(round(seconds * RATE)) / RATE
    sound = 1e-3 * rng.standard_normal(len(t))
    for beat in range(round(2 * seconds)):
        at = beat * RATE // 2
        age = t[at:] - t[at]
        for pitch in ((57, 60, 64), (53, 57, 60), (50, 57, 65), (52, 56, 59))[beat // 4 % 4]:
            frequency = 440.0 * 2 ** ((pitch - 69) / 12)
            for k in range(1, 7):
                sound[at:] += 0.12 / k * np.sin(2 * np.pi * k * frequency * age) * np.exp(-3 * k * age)
        sound[at:] += 0.2 * rng.standard_normal(len(age)) * np.exp(-40 * age)
    sound *= 0.3 + 0.7 * np.exp(-((t - 5) ** 2) / 8)
    sound[(t > 7) & (t < 8)] = 0.0
    return sound.astype(np.float32)
