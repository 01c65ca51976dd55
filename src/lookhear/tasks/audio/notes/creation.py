"""From posteriorgrams to notes.

Aim: notes with start, end, pitch and amplitude out of two matrices (frames, pitches): how sure each pitch sounds, and how
sure it begins.
Reference: Bittner, Bosch, Rubinstein, Meseguer-Brocal, Ewert, "A Lightweight Instrument-Agnostic Model for Polyphonic
Note Transcription and Multipitch Estimation", ICASSP 2022, and the rules published with it as Basic Pitch 0.4: onsets are
also inferred from rises over two frames, scaled to the largest onset; peaks over time that reach ``onset`` begin notes,
the latest first; a note lasts until its pitch stays below ``frame`` for 11 frames, and takes the energy of its neighbours
with it. What is left (the "melodia trick" of Salamon and Gómez, 2012) makes notes around its maxima, the highest first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookhear.media.forms import FloatArray
from lookhear.tasks.audio.notes.energy import Energy

_RISE = 2  # frames


@dataclass(frozen=True)
class Rules:
    """``onset`` and ``frame``: thresholds above 0, at most 1. ``longer``: a note has more frames than that.

    ``lowest`` up to, not including, ``highest``: the columns that may sound.
    """

    onset: float = 0.5
    frame: float = 0.3
    longer: int = 11
    melodia: bool = True
    lowest: int = 0
    highest: int = 88


@dataclass(frozen=True, slots=True)
class Event:
    """From frame ``start`` up to, not including, ``end``; ``pitch`` is a column; ``amplitude`` 0..1."""

    start: int
    end: int
    pitch: int
    amplitude: float


def rises(frames: FloatArray) -> FloatArray:
    """(n, pitches): by how much each frame is above both frames before it; 0 in the first two, which have no two."""
    grown = np.zeros_like(frames)
    if len(frames) > _RISE:
        grown[_RISE:] = frames[_RISE:] - np.maximum(frames[1:-1], frames[:-2])
    return np.maximum(grown, 0, out=grown)


def starts(onsets: FloatArray, risen: FloatArray, scale: float, threshold: float) -> NDArray[np.intp]:
    """(k, 2) frame and column where the greater of onset and scaled rise peaks over time, at ``threshold`` or above."""
    sure = np.maximum(onsets, scale * risen)
    if len(sure) < 3:
        return np.zeros((0, 2), np.intp)
    middle = sure[1:-1]
    peaks = (middle >= threshold) & (middle > sure[:-2]) & (middle > sure[2:])
    return np.argwhere(peaks) + (1, 0)


def find(
    frames: FloatArray, begins: NDArray[np.intp], rules: Rules, taken: NDArray[np.bool_] | None = None
) -> list[Event]:
    """The notes in ``frames``, those that begin with an onset first. What is ``taken`` belongs to notes found before."""
    if not frames.size:
        return []
    sounding = frames >= rules.frame
    energy = Energy(sounding if taken is None else sounding & ~taken)
    events = []
    for start, pitch in begins[::-1].tolist():
        end, _ = energy.forward(pitch, start + 1)
        if start < len(frames) - 1 and end - start > rules.longer:
            energy.take(pitch, start, end)
            events.append(_event(frames, start, end, pitch))
    return events + _around_maxima(frames, energy, rules) if rules.melodia else events


def _around_maxima(frames: FloatArray, energy: Energy, rules: Rules) -> list[Event]:
    events = []
    places = np.flatnonzero(energy.left() & (frames > rules.frame))
    order = places[np.argsort(-frames.reshape(-1)[places], kind="stable")]
    for place in order.tolist():
        middle, pitch = divmod(place, frames.shape[1])
        if not energy.at(middle, pitch):
            continue
        energy.drop(middle, pitch)
        after, reached = energy.forward(pitch, middle + 1)
        energy.take(pitch, middle + 1, reached)
        start, reached = energy.backward(pitch, middle)
        energy.take(pitch, reached, middle)
        if after - 1 - start > rules.longer:  # the published rule leaves out the last frame
            events.append(_event(frames, start, after - 1, pitch))
    return events


def _event(frames: FloatArray, start: int, end: int, pitch: int) -> Event:
    return Event(start, end, pitch, float(frames[start:end, pitch].mean(dtype=np.float64)))
