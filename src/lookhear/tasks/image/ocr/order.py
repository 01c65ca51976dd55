"""The order in which people read: columns from left to right, in each the rows from top to bottom."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Corners = NDArray[np.float64]

_GUTTER = 0.5  # heights of a row that lie between two columns at least
_PROSE = 6.0  # median width of lines in heights from which a column is one of prose, not of a table
_ROWS = 3
_BREAK = 0.7  # heights between what ends a column and what no longer belongs to it
_SAME_ROW = 0.5  # of the lower height, that two boxes on one row have in common


@dataclass(frozen=True)
class Box:
    """What an upright rectangle around a line covers, in pixels, and which line it is."""

    left: float
    top: float
    right: float
    bottom: float
    index: int

    @property
    def height(self) -> float:
        """At least 1."""
        return max(1.0, self.bottom - self.top)


def arranged(polygons: Sequence[Corners]) -> list[list[int]]:
    """Indices of (4, 2) polygons, row by row as they are read. Most lines run from corner 0 to corner 1: that is right."""
    boxes = [_box(box, i) for i, box in enumerate(_upright(polygons))]
    return [[box.index for box in row] for row in _read(boxes)]


def joined(texts: Sequence[str], polygons: Sequence[Corners]) -> str:
    """One row: a blank between its parts, unless both are Chinese or Japanese and close."""
    out, boxes = texts[0] if texts else "", _upright(polygons)
    for i in range(1, len(texts)):
        height = max(1.0, float(np.ptp(boxes[i][:, 1])))
        gap = float(boxes[i][:, 0].min() - boxes[i - 1][:, 0].max())
        close = gap < height and _blankless(out[-1:]) and _blankless(texts[i][:1])
        out += texts[i] if close else f" {texts[i]}"
    return out


def _box(polygon: Corners, index: int) -> Box:
    (left, top), (right, bottom) = polygon.min(axis=0).tolist(), polygon.max(axis=0).tolist()
    return Box(left, top, right, bottom, index)


def quarter(polygons: Sequence[Corners]) -> int:
    """Which way most of the text runs: 0 to the right, 1 down, 2 to the left, 3 up."""
    weight = np.zeros(4)
    for polygon in polygons:
        across, down = polygon[1] - polygon[0]
        weight[round(float(np.degrees(np.arctan2(down, across))) / 90) % 4] += np.hypot(across, down)
    return int(weight.argmax())


def _upright(polygons: Sequence[Corners]) -> list[Corners]:
    """Turned so that most of the text runs to the right."""
    across, down = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter(polygons)]
    return [polygon @ np.array([[across, -down], [down, across]], np.float64) for polygon in polygons]


def _blankless(character: str) -> bool:
    name = unicodedata.name(character, "") if character else ""
    return name.startswith(("CJK", "HIRAGANA", "KATAKANA", "FULLWIDTH", "IDEOGRAPHIC"))


def _read(boxes: list[Box]) -> list[list[Box]]:
    """What is above the largest two columns, the left one, the right one, what is below; where there are none, rows."""
    parts = _columns(boxes) if len(boxes) >= 2 * _ROWS else None
    return [row for part in parts for row in _read(part)] if parts else _in_rows(boxes)


def _columns(boxes: list[Box]) -> list[list[Box]] | None:
    """Above, left, right and below of the longest stretch that a gutter parts into prose and prose."""
    ordered = sorted(boxes, key=lambda box: box.top + box.bottom)
    height = float(np.median([box.height for box in boxes]))
    best: list[list[Box]] | None = None
    for gutter in _gutters(boxes, _GUTTER * height):
        states = [_clear(box, gutter) for box in ordered]
        for clear, group in itertools.groupby(range(len(ordered)), states.__getitem__):
            run = list(group)
            if not clear or (best and len(run) <= len(best[1]) + len(best[2])):
                continue
            low, high = _trimmed([ordered[i] for i in run], gutter, _BREAK * height)
            stretch = ordered[run[0] + low : run[0] + high]
            left = [box for box in stretch if box.right <= gutter[0]]
            right = [box for box in stretch if box.left >= gutter[1]]
            if _prose(left) and _prose(right):
                best = [ordered[: run[0] + low], left, right, ordered[run[0] + high :]]
    return best


def _gutters(boxes: list[Box], least: float) -> list[tuple[float, float]]:
    """Where neighbours on a row leave at least so much room: the end of it."""
    found = []
    for row in _in_rows(boxes):
        for one, next_one in itertools.pairwise(row):
            if next_one.left - one.right >= least:
                found.append((next_one.left - least, next_one.left))
    return found


def _clear(box: Box, gutter: tuple[float, float]) -> bool:
    return box.right <= gutter[0] or box.left >= gutter[1]


def _trimmed(run: list[Box], gutter: tuple[float, float], gap: float) -> tuple[int, int]:
    """From where to where both sides are there, with what follows on one of them without a ``gap``."""
    sides = [box.left >= gutter[1] for box in run]
    if all(sides) or not any(sides):
        return 0, 0
    low, high = sides.index(not sides[0]) - 1, len(run) - sides[::-1].index(not sides[-1])
    while low > 0 and run[low].top - run[low - 1].bottom < gap:
        low -= 1
    while high < len(run) and run[high].top - run[high - 1].bottom < gap:
        high += 1
    return low, high


def _prose(boxes: list[Box]) -> bool:
    widths = [(box.right - box.left) / box.height for box in boxes]
    return len(_in_rows(boxes)) >= _ROWS and float(np.median(widths)) >= _PROSE


def _in_rows(boxes: list[Box]) -> list[list[Box]]:
    """Boxes whose neighbours to the left are on the same height are one row."""
    found: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: (box.left, box.top)):
        best, common = None, _SAME_ROW
        for row in found:
            last = row[-1]
            shared = min(last.bottom, box.bottom) - max(last.top, box.top)
            share = shared / min(last.height, box.height)
            if share >= common and box.left >= last.left + 0.5 * (last.right - last.left):
                best, common = row, share
        if best is None:
            found.append([box])
        else:
            best.append(box)
    return sorted(found, key=lambda row: (row[0].top + row[0].bottom) / 2)


__all__ = ["arranged", "joined", "quarter"]
