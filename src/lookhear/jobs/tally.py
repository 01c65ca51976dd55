"""Counts of what workers do, gathered in a process and added to the database's now and then."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

BOUNDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1200.0)  #: s, of the buckets
TASK, JOB, ERROR = "task", "job", "error"  #: kinds: (task, model), (task type, what came of it), (code, "")


@dataclass(frozen=True, order=True)
class Key:
    """What is counted."""

    kind: str
    what: str
    by: str
    bucket: int  #: index of the first of BOUNDS that is no less


@dataclass(frozen=True)
class Figure:
    """How often, and how many seconds together."""

    count: int = 0
    seconds: float = 0.0

    def __add__(self, other: Figure) -> Figure:
        return Figure(self.count + other.count, self.seconds + other.seconds)


Figures = Mapping[Key, Figure]


class Tally:
    """Any thread may add."""

    def __init__(self) -> None:
        self._figures: dict[Key, Figure] = {}
        self._lock = threading.Lock()

    def add(self, kind: str, what: str, by: str = "", seconds: float = 0.0) -> None:
        """Once more."""
        self.put_back({Key(kind, what, by, bisect_left(BOUNDS, seconds)): Figure(1, seconds)})

    def take(self) -> Figures:
        """All since the last time; they are the caller's to keep."""
        with self._lock:
            taken, self._figures = self._figures, {}
            return taken

    def put_back(self, figures: Figures) -> None:
        """Those could not be kept."""
        with self._lock:
            for key, figure in figures.items():
                self._figures[key] = self._figures.get(key, Figure()) + figure

    def now(self) -> Figures:
        """What nobody has taken yet."""
        with self._lock:
            return dict(self._figures)


def together(*many: Figures) -> dict[Key, Figure]:
    """Their sums."""
    tally = Tally()
    for figures in many:
        tally.put_back(figures)
    return dict(tally.take())


def means(figures: Figures, kind: str) -> dict[str, float]:
    """Seconds that each of a kind took in the middle."""
    sums: dict[str, Figure] = {}
    for key, figure in figures.items():
        if key.kind == kind:
            sums[key.what] = sums.get(key.what, Figure()) + figure
    return {what: one.seconds / one.count for what, one in sums.items() if one.count}
