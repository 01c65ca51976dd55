"""Harmonic pitch class profiles over a stream (Gómez, 2006), tuned to the recording.

Spectral peaks, refined by a parabola over the log spectrum, vote for their own pitch class and, weaker, for those of
which they would be a harmonic. The tuning is the circular mean of the peaks' places between the semitones; it is found
on the first half minute and then kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.grid import FRAME_RATE, N_FFT, SAMPLE_RATE

SEGMENT = 8  #: frames in a profile, 0.19 s
SEGMENT_RATE = FRAME_RATE / SEGMENT
_STEPS = 10  #: fine bins per semitone
_BINS = 12 * _STEPS
_LOW, _HIGH = 8, 330  #: spectrum bins searched, 86 .. 3550 Hz
_BASS = 262.0  #: Hz, below which peaks also count as bass
_HEAD = round(30 * SEGMENT_RATE)
_MOST = 10_000  #: segments kept of the whole, spread evenly: half an hour of them
_HARMONICS = ((1, 1.0), (3, 0.35), (5, 0.2))  # octaves fall on the same class


class PitchClasses:
    """Running profiles, (segments, 24): 12 of all peaks, 12 of the bass. ``add`` power frames; ``head`` has all of the
    first ``judged`` frames, ``spread`` is evenly spread over the recording."""

    def __init__(self, judged: int) -> None:
        self._judged = judged // SEGMENT + 1
        self._carry: list[NDArray[np.float32]] = []
        self._carried = 0
        self._untuned: list[NDArray[np.float32]] = []
        self._first: list[NDArray[np.float16]] = []
        self._spread: list[NDArray[np.float16]] = []
        self._segments, self._spread_count, self._stride = 0, 0, 1
        self._circle = 0j
        self._weight = 0.0
        self._tuning: float | None = None

    def add(self, power: NDArray[np.float32]) -> None:
        """Take (frames, 1025) power."""
        self._carry.append(power[:, _LOW - 1 : _HIGH + 1])
        self._carried += len(power)
        whole = self._carried // SEGMENT * SEGMENT
        if whole:
            rows = np.concatenate(self._carry)
            self._carry = [rows[whole:].copy()]
            self._carried -= whole
            self._take(rows[:whole])

    def _take(self, rows: NDArray[np.float32]) -> None:
        fine = self._profiles(rows)
        if self._tuning is None:
            self._untuned.append(fine)
            if sum(map(len, self._untuned)) >= _HEAD:
                self._settle()
        else:
            self._keep(_fold(fine, self._tuning))

    def _settle(self) -> None:
        self._tuning = self.tuning or 0.0
        for fine in self._untuned:
            self._keep(_fold(fine, self._tuning))
        self._untuned.clear()

    def _keep(self, rows: NDArray[np.float16]) -> None:
        """All rows of the head; of the whole every one, every other one, every fourth one, so that they stay few."""
        if self._segments < self._judged:
            self._first.append(rows)
        kept = rows[-self._segments % self._stride :: self._stride].copy()
        self._segments += len(rows)
        self._spread.append(kept)
        self._spread_count += len(kept)
        while self._spread_count > _MOST:
            self._spread = [np.concatenate(self._spread)[::2].copy()]
            self._spread_count = len(self._spread[0])
            self._stride *= 2

    def _profiles(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """(segments, 2 * 120) fine profiles, and the votes for the tuning."""
        frame, pitch, weight = _peaks(rows)
        segments = len(rows) // SEGMENT
        strong = weight * weight
        if self._tuning is None:
            self._circle += complex(np.sum(strong * np.exp(2j * np.pi * pitch)))
            self._weight += float(strong.sum())
        profile = np.zeros((2, segments * _BINS))
        segment = frame // SEGMENT
        for harmonic, share in _HARMONICS:
            place = pitch - 12 * np.log2(harmonic)
            profile[0] += _votes(segment, place, weight * share, segments)
        bass = pitch < 12 * np.log2(_BASS / 440.0) + 69
        profile[1] = _votes(segment[bass], pitch[bass], weight[bass], segments)
        return np.concatenate([part.reshape(segments, _BINS) for part in profile], axis=1).astype(np.float32)

    @property
    def tuning(self) -> float | None:
        """Semitones sharp (+) or flat (-) of A440, [-0.5, 0.5); None without peaks."""
        if not self._weight:
            return None
        return float(np.angle(self._circle) / (2 * np.pi))

    @property
    def tuning_clarity(self) -> float:
        """0 (peaks anywhere between semitones) .. 1 (all at one place)."""
        return abs(self._circle) / self._weight if self._weight else 0.0

    @property
    def head(self) -> NDArray[np.float32]:
        """(segments, 24) of the first ``judged`` frames, C first."""
        return self._joined(self._first)[: self._judged]

    @property
    def spread(self) -> NDArray[np.float32]:
        """(segments, 24), evenly spread over the recording."""
        return self._joined(self._spread)

    def _joined(self, done: list[NDArray[np.float16]]) -> NDArray[np.float32]:
        tuning = self._tuning if self._tuning is not None else self.tuning or 0.0
        parts = [*done, *(_fold(fine, tuning) for fine in self._untuned)]
        return (np.concatenate(parts) if parts else np.zeros((0, 24), np.float16)).astype(np.float32)


def _peaks(rows: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Frame, MIDI pitch and weight (0..1, compressed against the frame's strongest) of each spectral peak."""
    centre = rows[:, 1:-1]
    top = centre.max(axis=1, keepdims=True)
    found = centre > np.maximum(1e-4 * top, np.where(top > 1e-7, 0.0, np.inf))
    found &= centre > rows[:, :-2]
    found &= centre >= rows[:, 2:]
    frame, column = np.divmod(np.flatnonzero(found), centre.shape[1])
    place = frame * rows.shape[1] + column
    heights = [np.take(rows, place + step).astype(np.float64) for step in range(3)]
    left, at, right = (np.log(np.maximum(height, 1e-20)) for height in heights)
    shift = 0.5 * (left - right) / np.minimum(left - 2 * at + right, -1e-9)
    frequency = (column + _LOW + np.clip(shift, -0.5, 0.5)) * (SAMPLE_RATE / N_FFT)
    weight = np.sqrt(np.sqrt(heights[1] / top[frame, 0]))
    return frame, 12 * np.log2(frequency / 440.0) + 69, weight


def _votes(
    segment: NDArray[np.int64], pitch: NDArray[np.float64], weight: NDArray[np.float64], segments: int
) -> NDArray[np.float64]:
    fine = np.floor(pitch * _STEPS + 0.5).astype(np.int64) % _BINS
    return np.bincount(segment * _BINS + fine, weights=weight, minlength=segments * _BINS).astype(np.float64)


def _fold(fine: NDArray[np.float32], tuning: float) -> NDArray[np.float16]:
    """(segments, 24) from fine profiles: a raised cosine over each tuned semitone, scaled by the strongest."""
    at = (np.arange(_BINS) / _STEPS - tuning)[:, None] - np.arange(12)[None, :]
    distance = np.abs((at + 6) % 12 - 6)
    window = np.where(distance < 0.8, np.cos(distance / 0.8 * np.pi / 2) ** 2, 0.0).astype(np.float32)
    folded = np.concatenate([fine[:, :_BINS] @ window, fine[:, _BINS:] @ window], axis=1)
    return np.asarray(folded / SEGMENT, np.float16)
