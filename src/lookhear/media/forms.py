"""The forms in which a medium reaches the tasks; each is made at most once per sweep, and is read-only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


class Form(Enum):
    """A decoded shape of the medium."""

    NATIVE = "native"  #: (channels, n) float32 at the file's own rate, full scale = 1
    MONO_22K = "mono22k"  #: (n,) float32 at 22,050 Hz, mean of the channels
    SPECTRA = "spectra"  #: STFT of MONO_22K: Hann 2048, hop 512, centred, zero-padded
    MONO_16K = "mono16k"  #: (n,) float32 at 16,000 Hz, mean of the channels
    PIXELS = "pixels"  #: one picture: (height, width, 3) uint8 sRGB, upright, at most 1600 on the longer side


LARGEST: Final = 1600  #: pixels on the longer side of a picture as tasks see it


@dataclass(frozen=True)
class Picture:
    """``pixels``: (height, width, 3) uint8 sRGB; read-only. ``truncated``: the file breaks off, the rest is grey."""

    pixels: NDArray[np.uint8]
    truncated: bool = False


@dataclass(frozen=True)
class Samples:
    """A run of samples. ``start`` counts samples since the beginning, at ``rate``."""

    start: int
    rate: int
    data: FloatArray  #: (n,) or, for NATIVE, (channels, n)
