"""Perceptual hashes of a picture: the same picture in another size, format or quality is near.

Aim: find copies without looking at every pair of pixels.
Reference: ``phash`` of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), as in the
library imagehash: the signs of the 8 x 8 lowest DCT-II coefficients of the 32 x 32 grey picture against their median;
``dhash`` of Krawetz (2013): whether each of 9 x 8 grey cells is brighter than its left neighbour.
Conventions: 64 bits each, as 16 hexadecimal digits, the first bit the highest. Copies are at most 10 bits apart,
strangers about 32. A picture of one colour has no structure: both null, with a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.areas import LUMA, area_means
from lookhear.tasks.base import Context, Fold, Form, NoOptions, Picture, PictureFold, Task

_SIDE, _LOW = 32, 8
_FLAT = 1.0  # of 255: less spread than this is one colour


@dataclass(frozen=True)
class PictureHashes:
    """16 hexadecimal digits each."""

    phash: str | None = None
    dhash: str | None = None


def distance(one: str, other: str) -> int:
    """Bits in which two hashes differ, 0..64."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def hashes(pixels: NDArray[np.uint8]) -> PictureHashes:
    """Of (height, width, 3)."""
    luma = pixels @ LUMA
    cells = area_means(luma, _SIDE, _SIDE)
    if cells.std() < _FLAT:
        return PictureHashes()
    k, n = np.arange(_LOW)[:, None], np.arange(_SIDE)[None, :]
    basis = np.cos(np.pi * k * (2 * n + 1) / (2 * _SIDE))
    low = basis @ cells @ basis.T
    steps = area_means(luma, 8, 9)
    return PictureHashes(_hex(low > np.median(low)), _hex(steps[:, 1:] > steps[:, :-1]))


def _hex(bits: NDArray[np.bool_]) -> str:
    return np.packbits(bits.ravel()).tobytes().hex()


def _look(context: Context, picture: Picture | None) -> PictureHashes:
    found = hashes(picture.pixels) if picture else PictureHashes()
    if found.phash is None:
        context.warn("It is of one colour, so it has no hash to find copies by.")
    return found


class PictureDuplicates(Task[NoOptions, PictureHashes]):
    """Perceptual hashes."""

    name = "duplicates"
    version = "1"
    summary = "perceptual hashes, by which copies are found"
    kinds = frozenset({"image"})
    forms = frozenset({Form.PIXELS})
    Result = PictureHashes

    def start(self, context: Context, options: NoOptions) -> Fold[PictureHashes]:
        """A fresh fold."""
        return PictureFold(partial(_look, context))


TASKS = (PictureDuplicates(),)
