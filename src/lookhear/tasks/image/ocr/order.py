"""The order in which people read: columns from left to right, in each the rows from top to bottom."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_GUTTER = 1.0  # heights of a row that lie between two columns at least
_PROSE = 6.0  # median width of lines in heights from which a column is one of prose, not of a table
_ROWS = 3
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


def rows(polygons: Sequence[NDArray[np.float64]]) -> list[list[int]]:
    """Indices of (4, 2) polygons: row by row as they are read, in each from left to right."""
    boxes = [Box(*polygon.min(axis=0), *polygon.max(axis=0), i) for i, polygon in enumerate(polygons)]
    return [[box.index for box in row] for row in _read(boxes)]


def joined(texts: Sequence[str], polygons: Sequence[NDArray[np.float64]]) -> str:
    """One row: a blank between its parts, unless both are Chinese or Japanese and close."""
    out = texts[0] if texts else ""
    for i in range(1, len(texts)):
        height = max(1.0, float(np.ptp(polygons[i][:, 1])))
        gap = float(polygons[i][:, 0].min() - polygons[i - 1][:, 0].max())
        close = gap < height and _blankless(out[-1:]) and _blankless(texts[i][:1])
        out += texts[i] if close else f" {texts[i]}"
    return out


def _blankless(character: str) -> bool:
    name = unicodedata.name(character, "") if character else ""
    return name.startswith(("CJK", "HIRAGANA", "KATAKANA", "FULLWIDTH", "IDEOGRAPHIC"))


def _read(boxes: list[Box]) -> list[list[Box]]:
    """Columns first where there are some; else what the widest blank band parts; else rows."""
    if len(boxes) >= 2 * _ROWS:
        columns = _columns(boxes)
        if columns is not None:
            return _read(columns[0]) + _read(columns[1])
        above, below = _halves(boxes)
        if below and (_columns(above) or _columns(below)):
            return _read(above) + _read(below)
    return _in_rows(boxes)


def _columns(boxes: list[Box]) -> tuple[list[Box], list[Box]] | None:
    """Left and right of a gutter that runs through all, with prose on both sides."""
    ordered = sorted(boxes, key=lambda box: box.left)
    gutter = _GUTTER * float(np.median([box.height for box in boxes]))
    edge = ordered[0].right
    for i, box in enumerate(ordered[1:], 1):
        if box.left - edge >= gutter and _prose(ordered[:i]) and _prose(ordered[i:]):
            return ordered[:i], ordered[i:]
        edge = max(edge, box.right)
    return None


def _prose(boxes: list[Box]) -> bool:
    widths = [(box.right - box.left) / box.height for box in boxes]
    return len(_in_rows(boxes)) >= _ROWS and float(np.median(widths)) >= _PROSE


def _halves(boxes: list[Box]) -> tuple[list[Box], list[Box]]:
    """Above and below the first blank band that leaves columns on one side; nothing below where there is none."""
    ordered = sorted(boxes, key=lambda box: box.top)
    edge = ordered[0].bottom
    for i, box in enumerate(ordered[1:], 1):
        if box.top >= edge and (_columns(ordered[:i]) or _columns(ordered[i:])):
            return ordered[:i], ordered[i:]
        edge = max(edge, box.bottom)
    return boxes, []


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


__all__ = ["joined", "rows"]
