"""Frames of a film on their way through a network: several together, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lookhear.media.forms import FloatArray, Picture
from lookhear.models.pictures import ROWS, Pixels


@dataclass(frozen=True)
class Row:
    """What the network makes of a frame."""

    frame: int
    time: float  #: s
    values: FloatArray


class Gathered:
    """``run`` gives a row of values for each picture; it gets up to ROWS of them."""

    def __init__(self, run: Callable[[Sequence[Pixels]], FloatArray]) -> None:
        self._run = run
        self._waiting: list[Picture] = []

    def add(self, picture: Picture) -> Iterator[Row]:
        """Take a frame; the rows that are ready."""
        self._waiting.append(picture)
        return self.rest() if len(self._waiting) == ROWS else iter(())

    def rest(self) -> Iterator[Row]:
        """The rows of all frames that wait."""
        pictures, self._waiting = self._waiting, []
        rows = self._run([picture.pixels for picture in pictures]) if pictures else ()
        for picture, values in zip(pictures, rows, strict=True):
            yield Row(picture.index, round(picture.time, 6), values)
