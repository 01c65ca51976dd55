"""Notes of a recording of any length, out of posteriorgrams that come in pieces.

Up to ``SPAN`` frames (3.2 minutes) are looked at as a whole, by the published rules to the letter. A longer recording is
looked at in spans: notes that begin before a quiet frame of a span's second half are kept, with what of them lies behind
it; the next span begins there. Onsets inferred from rises are scaled by the maxima so far.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookhear.media.forms import FloatArray
from lookhear.tasks.audio.notes.bends import bends
from lookhear.tasks.audio.notes.creation import Event, Rules, find, rises, starts
from lookhear.tasks.audio.notes.energy import TOLERANCE

SPAN = 1 << 14
_AHEAD = 8  # a span's last part of so many is only for notes to reach into, 24 s
_BEFORE = 4  # frames that rises and peaks after the quiet one look back at
Found = tuple[Event, tuple[int, ...] | None]  #: a note, and its bends where they are wanted


class NoteStream:
    """Takes matrices of consecutive frames; gives notes with frames counted from the beginning."""

    def __init__(self, rules: Rules, span: int = SPAN) -> None:
        self._rules, self._span = rules, span
        self._first = 0  # frame that the kept ones begin with
        self._pieces: list[tuple[FloatArray, ...]] = []
        self._taken: NDArray[np.bool_] | None = None
        self._count = 0
        self._onset = self._rise = 0.0  # maxima so far

    def add(self, frames: FloatArray, onsets: FloatArray, contours: FloatArray | None = None) -> list[Found]:
        """(n, pitches) twice, and (n, 3 * 88) where bends are wanted: the notes that are certain by now."""
        keys = slice(self._rules.lowest, max(self._rules.lowest, self._rules.highest))
        pair = frames[:, keys], onsets[:, keys]
        self._pieces.append(pair if contours is None else (*pair, contours))
        self._count += len(frames)
        return self._notes() if self._count >= self._span else []

    def finish(self) -> list[Found]:
        """The rest."""
        return self._notes(last=True) if self._count else []

    def _notes(self, last: bool = False) -> list[Found]:
        frames, onsets, *contours = (np.concatenate(parts) for parts in zip(*self._pieces, strict=True))
        risen = rises(frames)
        known = _BEFORE if self._taken is not None else 0  # whose rises and peaks an earlier span has seen
        self._onset = max(self._onset, float(onsets.max(initial=0.0)))
        self._rise = max(self._rise, float(risen[known:].max(initial=0.0)))
        scale = self._onset / self._rise if self._rise else 0.0
        begins = starts(onsets, risen, scale, self._rules.onset)
        taken = np.zeros(frames.shape, np.bool_)
        if self._taken is not None:
            taken[: len(self._taken)] = self._taken
        events = find(frames, begins[begins[:, 0] >= known], self._rules, taken)
        if last:
            self._pieces, self._count = [], 0
            return self._placed(events, contours)
        cut = _quiet(frames, self._rules.frame, self._span)
        events = [event for event in events if event.start < cut]
        found = self._placed(events, contours)
        self._keep(cut - _BEFORE, taken, events, (frames, onsets, *contours))
        return found

    def _placed(self, events: list[Event], contours: Sequence[FloatArray]) -> list[Found]:
        placed: list[Found] = []
        for event in events:
            pitch = event.pitch + self._rules.lowest
            moves = bends(contours[0][event.start : event.end], pitch) if contours else None
            placed.append((Event(event.start + self._first, event.end + self._first, pitch, event.amplitude), moves))
        return placed

    def _keep(self, first: int, taken: NDArray[np.bool_], events: list[Event], parts: tuple[FloatArray, ...]) -> None:
        """What lies behind the cut, less what notes before it took."""
        taken[: first + _BEFORE] = True
        for event in events:
            taken[event.start : event.end, max(0, event.pitch - 1) : event.pitch + 2] = True
        self._taken = taken[first:].copy()
        self._pieces = [tuple(part[first:].copy() for part in parts)]
        self._count -= first
        self._first += first


def _quiet(frames: FloatArray, threshold: float, span: int) -> int:
    """The frame in the second half, well before the end, around which least sounds; the first of equals."""
    low, high = span // 2, len(frames) - span // _AHEAD
    energy = np.where(frames >= threshold, frames, 0).sum(axis=1, dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(energy)])
    at = np.arange(low, high)
    around = sums[at + TOLERANCE] - sums[at - TOLERANCE]
    return low + int(np.argmin(np.round(around, 6)))
