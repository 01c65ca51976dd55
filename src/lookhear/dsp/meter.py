"""Metre: how many beats make a bar, where it begins, and whether the beat divides in two or in three.

Bars are known by what changes with them: harmony, bass, accents, and everything that comes again a bar later
(Gainza, "Automatic musical meter detection", ICASSP 2009; Davies & Plumbley, "A spectral difference approach to downbeat
extraction", EUSIPCO 2006). The facts are weighed by numbers fitted on rendered music (``evals/fit_rhythm.py``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.beat import at_frames
from lookhear.dsp.pitch_classes import SEGMENT

BEATS_PER_BAR = (2, 3, 4, 5, 7)
_MOST = 1500  # beats looked at: the middle of a long recording

Curve = NDArray[np.float32]


def bar_hypotheses() -> list[tuple[int, int]]:
    """All (beats per bar, index of the first downbeat)."""
    return [(length, phase) for length in BEATS_PER_BAR for phase in range(length)]


def bar_features(
    beats: NDArray[np.float64], onsets: list[Curve], profiles: NDArray[np.float32]
) -> NDArray[np.float64] | None:
    """(hypotheses, features) in the order of ``bar_hypotheses``; None with fewer than 8 beats."""
    beats = beats[:_MOST]
    if len(beats) < 8:
        return None
    accents = np.stack([at_frames(curve, beats) for curve in onsets], axis=1)
    harmony = _per_beat(beats, profiles)
    change = np.stack([_change(harmony[:, :12]), _change(harmony[:, 12:])], axis=1)
    cues = np.concatenate([accents, change], axis=1).astype(np.float64)
    cues = (cues - cues.mean(axis=0)) / (cues.std(axis=0) + 1e-6)
    tonal = harmony - harmony.mean(axis=0)
    tonal /= np.linalg.norm(tonal, axis=1, keepdims=True) + 1e-6
    return np.array([_hypothesis(cues, tonal, length, phase) for length, phase in bar_hypotheses()])


def _hypothesis(cues: NDArray[np.float64], tonal: NDArray[np.float64], length: int, phase: int) -> list[float]:
    """Constants per length, the cues on downbeats and in mid-bar, and how much comes again a bar later."""
    row = [float(length == known) for known in BEATS_PER_BAR]
    row += cues[phase::length].mean(axis=0).tolist()
    middle = cues[(phase + length // 2) % length :: length].mean(axis=0) if length % 2 == 0 else np.zeros(cues.shape[1])
    row += middle.tolist()
    after = cues[(phase + 1) % length :: length].mean(axis=0)
    row += after.tolist()
    again = [float(np.mean(cues[length:, k] * cues[:-length, k])) for k in range(cues.shape[1])]
    row += again
    row += [float(np.mean(np.sum(tonal[length:] * tonal[:-length], axis=1)))]
    long = 2 * length
    row += [float(np.mean(np.sum(tonal[long:] * tonal[:-long], axis=1))) if len(tonal) > long else 0.0]
    within = np.arange(len(tonal) - 1)
    within = within[(within - phase) % length != length - 1]
    row += [float(np.mean(np.sum(tonal[within] * tonal[within + 1], axis=1))) if len(within) else 0.0]
    return row


def _per_beat(beats: NDArray[np.float64], profiles: NDArray[np.float32]) -> NDArray[np.float64]:
    """(beats, 24): mean profile from each beat to the next."""
    if not len(profiles):
        return np.zeros((len(beats), 24))
    sums = np.concatenate([np.zeros((1, profiles.shape[1])), np.cumsum(profiles, axis=0, dtype=np.float64)])
    edges = np.append(beats, 2 * beats[-1] - beats[-2]) / SEGMENT
    at = np.clip(edges, 0, len(profiles))
    whole = np.minimum(at.astype(np.int64), len(profiles) - 1)
    reached = sums[whole] + (at - whole)[:, None] * profiles[whole]
    return np.asarray(np.diff(reached, axis=0) / np.maximum(np.diff(at), 1e-3)[:, None])


def _change(harmony: NDArray[np.float64]) -> NDArray[np.float64]:
    """One minus the cosine between each beat's harmony and the one before."""
    unit = harmony / (np.linalg.norm(harmony, axis=1, keepdims=True) + 1e-6)
    return np.concatenate([[0.0], 1 - np.sum(unit[1:] * unit[:-1], axis=1)])


def division_features(beats: NDArray[np.float64], onsets: list[Curve], bpm: float) -> NDArray[np.float64]:
    """Onset strength at the thirds and halves of the beat, in all, middle and high bands, against that at the beats."""
    step = np.diff(beats)
    row = [1.0, np.log2(bpm / 100.0)]
    for curve in (onsets[0], onsets[2], onsets[3]):
        on = float(at_frames(curve, beats).mean()) + 0.05
        for part in (1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4):
            row.append(float(at_frames(curve, beats[:-1] + part * step).mean()) / on if len(step) else 0.0)
    thirds = np.minimum(row[3], row[5])
    return np.array([*row, thirds, thirds - row[4]])
