"""The same text on successive frames is one appearance."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

_ALIKE = 0.75  # ratio of matching characters from which two readings are one text
_COMMON = 0.4  # of the smaller place, that two readings have in common
_BLOCK = 8  # pixels; text that changes makes some block of that size change
_STILL = 6.0  # of 255: less mean difference in every block is noise of the coding


@dataclass(frozen=True)
class Sighting:
    """A text on one frame: four corners, x and y in pixels."""

    text: str
    confidence: float
    corners: tuple[tuple[float, float], ...]


@dataclass
class Track:
    """A text on its way through the film; ``end``: when it is first not seen, s."""

    best: Sighting
    latest: Sighting
    start: float
    end: float = 0.0
    missed: int = 0


class Tracker:
    """Takes frame by frame what is seen; tells from when to when."""

    def __init__(self) -> None:
        self._open: list[Track] = []
        self._closed: list[Track] = []

    def add(self, time: float, sightings: list[Sighting]) -> None:
        """What the frame at ``time`` (s) shows. A text that one frame lacks may come back on the next."""
        pairs = [(_likeness(track, one), i, j) for i, track in enumerate(self._open) for j, one in enumerate(sightings)]
        tracks, taken = set(range(len(self._open))), set(range(len(sightings)))
        for likeness, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
            if likeness > 0 and i in tracks and j in taken:
                tracks.remove(i)
                taken.remove(j)
                self._see(self._open[i], sightings[j])
        for i in tracks:
            track = self._open[i]
            track.end = time if not track.missed else track.end
            track.missed += 1
        self._closed += [track for track in self._open if track.missed > 1]
        self._open = [track for track in self._open if track.missed <= 1]
        self._open += [Track(sightings[j], sightings[j], time) for j in sorted(taken)]

    def finish(self, end: float) -> list[Track]:
        """All, in the order of their starts; what is still seen lasts until ``end``."""
        for track in self._open:
            track.end = track.end if track.missed else max(end, track.start)
        return sorted([*self._closed, *self._open], key=lambda track: (track.start, _box(track.best)[1]))

    def _see(self, track: Track, one: Sighting) -> None:
        track.latest, track.missed = one, 0
        if one.confidence > track.best.confidence:
            track.best = one


def _likeness(track: Track, one: Sighting) -> float:
    """0: another text, or elsewhere; else how alike the texts are and how much of the place they share."""
    a, b = _box(track.latest), _box(one)
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if across <= 0 or down <= 0:
        return 0.0
    smaller = max(1e-9, min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)))
    common = across * down / smaller
    if _digits(track.latest.text) != _digits(one.text):
        return 0.0  # clocks and scores change by one character
    alike = SequenceMatcher(None, track.latest.text, one.text, autojunk=False).ratio()
    return alike + common if alike >= _ALIKE and common >= _COMMON else 0.0


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _box(one: Sighting) -> tuple[float, float, float, float]:
    xs, ys = zip(*one.corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def same_picture(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Do two frames differ by no more than noise, in every small block?"""
    if one.shape != other.shape:
        return False
    height, width = (size // _BLOCK * _BLOCK for size in one.shape[:2])
    if not height or not width:
        return bool((one == other).all())
    green = [pixels[:height, :width, 1].astype(np.int16) for pixels in (one, other)]
    blocks = np.abs(green[0] - green[1]).reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    return bool(blocks.mean(axis=(1, 3)).max() < _STILL)
