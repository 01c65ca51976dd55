"""The sound with everything but speech cut out of it, and where each moment of that was in the recording."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

import numpy as np

from lookhear.media.forms import FloatArray
from lookhear.tasks.audio.transcript.spans import Piece

RATE = 16000


class Sound:
    """The last samples that came, from which pieces are taken."""

    def __init__(self) -> None:
        self._runs: list[FloatArray] = []
        self._start = 0

    def add(self, samples: FloatArray) -> None:
        """What comes next."""
        self._runs.append(samples)

    def take(self, piece: Piece) -> FloatArray:
        """The samples of ``piece``."""
        found = list(self._between(piece.start, piece.end))
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _between(self, start: int, end: int) -> Iterator[FloatArray]:
        place = self._start
        for run in self._runs:
            part = run[max(start - place, 0) : max(end - place, 0)]
            if len(part):
                yield part
            place += len(run)

    def forget(self, before: int) -> None:
        """Nothing before that sample will be asked for."""
        while self._runs and self._start + len(self._runs[0]) <= before:
            self._start += len(self._runs.pop(0))


class Timeline:
    """Spans laid end to end: tells for a moment of what they make (s) when it was in the recording.

    As ``SpeechTimestampsMap`` of faster-whisper does, and as exactly: to 10 ms.
    """

    def __init__(self) -> None:
        self.samples = 0  #: all spans together
        self._ends: list[int] = []
        self._silences: list[float] = []  # s before each
        self._silent = 0
        self._reached = 0

    def add(self, piece: Piece) -> None:
        """What comes next."""
        if piece.begins:
            self._silent += piece.start - self._reached
            self._ends.append(self.samples)
            self._silences.append(self._silent / RATE)
        self._reached = piece.end
        self.samples += piece.end - piece.start
        self._ends[-1] = self.samples

    def original(self, time: float, span: int | None = None, *, is_end: bool = False) -> float:
        """When it was: the end of a span, or else the beginning of the next, where one ends there."""
        place = self.span(time, is_end=is_end) if span is None else span
        return round(self._silences[place] + time, 2)

    def span(self, time: float, *, is_end: bool = False) -> int:
        """In which span it lies."""
        sample = int(time * RATE)
        place = bisect_left(self._ends, sample)
        if is_end and place < len(self._ends) and self._ends[place] == sample:
            return place
        return min(bisect_right(self._ends, sample), len(self._ends) - 1)
