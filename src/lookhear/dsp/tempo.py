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
from lookhear.dsp.periodicity import at_lags, comb, count_windows, near_lags, phrases, windowed_autocorrelation

_GRID = np.exp(np.linspace(np.log(35.0), np.log(280.0), 500))  # BPM
_RELATIVES = (0.5, 2.0, 1.5, 2 / 3, 3.0, 1 / 3)
_MULTIPLES = (1.0, 2.0, 3.0, 4.0, 0.5, 1 / 3, 1.5)
_EXCERPT = round(45 * FRAME_RATE)  # frames tracked per candidate
_SPACING = 0.035
_PHRASES = (3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)  #: beats
_LOOP, _LOOP_BEATS = 0.6, (8, 4, 16, 6, 12)  #: what comes again so clearly is a whole number of bars
_SHORTEST_LOOP = round(1.0 * FRAME_RATE)

Curve = NDArray[np.float32]


@dataclass(frozen=True)
class Pulse:
    """What the choice of a tempo is made from."""

    bpm: NDArray[np.float64]  #: (candidates,)
    features: NDArray[np.float64]  #: (candidates, features)
    periodicity: NDArray[np.float64]  #: (lags,) mean autocorrelation of the onset curve
    repetition: float  #: autocorrelation at the phrase of a second or more that comes again most exactly


def periods(bpm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frames per beat."""
    return np.asarray(60.0 * FRAME_RATE / bpm)


def find_pulse(onsets: list[Curve], low: float, high: float) -> Pulse:
    """Candidates between ``low`` and ``high`` BPM; ``onsets``: normalised curves: all, low, middle, high bands."""
    means = [a.mean(axis=0) if len(a) else np.zeros(1) for a in map(windowed_autocorrelation, onsets)]
    phrase = phrases(onsets[0])
    bpm = _candidates(means[0], phrase, low, high)
    start = max(0, (len(onsets[0]) - _EXCERPT) // 2)
    excerpts = [curve[start : start + _EXCERPT] for curve in onsets]
    features = [_features(float(candidate), means, phrase, excerpts) for candidate in bpm]
    _, repetition = _repeated(phrase)
    return Pulse(bpm, np.array(features).reshape(len(bpm), -1), means[0], repetition)


def _repeated(phrase: NDArray[np.float64]) -> tuple[int, float]:
    """Frames after which the music comes again most exactly, and how exactly."""
    if len(phrase) <= _SHORTEST_LOOP:
        return 0, 0.0
    at = _SHORTEST_LOOP + int(np.argmax(phrase[_SHORTEST_LOOP:]))
    return at, float(phrase[at])


def _candidates(mean: NDArray[np.float64], phrase: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    strength = comb(mean, periods(_GRID)) * np.exp(-0.5 * np.log2(_GRID / 120.0) ** 2)
    peaks = np.flatnonzero((strength[1:-1] > strength[:-2]) & (strength[1:-1] >= strength[2:])) + 1
    peaks = peaks[np.argsort(-strength[peaks], kind="stable")][:5]
    wanted: list[float] = [*_GRID[peaks], *(bpm * factor for bpm in _GRID[peaks[:2]] for factor in _RELATIVES)]
    loop, repetition = _repeated(phrase)
    if repetition > _LOOP:
        wanted += [60.0 * FRAME_RATE * beats / loop for beats in _LOOP_BEATS]
    chosen: list[float] = []
    for bpm in wanted:
        if low <= bpm <= high and all(abs(bpm / other - 1) > _SPACING for other in chosen):
            chosen.append(float(bpm))
    return np.array(chosen)


def _features(
    bpm: float, means: list[NDArray[np.float64]], phrase: NDArray[np.float64], excerpts: list[Curve]
) -> list[float]:
    period = 60.0 * FRAME_RATE / bpm
    octave = np.log2(bpm / 110.0)
    row = [octave, octave**2]
    for mean in means:
        row += at_lags(mean, period * np.array(_MULTIPLES)).tolist()
    row += comb(means[0], np.array([period])).tolist()
    row += near_lags(phrase, period * np.array(_PHRASES)).tolist()
    row += _whole_bars(phrase, period)
    beats = track_beats(excerpts[0], np.array([period]), len(excerpts[0]) + 1)
    for curve in (excerpts[0], excerpts[1], excerpts[3]):
        row += _strengths(curve, beats)
    steadiness = float(np.std(np.diff(beats)) / period) if len(beats) > 2 else 1.0
    return [*row, steadiness]


def _whole_bars(phrase: NDArray[np.float64], period: float) -> list[float]:
    """How exactly the music comes again after 2, 4, 8, 16, and after 3, 6, 12, 24 beats, if that is where it does most."""
    loop, repetition = _repeated(phrase)
    found = []
    for beats in ((2, 4, 8, 16), (3, 6, 12, 24)):
        fits = any(abs(loop / (period * count) - 1) < 0.015 for count in beats)
        found.append(max(0.0, repetition - 0.4) if fits else 0.0)
    return found


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
