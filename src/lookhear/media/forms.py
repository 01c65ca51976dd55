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
    PIXELS = "pixels"  #: a picture, or frames of a film that a Sampling picks: uint8 sRGB, upright
    FRAMES = "frames"  #: every frame of a film, small: see Frames
    MOTION = "motion"  #: beside FRAMES: what the codec's motion vectors say; see Frames.motion


LARGEST: Final = 1600  #: pixels on the longer side of a picture as tasks see it, unless they ask for more


SOUND: Final = frozenset({Form.NATIVE, Form.MONO_22K, Form.SPECTRA, Form.MONO_16K})  #: forms of a sound track
FILM: Final = frozenset({Form.FRAMES, Form.MOTION, Form.PIXELS})  #: forms of a picture track


@dataclass(frozen=True)
class Picture:
    """``pixels``: (height, width, 3) uint8 sRGB; read-only. ``truncated``: the file breaks off, the rest is grey.

    ``alpha``: (height, width) uint8, 0 where one sees through it to the white it lies on; None: nowhere.

    A picture out of a film also has its place: ``index`` counts frames from 0, ``time`` is in s.
    """

    pixels: NDArray[np.uint8]
    truncated: bool = False
    index: int = 0
    time: float = 0.0
    alpha: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Sampling:
    """Which frames of a film become pictures, and how large. Of a still picture only ``side`` counts.

    One every ``seconds`` (the first frame at or after each multiple), or every ``frames`` frames where that is given,
    or those of the indexes ``at``. ``key_frames``: one of each scene, which is known only after a first pass.
    ``most``: seconds grow so that a film of known length gives about so many. ``side``: pixels on the longer side at
    most; None: no scaling at all, and of a film only the middle, at most 640 x 480, for what scaling would hide; of
    frames soon after those due that are no B frames, if there are any, for encoders save at those.
    """

    seconds: float = 1.0
    frames: int | None = None
    most: int | None = None
    side: int | None = LARGEST
    key_frames: bool = False
    at: tuple[int, ...] | None = None  #: in order


@dataclass(frozen=True)
class Frames:
    """A run of consecutive frames, reduced to about 9,000 pixels with the shape of the upright picture; read-only.

    Over the full range, uint8: ``luma`` (n, height, width), and ``chroma`` (n, 2, rows, columns), Cb and Cr, of half as
    many rows and columns, rounded up. ``times``: (n,) s since the film began; ``seconds``: (n,) how long each is shown.
    ``motion``: (n, 4) float32, or None if the form MOTION was not asked for:
    the median (x, y) and the mean length of the motion vectors in frame widths per second, and the share of the area
    that has any; NaN where the codec gives none for a frame.
    """

    start: int  #: index of the first
    times: NDArray[np.float64]
    seconds: NDArray[np.float64]
    luma: NDArray[np.uint8]
    chroma: NDArray[np.uint8]
    motion: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Samples:
    """A run of samples. ``start`` counts samples since the beginning, at ``rate``."""

    start: int
    rate: int
    data: FloatArray  #: (n,) or, for NATIVE, (channels, n)
