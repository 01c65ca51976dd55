"""The forms in which a medium reaches the tasks; each is made at most once per sweep, and is read-only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


class Form(Enum):
    """A decoded shape of the sound."""

    NATIVE = "native"  #: (channels, n) float32 at the file's own rate, full scale = 1
    MONO_22K = "mono22k"  #: (n,) float32 at 22,050 Hz, mean of the channels
    SPECTRA = "spectra"  #: STFT of MONO_22K: Hann 2048, hop 512, centred, zero-padded
    MONO_16K = "mono16k"  #: (n,) float32 at 16,000 Hz, mean of the channels


@dataclass(frozen=True)
class Samples:
    """A run of samples. ``start`` counts samples since the beginning, at ``rate``."""

    start: int
    rate: int
    data: FloatArray  #: (n,) or, for NATIVE, (channels, n)
