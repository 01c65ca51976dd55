"""Vectors to compare recordings by: how they sound, how they are made, and both.

Aim: fixed, documented vectors of unit length, whose dot product is the likeness of two recordings.
Reference: timbre as means and spreads of MFCC and spectral shape (Mandel & Ellis, ISMIR 2005; Pampalk 2006); tempo as an
angle, so that octaves are close; chroma as the magnitudes of its Fourier transform, which transposition leaves alone
(Ellis & Poliner, ICASSP 2007, compare chroma over all rotations for the same reason).
Conventions: ``spectral_vector`` (38): MFCC means (13), MFCC spreads (13), contrast (7), logarithms of centroid, roll-off,
bandwidth, flatness, zero-crossing rate (5), each in units of its spread over a mixed corpus. ``mir_vector`` (16): chroma
magnitudes (6), circle of fifths (2), mode (1), tempo as an angle (2) and as a logarithm (1), onset rate, beat strength,
key strength, triple metre (4). ``combined_vector`` (54): both, equally weighed. What a recording lacks (tempo, key)
is zero. Silence: empty vectors, with a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookhear.tasks.base import Block, Context, Fold, NoOptions, Task

# Mean and spread of the 38 numbers over rendered music of twelve styles, field recordings, single notes and speech.
_MEAN = np.array(
    [-306.0, 90.0, -4.23, 26.7, 0.94, 6.9, -3.05, 0.884, -4.71, -1.36, -4.59, -1.07, -2.98]
    + [116.0, 41.8, 24.1, 18.0, 14.2, 11.4, 10.7, 10.5, 10.0, 9.8, 9.89, 9.6, 9.87]
    + [21.3, 18.0, 22.1, 23.0, 22.7, 21.8, 22.9, 7.45, 8.09, 7.49, -3.53, -2.5]
)
_SPREAD = np.array(
    [84.8, 41.3, 26.5, 16.1, 12.6, 9.04, 9.63, 8.98, 7.67, 6.72, 6.26, 4.9, 6.29]
    + [41.6, 16.1, 10.6, 6.7, 5.71, 4.31, 3.32, 3.17, 3.04, 3.04, 3.22, 3.23, 3.35]
    + [3.97, 4.31, 5.65, 6.71, 5.11, 4.71, 8.67, 0.458, 0.519, 0.324, 2.16, 0.887]
)
_FARTHEST = 4.0  # spreads: one odd number must not rule the vector
_KEYS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class SimilarityResult:
    """Unit vectors; empty where the recording is silent."""

    spectral_vector: tuple[float, ...] = ()  #: 38
    mir_vector: tuple[float, ...] = ()  #: 16
    combined_vector: tuple[float, ...] = ()  #: 54


class _SimilarityFold:
    def __init__(self, context: Context) -> None:
        self._context = context

    def add(self, block: Block) -> None:
        """Nothing: all comes from other tasks."""

    def finish(self) -> SimilarityResult:
        """The vectors."""
        spectral, mir = self._context.results["spectral"], self._context.results["mir"]
        if spectral.spectral_centroid is None:
            self._context.warn("There is no sound in it, so there is nothing to compare: the vectors are empty.")
            return SimilarityResult()
        timbre, music = _unit(_timbre(spectral)), _unit(_music(spectral, mir))
        both = _unit(np.concatenate([timbre, music]))
        return SimilarityResult(*(tuple(np.round(vector, 6).tolist()) for vector in (timbre, music, both)))


def _timbre(spectral: Any) -> Vector:
    shape = [
        spectral.spectral_centroid + 1.0,
        spectral.spectral_rolloff + 1.0,
        spectral.spectral_bandwidth + 1.0,
        spectral.spectral_flatness + 1e-9,
        spectral.zero_crossing_rate + 1e-6,
    ]
    raw = np.array([*spectral.mfcc, *spectral.spread.mfcc, *spectral.spectral_contrast, *np.log(shape)])
    return np.asarray(np.clip((raw - _MEAN) / _SPREAD, -_FARTHEST, _FARTHEST))


def _music(spectral: Any, mir: Any) -> Vector:
    chroma = np.array(spectral.chroma)
    turns = np.abs(np.fft.rfft(chroma / (chroma.sum() + 1e-9)))[1:] * 4
    fifths = 7 * _KEYS.index(mir.key) * np.pi / 6 if mir.key else 0.0
    tonal = np.array([np.cos(fifths), np.sin(fifths)]) * (mir.key is not None) * 0.5
    mode = {"major": 0.5, "minor": -0.5}.get(mir.mode, 0.0)
    octave = np.log2(mir.tempo / 120.0) if mir.tempo else 0.0
    angle = np.array([np.cos(2 * np.pi * octave), np.sin(2 * np.pi * octave)]) * (mir.tempo is not None)
    triple = 0.0 if mir.time_signature is None else (0.5 if mir.time_signature % 3 == 0 else -0.5)
    rest = [mode, octave, np.log2((mir.onset_rate or 0.0) + 1) - 2, 2 * mir.beat_strength - 1, mir.key_strength, triple]
    return np.concatenate([turns, tonal, angle, rest])


def _unit(vector: Vector) -> Vector:
    return np.asarray(vector / (np.linalg.norm(vector) + 1e-12))


class Similarity(Task[NoOptions, SimilarityResult]):
    """Vectors to compare recordings by."""

    name = "similarity"
    version = "1"
    summary = "unit vectors to compare recordings by: sound, music, both"
    kinds = frozenset({"audio", "video"})
    needs = ("spectral", "mir")
    Result = SimilarityResult

    def start(self, context: Context, options: NoOptions) -> Fold[SimilarityResult]:
        """A fold that waits for the others."""
        return _SimilarityFold(context)


TASKS = (Similarity(),)
