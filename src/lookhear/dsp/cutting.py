"""Transitions of a whole film, found while it runs by.

Frames are looked at in stretches of 256, each with what lies 128 frames before and after it; the stretches lie where they
lie whatever runs the frames come in, so the answer is the same for runs of any size.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.fitted import scores
from lookhear.dsp.shots import Signals
from lookhear.dsp.transitions import MARGIN, Transition, cut_candidates, flashes, gradual_candidates

_STRETCH = 256
_LEAST = 0.05  # candidates less likely than this are forgotten
_FLAT = 5.0  # levels: luma that spreads less shows nothing
_PLAIN = 1.5  # levels: nor does it have any edges
_NEAR = 2  # frames between transitions that are one
_LONGEST_FADE = 250  # frames on either side of the flat ones
_LONGEST_FLASH = 6


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
        self._spread: list[NDArray[np.float32]] = []
        self._detail: list[NDArray[np.float32]] = []

    def add(self, signals: Signals) -> None:
        """The next frames."""
        self._parts.append(signals)
        self._spread.append(signals.spread)
        self._detail.append(signals.detail)
        self._known += len(signals)
        while self._known >= self._next + _STRETCH + MARGIN:
            self._look()

    def finish(self) -> Found:
        """What is left, and the fades; transitions that overlap are settled in favour of the likelier."""
        while self._next < self._known:
            self._look()
        if not self._known:
            return Found((), ())
        spread, detail = np.concatenate(self._spread), np.concatenate(self._detail)
        fades, dark = _fades(spread, detail, self._flashes)
        rest = sorted(self._transitions, key=lambda one: -one.probability)
        return Found(tuple(_apart([*fades, *rest], dark)), tuple(self._flashes))

    def _look(self) -> None:
        track = _joined(self._parts)
        start, end = self._next, min(self._next + _STRETCH, self._known)
        low = start - self._first
        track = _piece(track, 0, min(len(track), low + _STRETCH + MARGIN))
        frames, rows = cut_candidates(track)
        here = (frames >= low) & (frames < low + _STRETCH)
        for frame, chance in zip(frames[here].tolist(), _chances("cut", rows[here]).tolist(), strict=True):
            if chance >= _LEAST:
                at = frame + self._first
                self._transitions.append(Transition("cut", at, at, chance))
        spans, rows, wipes = gradual_candidates(track)
        here = (spans[:, 0] >= low) & (spans[:, 0] < low + _STRETCH)
        for span, chance, wipe in zip(spans[here], _chances("gradual", rows[here]).tolist(), wipes[here], strict=True):
            if chance >= _LEAST:
                first, last = (span + self._first).tolist()
                self._transitions.append(Transition("wipe" if wipe else "dissolve", first, last, chance))
        self._flashes += [at + self._first for at in flashes(track, _LONGEST_FLASH) if low <= at < low + _STRETCH]
        self._next = end
        keep = max(0, self._next - MARGIN)
        self._parts = [_piece(_joined(self._parts), keep - self._first, None)]
        self._first = keep


def _chances(choice: str, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(rows):
        return np.zeros(0)
    return np.asarray(1 / (1 + np.exp(-np.clip(scores(choice, rows), -50, 50))))


def _joined(parts: list[Signals]) -> Signals:
    if len(parts) == 1:
        return parts[0]
    return Signals(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Signals)))


def _piece(track: Signals, low: int, high: int | None) -> Signals:
    return Signals(*(getattr(track, field.name)[low:high] for field in fields(Signals)))


def _fades(
    spread: NDArray[np.float32], detail: NDArray[np.float32], flashes: Iterable[int]
) -> tuple[list[Transition], list[tuple[int, int]]]:
    """Runs of one colour with what leads to and from them: those within the film as transitions, all as places."""
    flat = np.concatenate([[False], (spread < _FLAT) & (detail < _PLAIN), [False]])
    edges = np.flatnonzero(np.diff(flat.astype(np.int8))).reshape(-1, 2)
    bright = set(flashes)
    found, places = [], []
    for first, after in edges.tolist():
        if after - first <= _LONGEST_FLASH and bright & set(range(first - 2, first + 3)):
            continue
        start, end = _slope(spread, first, -1), _slope(spread, after - 1, 1)
        places.append((start, end))
        if start > 0 and end < len(spread) - 1:
            found.append(Transition("fade", start, end, 1.0))
    return found, places


def _slope(spread: NDArray[np.float32], frame: int, step: int) -> int:
    """The last frame from ``frame`` on, in that direction, that still gains in contrast."""
    at, end = frame, frame + step * _LONGEST_FADE
    while 0 <= at + step < len(spread) and at != end:
        ahead = float(spread[min(max(at + 3 * step, 0), len(spread) - 1)])
        if (
            spread[at + step] < spread[at] + 0.05
            or ahead > 3 * spread[at] + 30
            or spread[at + step] > 2 * spread[at] + 8
        ):
            break
        at += step
    return at


def _apart(likeliest: list[Transition], dark: list[tuple[int, int]]) -> list[Transition]:
    """Those that no likelier one overlaps."""
    kept: list[Transition] = []
    for one in likeliest:
        if one.kind != "fade" and any(low - _NEAR <= one.end and one.start <= high + _NEAR for low, high in dark):
            continue
        if all(one.end + _NEAR < other.start or other.end + _NEAR < one.start for other in kept):
            kept.append(one)
    return kept
