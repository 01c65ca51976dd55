"""Beat tracking by dynamic programming (Ellis, "Beat Tracking by Dynamic Programming", JNMR 2007).

A beat costs what its distance from the last one differs from the period, on a logarithmic scale, and earns the onset
strength it falls on. A beat cannot depend on frames nearer than the shortest interval, so the recurrence is solved for a
whole run of frames at once.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

_TIGHTNESS = 100.0
_SHORTEST, _LONGEST = 0.7, 1.4  #: of the period
#: The flux of a frame stands for a rise a little before the frame's centre; median over rendered music, s.
LATENCY = 0.005

Frames = NDArray[np.float64]


def track_beats(onset: NDArray[np.float32], periods: NDArray[np.float64], span: int) -> Frames:
    """Beats in frames, between frames where the peak lies there.

    ``onset``: normalised strength. ``periods``: frames per beat, one for each run of ``span`` frames.
    """
    if len(onset) < 8:
        return np.zeros(0)
    reach = int(np.ceil(periods.max() * _LONGEST)) + 1
    score = np.zeros(reach)  # of the latest frames: no beat looks further back
    back = np.zeros(len(onset), np.int16)
    for run, start in enumerate(range(0, len(onset), span)):
        part = onset[start : start + span]
        score = np.concatenate([score[-reach:], np.zeros(len(part))])
        _advance(part, score, back[start : start + span], start, float(periods[min(run, len(periods) - 1)]))
    beats = _trace(score[-min(len(onset), int(periods[-1]) + 1) :], back)
    return _between(_trimmed(beats, onset), onset)


def _advance(
    onset: NDArray[np.float32], score: NDArray[np.float64], back: NDArray[np.int16], start: int, period: float
) -> None:
    """Extend the best scores over the frames of ``onset``, of which the first is number ``start``. ``score`` ends with
    theirs; ``back`` becomes the distance to the beat before, or 0."""
    reach = len(score) - len(onset)
    shortest, longest = max(1, round(period * _SHORTEST)), round(period * _LONGEST) + 1
    intervals = np.arange(longest - 1, shortest - 1, -1)
    cost = -_TIGHTNESS * np.log(intervals / period) ** 2
    rows = np.arange(shortest)
    places = rows[:, None] - intervals[None, :]
    for at in range(0, len(onset), shortest):
        end = min(at + shortest, len(onset))
        run = end - at
        choices = score[places[:run] + (at + reach)] + cost
        best = choices.argmax(axis=1)
        gain = choices[rows[:run], best]
        score[at + reach : end + reach] = onset[at:end] + np.maximum(gain, 0)
        inside = rows[:run] + start + at >= intervals[best]
        back[at:end] = np.where((gain > 0) & inside, intervals[best], 0)


def _trace(tail: NDArray[np.float64], back: NDArray[np.int16]) -> NDArray[np.int64]:
    """From the best of the last scores back to the first beat."""
    frame = len(back) - len(tail) + int(np.argmax(tail))
    beats = array("q", [frame])
    while back[frame]:
        frame -= int(back[frame])
        beats.append(frame)
    return np.array(beats[::-1], np.int64)


def _trimmed(beats: NDArray[np.int64], onset: NDArray[np.float32]) -> NDArray[np.int64]:
    """Without the beats before the music begins and after it ends."""
    strength = at_frames(onset, beats)
    smooth = np.convolve(strength, (0.25, 0.5, 0.25), "same") if len(strength) > 2 else strength
    heard = np.flatnonzero(smooth > 0.5 * np.sqrt(np.mean(strength**2)))
    return beats[heard[0] : heard[-1] + 1] if len(heard) else beats[:0]


def _between(beats: NDArray[np.int64], onset: NDArray[np.float32]) -> Frames:
    """Refine by the parabola through the peak and its neighbours."""
    inner = np.clip(beats, 1, len(onset) - 2)
    left, peak, right = (onset[inner + k].astype(np.float64) for k in (-1, 0, 1))
    bend = left - 2 * peak + right
    shift = np.where(bend < -1e-9, 0.5 * (left - right) / np.minimum(bend, -1e-9), 0.0)
    return np.asarray(
        beats + np.where((beats == inner) & (peak >= left) & (peak >= right), np.clip(shift, -0.5, 0.5), 0.0)
    )


def at_frames(onset: NDArray[np.float32], frames: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.float32]:
    """The strongest onset within a frame of each place."""
    if not len(frames) or not len(onset):
        return np.zeros(len(frames), np.float32)
    near = np.clip(np.round(frames).astype(np.int64), 0, len(onset) - 1)
    last = len(onset) - 1
    around = (onset[np.maximum(near - 1, 0)], onset[near], onset[np.minimum(near + 1, last)])
    return np.asarray(np.maximum(np.maximum(around[0], around[1]), around[2]))
