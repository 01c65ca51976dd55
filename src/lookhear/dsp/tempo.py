"""Tempo: candidates from the autocorrelation of the onset curves, and the facts by which to choose among them.

The level of the pulse that people tap is not in the autocorrelation alone. Each candidate is tracked through an excerpt,
and how the onsets lie at its beats, between them, and at its multiples decides, by weights that were fitted on rendered
music (``evals/fit_rhythm.py``). After Percival & Tzanetakis (TASLP 2014), who choose the octave by a learned rule, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.beat import at_frames, track_beats
from lookhear.dsp.grid import FRAME_RATE
from lookhear.dsp.periodicity import at_lags, comb, count_windows, windowed_autocorrelation

_GRID = np.exp(np.linspace(np.log(35.0), np.log(280.0), 500))  # BPM
_RELATIVES = (0.5, 2.0, 1.5, 2 / 3, 3.0, 1 / 3)
_MULTIPLES = (1.0, 2.0, 3.0, 4.0, 0.5, 1 / 3, 1.5)
_EXCERPT = round(45 * FRAME_RATE)  # frames tracked per candidate
_SPACING = 0.035

Curve = NDArray[np.float32]


@dataclass(frozen=True)
class Pulse:
    """What the choice of a tempo is made from."""

    bpm: NDArray[np.float64]  #: (candidates,)
    features: NDArray[np.float64]  #: (candidates, features)
    periodicity: NDArray[np.float64]  #: (lags,) mean autocorrelation of the onset curve


def periods(bpm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frames per beat."""
    return np.asarray(60.0 * FRAME_RATE / bpm)


def find_pulse(onsets: list[Curve], low: float, high: float) -> Pulse:
    """Candidates between ``low`` and ``high`` BPM; ``onsets``: normalised curves: all, low, middle, high bands."""
    means = [a.mean(axis=0) if len(a) else np.zeros(1) for a in map(windowed_autocorrelation, onsets)]
    bpm = _candidates(means[0], low, high)
    start = max(0, (len(onsets[0]) - _EXCERPT) // 2)
    excerpts = [curve[start : start + _EXCERPT] for curve in onsets]
    features = [_features(float(candidate), means, excerpts) for candidate in bpm]
    return Pulse(bpm, np.array(features).reshape(len(bpm), -1), means[0])


def _candidates(mean: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    strength = comb(mean, periods(_GRID)) * np.exp(-0.5 * np.log2(_GRID / 120.0) ** 2)
    peaks = np.flatnonzero((strength[1:-1] > strength[:-2]) & (strength[1:-1] >= strength[2:])) + 1
    peaks = peaks[np.argsort(-strength[peaks], kind="stable")][:5]
    wanted = [*_GRID[peaks], *(bpm * factor for bpm in _GRID[peaks[:2]] for factor in _RELATIVES)]
    chosen: list[float] = []
    for bpm in wanted:
        if low <= bpm <= high and all(abs(bpm / other - 1) > _SPACING for other in chosen):
            chosen.append(float(bpm))
    return np.array(chosen)


def _features(bpm: float, means: list[NDArray[np.float64]], excerpts: list[Curve]) -> list[float]:
    period = 60.0 * FRAME_RATE / bpm
    octave = np.log2(bpm / 110.0)
    row = [octave, octave**2]
    for mean in means:
        row += at_lags(mean, period * np.array(_MULTIPLES)).tolist()
    row += comb(means[0], np.array([period])).tolist()
    beats = track_beats(excerpts[0], np.array([period]), len(excerpts[0]) + 1)
    for curve in (excerpts[0], excerpts[1], excerpts[3]):
        row += _strengths(curve, beats)
    steadiness = float(np.std(np.diff(beats)) / period) if len(beats) > 2 else 1.0
    return [*row, steadiness]


def _strengths(curve: Curve, beats: NDArray[np.float64]) -> list[float]:
    """Onset strength at the beats, half, quarter and third ways between, and from beat to beat, against its mean."""
    if len(beats) < 4:
        return [0.0] * 5
    unit = float(curve.mean()) + 0.05
    step = np.diff(beats)
    places = [beats]
    for parts in ((0.5,), (0.25, 0.75), (1 / 3, 2 / 3)):
        places.append(np.concatenate([beats[:-1] + part * step for part in parts]))
    values = [at_frames(curve, place) / unit for place in places]
    alternation = abs(float(values[0][::2].mean() - values[0][1::2].mean()))
    return [*(float(value.mean()) for value in values), alternation]


def local_periods(onset: Curve, bpm: float, span: int) -> NDArray[np.float64]:
    """Frames per beat for each run of ``span`` frames: near ``bpm``, but following a tempo that drifts."""
    runs, windows = max(1, -(-len(onset) // span)), count_windows(onset)
    if windows < 3:
        return periods(np.full(runs, bpm))
    near = bpm * 2.0 ** np.linspace(-0.33, 0.33, 67)
    prior = np.exp(-0.5 * (np.log2(near / bpm) / 0.08) ** 2)
    edges = np.linspace(0, windows, runs + 1).astype(int)
    local = []
    for low, high in pairwise(edges.tolist()):
        mean = windowed_autocorrelation(onset, low, max(high, low + 1)).mean(axis=0)
        local.append(near[int(np.argmax(np.maximum(comb(mean, periods(near)), 0.01) * prior))])
    return periods(np.array(local))
