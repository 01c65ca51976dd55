"""Signatures that know a film again: encoded anew, scaled, at another frame rate, with something before or after it.

Method: luma, averaged over a second, every half second; the signs of its 63 lowest DCT coefficients but the mean against
their median (the perceptual hash of Zauner 2010, on a film as a whole in the manner of Oostveen, Kalker and Haitsma,
"Feature extraction and a database strategy for video fingerprinting", VISUAL 2002). A moment of one colour has no word.
Size: 16 bytes a second.

Match: the shifts at which two rows of words agree best by correlation of all bits at all shifts at once; at each of the
best three, what lies in the middle of 5 s with less than a quarter of the bits wrong belongs together.
Words: uint64, 0 where there is nothing to see.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.alignment import likely_shifts
from lookhear.dsp.growing import Growing

STEP_SECONDS = 0.5
LEAST = 6  #: words: 3 s, below which nothing can be told
_SIDE = 8
_FLAT = 3.0  # levels: luma that spreads less has no structure
_SHIFTS = 3
_STRETCH = 10  # words
_WRONG = 0.25  # share of wrong bits
_LONGEST = 7200  # words whose shifts are looked for: an hour

Words = NDArray[np.uint64]


@lru_cache(maxsize=8)
def _basis(size: int) -> NDArray[np.float64]:
    """(8, size): the lowest cosines of the DCT-II."""
    k, n = np.arange(_SIDE)[:, None], np.arange(size)[None, :]
    return np.asarray(np.cos(np.pi * k * (2 * n + 1) / (2 * size)) / size)


class Signer:
    """Running signature over small frames."""

    def __init__(self) -> None:
        self._slot = -1
        self._sum: NDArray[np.float64] | None = None
        self._count = 0
        self._half: NDArray[np.float64] | None = None  # mean of the half second before
        self._words = Growing(np.uint64)

    def add(self, times: NDArray[np.float64], luma: NDArray[np.uint8]) -> None:
        """Take (n,) times in s and (n, height, width) luma."""
        slots = (times / STEP_SECONDS + 1e-6).astype(int)
        if not len(slots):
            return
        edges = [0, *(np.flatnonzero(np.diff(slots)) + 1).tolist(), len(slots)]
        for low, high in pairwise(edges):
            slot = int(slots[low])
            if slot > self._slot:
                self._close()
                for _ in range(self._slot + 1, slot):  # what was shown last goes on
                    self._write(self._half)
                self._slot = slot
            kind = np.uint16 if high - low <= 257 else np.uint32  # levels of so many frames
            mine = luma[low:high].sum(axis=0, dtype=kind).astype(np.float64)
            self._sum = mine if self._sum is None else self._sum + mine
            self._count += high - low

    def _close(self) -> None:
        if self._sum is None:
            return
        before, half = self._half, self._sum / self._count
        self._write(half if before is None else (half + before) / 2)
        self._half, self._sum, self._count = half, None, 0

    def _write(self, luma: NDArray[np.float64] | None) -> None:
        self._words.add(np.array([0 if luma is None else _word(luma)], np.uint64))

    def finish(self) -> Words:
        """All words."""
        self._close()
        return self._words.values


def _word(luma: NDArray[np.float64]) -> int:
    if float(luma.std()) < _FLAT:
        return 0
    low = (_basis(luma.shape[0]) @ luma @ _basis(luma.shape[1]).T).ravel()[1:]
    bits = np.concatenate([[True], low > np.median(low)])  # the first bit tells it from a moment without a word
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


@dataclass(frozen=True)
class FilmMatch:
    """How far two films are the same."""

    score: float  #: 0..1: share of the shorter one that is found in the other, times 1 - 2 * (share of wrong bits)
    offset: float | None  #: s: a moment t of the first is at t + offset in the second; None where nothing matches
    overlap: float  #: s that match
    wrong: float = 1.0  #: share of wrong bits in what matches


def match(a: Words, b: Words) -> FilmMatch:
    """Compare two rows of words. Less than 3 s of picture, or nothing in common: score 0."""
    shorter = min(np.count_nonzero(a), np.count_nonzero(b))
    if shorter < LEAST:
        return FilmMatch(0.0, None, 0.0)
    matched = np.zeros(len(a), bool)
    wrong = np.zeros(len(a))
    best: tuple[int, int] | None = None
    for shift in likely_shifts(_signs(a[:_LONGEST]), _signs(b[:_LONGEST]), LEAST, 1, _SHIFTS):
        here, rates = _agreement(a, b, shift)
        new = ~matched[here]
        wrong[here[new]] = rates[new]
        matched[here] = True
        if best is None or len(here) > best[0]:
            best = (len(here), shift)
    count = int(np.count_nonzero(matched))
    if best is None or not count:
        return FilmMatch(0.0, None, 0.0)
    share = float(wrong[matched].mean())
    score = min(1.0, count / shorter) * max(0.0, 1 - 2 * share)
    return FilmMatch(score, best[1] * STEP_SECONDS, count * STEP_SECONDS, share)


def restlessness(words: Words) -> float:
    """The share of bits in which moments of a film differ from those 5 s later, 0..1; of a short film, half its length."""
    lag = min(_STRETCH, len(words) // 2)
    if not lag:
        return 0.0
    both = (words[lag:] > 0) & (words[:-lag] > 0)
    return float(np.bitwise_count(words[lag:][both] ^ words[:-lag][both]).mean() / 63) if both.any() else 0.0


def _signs(words: Words) -> NDArray[np.float32]:
    bits = np.unpackbits(words.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)[:, 1:]
    return np.where(words[:, None] > 0, bits.astype(np.float32) * 2 - 1, np.float32(0)).T.astype(np.float32)


def _agreement(a: Words, b: Words, shift: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Which words of ``a`` lie in stretches that match ``b`` at this shift, and the share of wrong bits in each."""
    at = np.arange(max(0, -shift), min(len(a), len(b) - shift))
    at = at[(a[at] > 0) & (b[at + shift] > 0)]
    if len(at) < LEAST:
        return at[:0], np.empty(0)
    rates = np.bitwise_count(a[at] ^ b[at + shift]) / 63
    sums = np.concatenate([[0.0], np.cumsum(rates)])
    index = np.arange(len(rates))
    first, end = np.maximum(index - _STRETCH // 2, 0), np.minimum(index + _STRETCH // 2, len(rates))
    good = (sums[end] - sums[first]) / (end - first) < _WRONG
    return at[good], rates[good]
