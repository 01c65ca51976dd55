"""Perceptual hashes of a picture: the same picture in another size, format or quality is near.

Aim: find copies without looking at every pair of pixels.
Reference: ``phash`` of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), as in the
library imagehash: the signs of the 8 x 8 lowest DCT-II coefficients of the 32 x 32 grey picture against their median;
``dhash`` of Krawetz (2013): whether each of 9 x 8 grey cells is brighter than its left neighbour.
Conventions: 64 bits each, as 16 hexadecimal digits, the first bit the highest; strangers are about 32 bits apart in each.
Copies are at most 24 bits apart in both together, 11 in the nearer, and their shapes differ by an eighth at most: encoded
anew, scaled, brighter, grey, with a mark in the corner, or with 5 % cut off. A picture that is turned or mirrored, or
of which more was cut off, is another one. A picture of one colour has no structure: both null, with a warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.areas import LUMA, area_means
from lookhear.dsp.bit_bands import BitBands
from lookhear.media.probe import Probe
from lookhear.tasks.base import (
    Candidate,
    Context,
    Fold,
    Form,
    Likeness,
    NoOptions,
    Picture,
    PictureFold,
    Relation,
    Task,
)

RADIUS = 11  #: bits in the nearer hash
BOTH = 24  #: bits in both together
_SHAPE = 1.125  # ratio of the ratios of the sides
_CHANGED = 8  # bits in both that encoding and scaling seldom reach
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


class PictureMatcher:
    """Finds copies by their hashes."""

    leads = True

    def __init__(self, pictures: Sequence[Candidate[PictureHashes]]) -> None:
        self._probes = [picture.probe for picture in pictures]
        hashes = [picture.value or PictureHashes() for picture in pictures]
        self._known = np.array([one.phash is not None for one in hashes], bool)
        self._shapes = np.array([_shape(probe) for probe in self._probes])
        self._phash = _rows([one.phash for one in hashes])
        self._dhash = _rows([one.dhash for one in hashes])
        self._places = np.flatnonzero(self._known)
        self._indexes = [BitBands(rows[self._places], RADIUS) for rows in (self._phash, self._dhash)]

    def candidates(self, place: int) -> Sequence[int]:
        """Those that are near in either hash, and in both together."""
        if not self._known[place]:
            return ()
        rows = (self._phash, self._dhash)
        near = [index.near(row[place]) for index, row in zip(self._indexes, rows, strict=True)]
        if all(len(found) == 1 for found in near):
            return ()  # itself
        places = self._places[np.union1d(*near)]
        apart = np.bitwise_count(self._phash[places] ^ self._phash[place]).astype(int)
        apart += np.bitwise_count(self._dhash[places] ^ self._dhash[place])
        shapes = self._shapes[places] / self._shapes[place]
        good = (apart <= BOTH) & (shapes <= _SHAPE) & (shapes >= 1 / _SHAPE) & (places != place)
        nearest: list[int] = places[good][np.argsort(apart[good], kind="stable")].tolist()
        return nearest

    def compare(self, one: int, other: int) -> Likeness | None:
        """By the bits that differ; the score is 1 less their share."""
        if not (self._known[one] and self._known[other]):
            return None
        bits = [int(rows[one] ^ rows[other]).bit_count() for rows in (self._phash, self._dhash)]
        shapes = self._shapes[other] / self._shapes[one]
        same = min(bits) <= RADIUS and sum(bits) <= BOTH and 1 / _SHAPE <= shapes <= _SHAPE
        score = 1 - sum(bits) / 128
        if not same:
            return Likeness(Relation.OTHER, score, "another picture")
        return Likeness(Relation.COPY, score, _reason(self._probes[one], self._probes[other], sum(bits)))


def _rows(hashes: Sequence[str | None]) -> NDArray[np.uint64]:
    return np.array([int(text or "0", 16) for text in hashes], np.uint64)


def _shape(probe: Probe) -> float:
    return probe.picture.width / probe.picture.height if probe.picture else 1.0


def _reason(one: Probe, other: Probe, bits: int) -> str:
    said = ["same picture"]
    if one.picture and other.picture:
        size = (other.picture.width, other.picture.height)
        if size != (one.picture.width, one.picture.height):
            said.append(f"other size ({size[0]} × {size[1]})")
        if other.picture.format != one.picture.format:
            said.append(f"as {other.picture.format}")
    if bits > _CHANGED:
        said.append("cut or changed a little")
    return ", ".join(said if len(said) > 1 else [*said, "encoded anew"])


class PictureDuplicates(Task[NoOptions, PictureHashes]):
    """Perceptual hashes."""

    name = "duplicates"
    version = "1"
    summary = "perceptual hashes, by which copies are found"
    kinds = frozenset({"image"})
    forms = frozenset({Form.PIXELS})
    Result = PictureHashes
    matcher = PictureMatcher

    def start(self, context: Context, options: NoOptions) -> Fold[PictureHashes]:
        """A fresh fold."""
        return PictureFold(partial(_look, context))


TASKS = (PictureDuplicates(),)
