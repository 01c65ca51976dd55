"""Transitions of a whole film, found while it runs by.

Frames are looked at in stretches of 256, each with what lies 128 frames before and after it; the stretches lie where they
lie whatever runs the frames come in, so the answer is the same for runs of any size.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.cuts import cut_candidates, flashes
from lookhear.dsp.fades import Traces, figures, flat_stretches
from lookhear.dsp.fitted import scores
from lookhear.dsp.gradual import gradual_candidates
from lookhear.dsp.shots import Signals

MARGIN = 128  #: frames that must be known on either side of where transitions are looked for
_STRETCH = 256
_LEAST = 0.05  # candidates less likely than this are forgotten
_GRADUAL = ("dissolve", "wipe")
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


class TransitionFinder:
    """``add`` the signals of successive runs of frames; ``finish`` gives what was found."""

    def __init__(self) -> None:
        self._parts: list[Signals] = []
        self._first = 0  # frame with which the parts begin
        self._known = 0
        self._next = 0  # frame with which the next stretch begins
        self._transitions: list[Transition] = []
        self._flashes: list[int] = []
        self._traces: list[Traces] = []

    def add(self, signals: Signals) -> None:
        """The next frames."""
        self._parts.append(signals)
        self._traces.append(Traces.of(signals))
        self._known += len(signals)
        while self._known >= self._next + _STRETCH + MARGIN:
            self._look()

    def finish(self) -> Found:
        """What is left, and the fades; transitions that overlap are settled in favour of the likelier."""
        while self._next < self._known:
            self._look()
        if not self._known:
            return Found((), ())
        fades, dark = _fades(Traces.joined(self._traces), self._flashes)
        likeliest = sorted([*fades, *self._transitions], key=lambda one: -one.probability)
        return Found(tuple(_apart(likeliest, dark)), tuple(self._flashes))

    def _look(self) -> None:
        known = joined(self._parts)
        start, end = self._next, min(self._next + _STRETCH, self._known)
        low = start - self._first
        track = _piece(known, 0, min(len(known), low + _STRETCH + MARGIN))
        frames, rows = cut_candidates(track, low, low + _STRETCH)
        for frame, chance in zip((frames + self._first).tolist(), _chances("cut", rows).tolist(), strict=True):
            if chance >= _LEAST:
                self._transitions.append(Transition("cut", frame, frame, chance))
        spans, rows = gradual_candidates(track, low, low + _STRETCH)
        both = np.stack([_chances(kind, rows, -_RARER) for kind in _GRADUAL])
        for (first, last), which, chance in zip(
            (spans + self._first).tolist(), both.argmax(axis=0).tolist(), both.max(axis=0).tolist(), strict=True
        ):
            if chance >= _LEAST:
                self._transitions.append(Transition(_GRADUAL[which], first, last, chance))
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


def _fades(traces: Traces, flashed: Iterable[int]) -> tuple[list[Transition], list[tuple[int, int]]]:
    """Fades between two shots, and stretches at either end of the film in which nothing is seen."""
    bright = set(flashed)
    found, places = [], []
    for flat in flat_stretches(traces):
        if flat.last - flat.first < _LONGEST_FLASH and bright & set(range(flat.first - 2, flat.first + 4)):
            continue
        if flat.start == 0 or flat.end == len(traces.spread) - 1:
            if flat.empty:
                places.append((flat.start, flat.end))
            continue
        chance = float(_chances("fade", np.array([figures(traces, flat)]))[0])
        if chance >= _LEAST:
            found.append(Transition("fade", flat.start, flat.end, chance))
    return found, places


def _apart(likeliest: list[Transition], dark: list[tuple[int, int]]) -> list[Transition]:
    """Those that no likelier one overlaps."""
    kept: list[Transition] = []
    for one in likeliest:
        if any(low - _NEAR <= one.end and one.start <= high + _NEAR for low, high in dark):
            continue
        if all(one.end + _NEAR < other.start or other.end + _NEAR < one.start for other in kept):
            kept.append(one)
    return kept
