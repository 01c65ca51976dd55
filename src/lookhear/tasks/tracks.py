"""The same thing on successive frames of a film is one track.

Greedy: of all pairs of a track and a box of the same label, those that overlap most go together, as in Bochinski et al.,
"High-Speed Tracking-by-Detection Without Using Image Information", AVSS 2017. A box that overlaps none continues the
nearest track whose box is of its size and lies no farther off than the longer side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookhear.dsp.boxes import iou
from lookhear.media.forms import FloatArray
from lookhear.tasks.detections import BoundingBox, Detected, bounding

_OVERLAP = 0.2
_REACH = 1.0  # longer sides of the box
_SIZES = 2.0  # how much longer one side may have become


@dataclass(frozen=True)
class Track:
    """One thing from when it is first seen until it no longer is; ``end`` and ``start`` in s of the film."""

    track: int
    label: str
    start: float
    end: float
    sightings: int  #: frames that show it
    confidence: float  #: of the surest of them
    frame: int  #: that one
    time: float  #: s
    bbox: BoundingBox  #: there


@dataclass
class _Open:
    number: int
    kind: int
    box: FloatArray
    start: float
    end: float = 0.0
    missed: int = 0
    count: int = 0
    score: float = 0.0
    frame: int = 0
    time: float = 0.0
    best: FloatArray | None = None


class Tracker:
    """Takes frame by frame what was detected, and numbers it. What two frames in a row lack has ended."""

    def __init__(self, labels: tuple[str, ...], patience: int = 1) -> None:
        self._labels = labels
        self._patience = patience
        self._open: list[_Open] = []
        self._closed: list[_Open] = []
        self._count = 0

    def add(self, frame: int, time: float, found: Detected) -> list[int]:
        """The number of the track of each box."""
        kinds = found.classes if found.classes is not None else np.zeros(len(found), np.intp)
        numbers = [-1] * len(found)
        free = set(range(len(self._open)))
        for i, j in self._pairs(found.boxes, kinds):
            if i in free and numbers[j] < 0:
                free.remove(i)
                numbers[j] = self._open[i].number
                _see(self._open[i], frame, time, found, j)
        for i in free:
            track = self._open[i]
            track.end = time if not track.missed else track.end
            track.missed += 1
        self._closed += [track for track in self._open if track.missed > self._patience]
        self._open = [track for track in self._open if track.missed <= self._patience]
        for j, number in enumerate(numbers):
            if number < 0:
                numbers[j] = self._count
                self._open.append(_Open(self._count, int(kinds[j]), found.boxes[j], time))
                _see(self._open[-1], frame, time, found, j)
                self._count += 1
        return numbers

    def _pairs(self, boxes: FloatArray, kinds: np.ndarray) -> list[tuple[int, int]]:
        """Track and box that may be one, the likeliest first."""
        if not self._open or not len(boxes):
            return []
        before = np.stack([track.box for track in self._open])
        same = np.array([track.kind for track in self._open])[:, None] == kinds[None, :]
        worth = iou(before, boxes)
        worth = np.where(worth >= _OVERLAP, 1 + worth, _nearness(before, boxes))
        places = np.argwhere(same & (worth > 0))
        order = np.argsort(-worth[places[:, 0], places[:, 1]], kind="stable")
        return [(int(i), int(j)) for i, j in places[order]]

    def finish(self, end: float) -> tuple[Track, ...]:
        """All, in the order of their numbers; what is still seen lasts until ``end``."""
        for track in self._open:
            track.end = track.end if track.missed else max(end, track.start)
        done = sorted([*self._closed, *self._open], key=lambda track: track.number)
        return tuple(self._told(track) for track in done)

    def _told(self, track: _Open) -> Track:
        assert track.best is not None
        times = (track.number, self._labels[track.kind], track.start, round(track.end, 6))
        return Track(*times, track.count, track.score, track.frame, track.time, bounding(track.best))


def _see(track: _Open, frame: int, time: float, found: Detected, place: int) -> None:
    track.box, track.missed, track.count = found.boxes[place], 0, track.count + 1
    score = round(float(found.scores[place]), 4)
    if track.best is None or score > track.score:
        track.best, track.score, track.frame, track.time = track.box, score, frame, time


def _nearness(one: FloatArray, other: FloatArray) -> FloatArray:
    """(n, m): up to 1 for the nearest; 0 where it is too far, or of another size."""
    centres = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (one, other)]
    sides = [np.maximum((boxes[:, 2:] - boxes[:, :2]).max(axis=1), 1e-6) for boxes in (one, other)]
    apart = np.linalg.norm(centres[0][:, None] - centres[1][None, :], axis=-1)
    reach = _REACH * np.maximum(sides[0][:, None], sides[1][None, :])
    grown = np.abs(np.log(sides[0][:, None] / sides[1][None, :]))
    near = np.maximum(0, 1 - apart / reach)
    return np.asarray(np.where(grown <= np.log(_SIZES), near, 0), np.float32)
