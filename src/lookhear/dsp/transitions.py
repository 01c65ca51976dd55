"""Transitions of a whole film, found while it runs by.

Frames are looked at in stretches of 512, each with what lies 128 frames before and after it; the stretches lie where they
lie whatever runs the frames come in, so the answer is the same for runs of any size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.cuts import cut_candidates, flashes
from lookhear.dsp.fades import figures, flat_stretches
from lookhear.dsp.fitted import scores
from lookhear.dsp.gradual import gradual_candidates
from lookhear.dsp.growing import Growing
from lookhear.dsp.shots import Signals
from lookhear.dsp.traces import Traces

Row = NDArray[Any]
MARGIN = 128  #: frames that must be known on either side of where transitions are looked for
_STRETCH = 512
_LEAST = 0.05  # candidates less likely than this are forgotten
_KINDS = ("cut", "dissolve", "wipe", "fade")
_GRADUAL, _FADE = _KINDS[1:3], 3
# of the odds: in the films that weights are fitted on, a quarter of the transitions are of these kinds
_RARER = float(np.log(4))
_NEAR = 2  # frames between transitions that are one
_LONGEST_FLASH = 6


@dataclass(frozen=True)
class Transition:
    """Frames ``start`` to ``end`` belong to both shots; of a cut both are the first frame of the new one."""

    kind: str  #: "cut", "dissolve", "wipe" or "fade"
    start: int
    end: int
    probability: float

    @property
    def frame(self) -> int:
        """The first frame of the new shot; of gradual ones the middle."""
        return (self.start + self.end + 1) // 2


@dataclass(frozen=True)
class Found:
    """All that may be a transition, the likeliest first; and flashes, which are none."""

    transitions: tuple[Transition, ...]
    flashes: tuple[int, ...]  #: their first frames


class _Candidates:
    """All that may be transitions: 32 bytes each, for there are several a second."""

    def __init__(self) -> None:
        self._rows = Growing(np.float64)

    def add(self, kinds: Row, starts: Row, ends: Row, chances: Row) -> None:
        """Those that are likely enough; kinds count in _KINDS."""
        likely = chances >= _LEAST
        self._rows.add(np.stack([kinds, starts, ends, chances], axis=1)[likely].ravel())

    def apart(self, frames: int, dark: list[tuple[int, int]]) -> Iterator[Transition]:
        """The likeliest first, those that neither a likelier one nor a dark place overlaps, of so many frames."""
        rows = self._rows.values.reshape(-1, 4)
        taken = np.zeros(frames + _NEAR, bool)
        for first, last in dark:
            taken[first : last + 1] = True
        for index in np.argsort(-rows[:, 3], kind="stable"):
            kind, start, end, chance = rows[index].tolist()
            first, last = int(start), int(end)
            if not taken[max(0, first - _NEAR) : last + _NEAR + 1].any():
                taken[first : last + 1] = True
                yield Transition(_KINDS[int(kind)], first, last, chance)


class TransitionFinder:
    """``add`` the signals of successive runs of frames; ``finish`` gives what was found."""

    def __init__(self) -> None:
        self._parts: list[Signals] = []
        self._first = 0  # frame with which the parts begin
        self._known = 0
        self._next = 0  # frame with which the next stretch begins
        self._candidates = _Candidates()
        self._flashes: list[int] = []
        self._traces = Traces()

    def add(self, signals: Signals) -> None:
        """The next frames."""
        self._parts.append(signals)
        self._traces.add(signals)
        self._known += len(signals)
        while self._known >= self._next + _STRETCH + MARGIN:
            self._look()

    def finish(self) -> Found:
        """What is left, and the fades; transitions that overlap are settled in favour of the likelier."""
        while self._next < self._known:
            self._look()
        if not self._known:
            return Found((), ())
        fades, dark = _fades(self._traces, self._flashes)
        for start, end, chances in fades:
            self._candidates.add(np.array([_FADE]), np.array([start]), np.array([end]), chances)
        return Found(tuple(self._candidates.apart(self._known, dark)), tuple(self._flashes))

    @property
    def detail(self) -> NDArray[np.float16]:
        """Of all frames so far, as in Signals."""
        return self._traces.details

    def _look(self) -> None:
        known = joined(self._parts)
        start, end = self._next, min(self._next + _STRETCH, self._known)
        low = start - self._first
        track = _piece(known, 0, min(len(known), low + _STRETCH + MARGIN))
        frames, rows = cut_candidates(track, low, low + _STRETCH)
        self._candidates.add(np.zeros(len(frames)), frames + self._first, frames + self._first, _chances("cut", rows))
        spans, rows = gradual_candidates(track, low, low + _STRETCH)
        both = np.stack([_chances(kind, rows, -_RARER) for kind in _GRADUAL])
        starts, ends = (spans + self._first).T
        self._candidates.add(both.argmax(axis=0) + 1, starts, ends, both.max(axis=0))
        self._flashes += [at + self._first for at in flashes(track, _LONGEST_FLASH) if low <= at < low + _STRETCH]
        self._next = end
        keep = max(0, self._next - MARGIN)
        self._parts = [_piece(known, keep - self._first, None)]
        self._first = keep


def _chances(choice: str, rows: NDArray[np.float64], more: float = 0.0) -> NDArray[np.float64]:
    if not len(rows):
        return np.zeros(0)
    return np.asarray(1 / (1 + np.exp(-np.clip(scores(choice, rows) + more, -50, 50))))


def joined(parts: list[Signals]) -> Signals:
    """Of successive runs."""
    if len(parts) == 1:
        return parts[0]
    return Signals(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Signals)))


def _piece(track: Signals, low: int, high: int | None) -> Signals:
    return Signals(*(getattr(track, field.name)[low:high] for field in fields(Signals)))


def _fades(
    traces: Traces, flashed: Iterable[int]
) -> tuple[list[tuple[int, int, NDArray[np.float64]]], list[tuple[int, int]]]:
    """(start, end, chance) of fades between two shots, and the places at either end of the film that show nothing."""
    bright = set(flashed)
    found, places = [], []
    for flat in flat_stretches(traces):
        if flat.last - flat.first < _LONGEST_FLASH and bright & set(range(flat.first - 2, flat.first + 4)):
            continue
        if flat.start == 0 or flat.end == len(traces) - 1:
            if flat.empty:
                places.append((flat.start, flat.end))
            continue
        found.append((flat.start, flat.end, _chances("fade", np.array([figures(traces, flat)]))))
    return found, places
