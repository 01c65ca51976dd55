"""At which shifts two rows of bits agree best: correlation of all bits at all shifts at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def likely_shifts(a: FloatArray, b: FloatArray, least: int, apart: int, count: int) -> list[int]:
    """The ``count`` likeliest shifts (b's place less a's), best first, more than ``apart`` from each other.

    ``a``, ``b``: (bits, n) of +1 and -1, 0 where nothing is known; at least ``least`` places must overlap.
    """
    here, there = a.shape[1], b.shape[1]
    size = 1 << (here + there).bit_length()
    total = np.zeros(size // 2 + 1, np.complex128)
    for one, other in zip(a, b, strict=True):
        total += np.fft.rfft(one, size).conj() * np.fft.rfft(other, size)
    shifts = np.arange(-(here - least), there - least + 1)
    overlap = np.minimum(here, there - shifts) - np.maximum(0, -shifts)
    strength = np.fft.irfft(total, size)[shifts] / np.sqrt(overlap)
    found = []
    for _ in range(min(count, len(shifts))):
        top = int(strength.argmax())
        found.append(int(shifts[top]))
        strength[max(0, top - apart) : top + apart + 1] = -np.inf
    return found
