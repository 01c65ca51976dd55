"""Fingerprints that know a recording again: in another format, at another level, cut or shifted.

Method: after Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System", ISMIR 2002, on the shared spectra. The
power in 33 bands of equal width in log frequency between 300 and 2000 Hz is smoothed over 0.56 s (Hann) and taken
every 93 ms; each bit of a 32-bit word says whether the difference in dB of two neighbouring bands is greater than
0.37 s before. (The paper compares successive frames 12 ms apart; the longer step costs a third of the words and
makes them bear a shift by half a step.) Size: 43 bytes a second for the first hour, then for 10 s of each minute.

Match: the shifts at which two rows of words agree best are found by correlation of all bits at all shifts at once; at
each of the best three, what lies in the middle of 6 s with less than a third of the bits wrong belongs together.
Words: uint32.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.alignment import likely_shifts
from lookhear.dsp.grid import BINS, FRAME_RATE, N_FFT, SAMPLE_RATE

BITS = 32
STEP = 4  # spectra per word
STEP_SECONDS = STEP / FRAME_RATE
LEAST = 32  #: words: 3 s, below which nothing can be told
_LOWEST, _HIGHEST = 300.0, 2000.0  # Hz
_SMOOTH = 6  # steps
_LAG = 4  # steps between what is compared
_FLOOR = 1e-7  # power of a band below which there is nothing to hear: about -120 dBFS
_DENSE = round(3600 / STEP_SECONDS)  # words kept from the start without a gap
_CYCLE, _PART = round(60 / STEP_SECONDS), round(10 / STEP_SECONDS)
_SHIFTS = 3
_STRETCH = 64  # words
_FEW = 48  # spectra: BLAS runs products this small on the calling thread alone
_WRONG = 0.33  # share of wrong bits; half of them are in sounds that have nothing in common

FloatArray = NDArray[np.float32]
Words = NDArray[np.uint32]
Places = NDArray[np.int_]


@lru_cache(maxsize=1)
def _bands() -> tuple[slice, FloatArray]:
    """The bins in use, and (bins, 33): their shares in each band, as triangles from centre to centre."""
    edges = _LOWEST * (_HIGHEST / _LOWEST) ** (np.arange(BITS + 3) / (BITS + 2))
    frequencies = np.arange(BINS) * SAMPLE_RATE / N_FFT
    rising = (frequencies[:, None] - edges[None, :-2]) / np.diff(edges)[None, :-1]
    falling = (edges[None, 2:] - frequencies[:, None]) / np.diff(edges)[None, 1:]
    weights = np.maximum(0, np.minimum(rising, falling))
    used = np.flatnonzero(weights.sum(axis=1))
    part = slice(int(used[0]), int(used[-1]) + 1)
    return part, np.ascontiguousarray(weights[part], np.float32)


@lru_cache(maxsize=1)
def _smoothing() -> FloatArray:
    """(_SMOOTH, STEP): the Hann window, a row per step."""
    window = np.hanning(_SMOOTH * STEP + 2)[1:-1]
    return np.ascontiguousarray((window / window.sum()).reshape(_SMOOTH, STEP), np.float32)


class Fingerprinter:
    """Running fingerprint over the spectra."""

    def __init__(self) -> None:
        self._waiting: FloatArray = np.empty((0, BITS + 1), np.float32)  # bands of spectra that make no whole step yet
        self._parts: FloatArray = np.empty((0, _SMOOTH, BITS + 1), np.float32)  # of the steps not yet smoothed
        self._slopes: FloatArray = np.empty((0, BITS), np.float32)  # the last _LAG
        self._words: list[Words] = []
        self._count = 0
        self.heard = False  #: was any band ever above the floor?

    def add(self, power: FloatArray) -> None:
        """Take (frames, 1025) squared magnitudes."""
        part, weights = _bands()
        products = [power[at : at + _FEW, part] @ weights for at in range(0, len(power), _FEW)]
        bands = np.concatenate([self._waiting, *products])
        steps = len(bands) // STEP
        self._waiting = bands[steps * STEP :].copy()
        if not steps:
            return
        rows = bands[: steps * STEP].reshape(steps, STEP, BITS + 1)
        parts = np.concatenate([self._parts, np.matmul(_smoothing(), rows)])
        count = max(0, len(parts) - _SMOOTH + 1)
        self._parts = parts[count:].copy()
        if count:
            self._encode(np.add.reduce([parts[i : i + count, i] for i in range(_SMOOTH)]))

    def _encode(self, smooth: FloatArray) -> None:
        self.heard = self.heard or bool((smooth > _FLOOR).any())
        levels = np.log(np.maximum(smooth, np.float32(_FLOOR)))
        slopes = np.concatenate([self._slopes, levels[:, :-1] - levels[:, 1:]])
        self._slopes = slopes[-_LAG:].copy()
        rises = slopes[_LAG:] > slopes[:-_LAG]
        words = np.packbits(rises, axis=1, bitorder="little").view("<u4")[:, 0].astype(np.uint32)
        self._words.append(words[_kept(self._count + np.arange(len(words)))])
        self._count += len(words)

    @property
    def words(self) -> Words:
        """All words kept so far."""
        return np.concatenate(self._words) if self._words else np.empty(0, np.uint32)


def _kept(places: Places) -> NDArray[np.bool_]:
    return np.asarray((places < _DENSE) | ((places - _DENSE) % _CYCLE < _PART))


def places_of(count: int) -> Places:
    """Where in the whole sound the first ``count`` kept words lie, in steps."""
    index = np.arange(count)
    after = index - _DENSE
    return np.where(after < 0, index, _DENSE + after // _PART * _CYCLE + after % _PART)


@dataclass(frozen=True)
class Match:
    """How far two recordings are the same."""

    score: float  #: 0..1: share of the shorter one that is found in the other, times 1 - 2 * (share of wrong bits)
    offset: float | None  #: s: a moment t of the first is at t + offset in the second; None where nothing matches
    overlap: float  #: s that match


def match(a: Words, b: Words) -> Match:
    """Compare two rows of words. Less than 3 s, or nothing in common: score 0."""
    shorter = min(len(a), len(b))
    if shorter < LEAST:
        return Match(0.0, None, 0.0)
    matched = np.zeros(len(a), bool)
    wrong = np.zeros(len(a))
    best: tuple[int, int] | None = None
    for shift in _shifts(a, b):
        here, rates = _agreement(a, b, shift)
        new = here[~matched[here]]
        wrong[new] = rates[~matched[here]]
        matched[new] = True
        if best is None or len(here) > best[0]:
            best = (len(here), shift)
    count = int(np.count_nonzero(matched))
    if best is None or not count:
        return Match(0.0, None, 0.0)
    score = min(1.0, count / shorter) * max(0.0, 1 - 2 * float(wrong[matched].mean()))
    return Match(score, best[1] * STEP_SECONDS, count * STEP_SECONDS)


def _signs(words: Words) -> FloatArray:
    bits = np.unpackbits(words.astype("<u4").view(np.uint8).reshape(-1, 4), axis=1, bitorder="little")
    return bits.T.astype(np.float32) * 2 - 1


def _shifts(a: Words, b: Words) -> list[int]:
    """The likeliest shifts (b's place less a's), best first."""
    return likely_shifts(_signs(a[:_DENSE]), _signs(b[:_DENSE]), LEAST, _LAG, _SHIFTS)


def _agreement(a: Words, b: Words, shift: int) -> tuple[Places, NDArray[np.float64]]:
    """Which words of ``a`` lie in stretches that match ``b`` at this shift, and the share of wrong bits in each."""
    _, at, there = np.intersect1d(places_of(len(a)) + shift, places_of(len(b)), True, True)
    if len(at) < LEAST:
        return at[:0], np.empty(0)
    rates = np.bitwise_count(a[at] ^ b[there]) / BITS
    sums = np.concatenate([[0.0], np.cumsum(rates)])
    index = np.arange(len(rates))
    first, end = np.maximum(index - _STRETCH // 2, 0), np.minimum(index + _STRETCH // 2, len(rates))
    good = (sums[end] - sums[first]) / (end - first) < _WRONG
    return at[good], rates[good]
