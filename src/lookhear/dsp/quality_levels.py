"""The course of the level over a stream: silence, dropouts, and a histogram from which a noise floor can be read.

Frames of 10 ms; their level is the RMS over all channels in dBFS (full scale = amplitude 1, so a full-scale sine has
-3 dB). It keeps counts and a bounded list of events, no curve.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.quality_units import FloatArray, HopEnergy

SILENT = -60.0  #: dBFS: a frame below it is silence
_LOUD = -40.0  # dBFS: a gap between frames above it is a dropout
_LOWEST, _STEP = -150.0, 0.25  # dB: the histogram
_BINS = 700
_EMPTY = -120.0  # dBFS: digital silence
_LONGEST_DROPOUT = 50  # frames
MOST_EVENTS = 100  #: kept of each kind; all are counted

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Span:
    """A stretch of time in s."""

    start: float
    end: float


@dataclass
class Events:
    """Stretches of time: all counted, the first ones kept, near ones joined."""

    join: float  #: s
    count: int = 0
    kept: list[Span] = field(default_factory=list)

    def add(self, start: float, end: float, count: int = 1) -> None:
        """One more, or ``count`` that lie close together."""
        self.count += count
        if self.kept and start - self.kept[-1].end <= self.join:
            self.kept[-1] = Span(self.kept[-1].start, max(end, self.kept[-1].end))
        elif len(self.kept) < MOST_EVENTS:
            self.kept.append(Span(start, end))


class Levels:
    """Running course of the level."""

    def __init__(self, rate: int, channels: int) -> None:
        self._energy = HopEnergy(channels, max(1, rate // 100))
        self.seconds_per_frame = max(1, rate // 100) / rate
        self.energies = np.zeros(channels)  #: (channels,) sums of squares
        self.frames = 0
        self.silent_frames = 0
        self.leading: int | None = None  #: silent frames before the first sound; None while there is none
        self.longest = 0  #: silent frames in a row
        self._run = 0
        self._last = -np.inf  # level of the last frame that was not digital silence
        self._gap = 0  # frames of digital silence since
        self.dropouts = Events(join=0.0)
        self._counts = np.zeros(_BINS, np.int64)

    def add(self, x: FloatArray) -> None:
        """Take (channels, n) samples."""
        hops = self._energy.add(x)
        if not len(hops):
            return
        self.energies += hops.sum(axis=0)
        power = hops.sum(axis=1) / (self._energy.hop * hops.shape[1])
        levels = 10 * np.log10(np.maximum(power, 1e-20))
        self._counts += np.bincount(np.clip((levels - _LOWEST) / _STEP, 0, _BINS - 1).astype(np.intp), minlength=_BINS)
        self._follow_silence(levels < SILENT)
        self._follow_gaps(levels)
        self.frames += len(levels)

    def _follow_silence(self, silent: NDArray[np.bool_]) -> None:
        count = int(np.count_nonzero(silent))
        self.silent_frames += count
        if not count:
            self._end_run()
            return
        edges = np.flatnonzero(np.diff(silent.astype(np.int8), prepend=np.int8(0), append=np.int8(0)))
        for start, end in edges.reshape(-1, 2).tolist():
            if start:
                self._end_run()
            self._run += end - start
            if end < len(silent):
                self._end_run()
        if not silent[-1]:
            self._end_run()

    def _end_run(self) -> None:
        if self.leading is None:
            self.leading = self._run
        self.longest = max(self.longest, self._run)
        self._run = 0

    @property
    def trailing(self) -> int:
        """Silent frames since the last sound."""
        return self._run

    def _follow_gaps(self, levels: Doubles) -> None:
        """A dropout: at most half a second of digital silence, with sound right before and after it."""
        empty = levels < _EMPTY
        if not empty.any():
            if self._gap:
                self._close_gap(0, float(levels[0]))
            self._last = float(levels[-1])
            return
        for i, level in enumerate(levels.tolist()):
            if level < _EMPTY:
                self._gap += 1
            else:
                if self._gap:
                    self._close_gap(i, level)
                self._last = level

    def _close_gap(self, i: int, level: float) -> None:
        if min(self._last, level) > _LOUD and self._gap <= _LONGEST_DROPOUT:
            end = self.frames + i
            self.dropouts.add((end - self._gap) * self.seconds_per_frame, end * self.seconds_per_frame)
        self._gap = 0

    def finish(self) -> None:
        """Count the unfinished frame into the energies."""
        self.energies += self._energy.partial
        self.longest = max(self.longest, self._run)

    def percentile(self, share: float) -> float | None:
        """Level in dBFS which ``share`` of the frames do not reach; digital silence left out. None when all is that."""
        counts = self._counts.copy()
        counts[: int((_EMPTY - _LOWEST) / _STEP)] = 0
        total = int(counts.sum())
        if not total:
            return None
        place = int(np.searchsorted(np.cumsum(counts), share * total, side="left"))
        return _LOWEST + (place + 0.5) * _STEP
