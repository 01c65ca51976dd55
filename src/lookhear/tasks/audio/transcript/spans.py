"""Where somebody speaks, told while the sound arrives: faster-whisper's rules on the probabilities of Silero VAD.

Reference: ``get_speech_timestamps`` of faster-whisper 1.2, which sees the whole recording at once; the spans here are the
same, sample for sample. Places are samples at 16 kHz.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from lookhear.media.forms import FloatArray
from lookhear.tasks.voice import WINDOW

_SHORT_SILENCE = 1568  # 98 ms: where a span that grows too long may be cut


@dataclass(frozen=True)
class Rules:
    """A span begins at ``threshold``, and ends where it is ``lower`` for ``silence`` samples."""

    threshold: float = 0.5
    lower: float = 0.35
    silence: int = 32000
    longest: float = math.inf  #: s, with what is added at both ends
    pad: int = 6400

    @property
    def most(self) -> float:
        """Samples after which a span is cut."""
        return 16000 * self.longest - WINDOW - 2 * self.pad


@dataclass(frozen=True)
class Piece:
    """Speech from ``start`` to ``end``; ``begins``: the first piece of its span."""

    start: int
    end: int
    begins: bool


class Spans:
    """Takes probabilities, gives pieces of spans as soon as nothing can change them any more."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._windows = 0
        self._samples: int | None = None  # of the whole recording, once that is known
        self._start: int | None = None  # of the span that is open
        self._quiet = self._cut = self._again = 0  # where silence began; where it last was long enough; where it ended
        self._closed: deque[tuple[int, int]] = deque()
        self._before: int | None = None  # where the span before ended
        self._given = 0  # up to where pieces were given
        self._begun = False  # was a piece of the next span given?

    def add(self, probabilities: FloatArray) -> Iterator[Piece]:
        """Of the next windows."""
        self._look(probabilities)
        return self._pieces()

    def finish(self, probabilities: FloatArray, samples: int) -> Iterator[Piece]:
        """``probabilities``: of the last windows of a recording of so many samples; one that is not full counts, too."""
        self._look(probabilities)
        self._samples = samples
        if self._start is not None and samples > self._start:
            self._closed.append((self._start, samples))
        self._start = None
        return self._pieces()

    def _look(self, probabilities: FloatArray) -> None:
        for i, probability in enumerate(probabilities.tolist(), self._windows):
            self._step(WINDOW * i, probability)
        self._windows += len(probabilities)

    @property
    def needed(self) -> int:
        """No sample before this one will be asked for."""
        if self._begun:
            return self._given
        nearest = self._closed[0][0] if self._closed else self._start
        place = WINDOW * self._windows if nearest is None else nearest
        return max(self._given, place - self._rules.pad)

    def _step(self, at: int, probability: float) -> None:
        rules = self._rules
        if probability >= rules.threshold:
            if self._quiet:
                self._quiet = 0
                if self._again < self._cut:
                    self._again = at
            if self._start is None:
                self._start = at
                return
        if self._start is None:
            return
        if at - self._start > rules.most:
            self._split(at)
        if probability < rules.lower and self._start is not None:
            self._quiet = self._quiet or at
            if at - self._quiet > _SHORT_SILENCE:
                self._cut = self._quiet
            if at - self._quiet >= rules.silence:
                self._close(self._quiet, None)

    def _split(self, at: int) -> None:
        """At the last silence within it, else here."""
        if self._cut:
            self._close(self._cut, self._again if self._again >= self._cut else None)
        else:
            self._close(at, None)

    def _close(self, end: int, onward: int | None) -> None:
        assert self._start is not None
        self._closed.append((self._start, end))
        self._start = onward
        self._quiet = self._cut = self._again = 0

    def _pieces(self) -> Iterator[Piece]:
        while self._closed:
            start, end = self._closed[0]
            padded = self._end(end)
            yield from self._give(start, end if padded is None else padded)
            if padded is None:
                return
            self._closed.popleft()
            self._before, self._begun = end, False
        if self._start is not None:
            split = self._cut if math.isfinite(self._rules.most) else 0
            yield from self._give(self._start, split or self._quiet or WINDOW * self._windows)

    def _end(self, end: int) -> int | None:
        """Where the first closed span ends with what is added to it; None while that is not known."""
        pad = self._rules.pad
        following = self._closed[1][0] if len(self._closed) > 1 else self._start
        if following is not None:
            return end + min((following - end) // 2, pad)
        if self._samples is not None:
            return min(end + pad, self._samples)
        return end + pad if WINDOW * self._windows - end >= 2 * pad else None

    def _give(self, start: int, end: int) -> Iterator[Piece]:
        if not self._begun:
            pad = self._rules.pad
            gap = pad if self._before is None else min((start - self._before) // 2, pad)
            self._given = max(start - gap, 0)
        if end > self._given:
            yield Piece(self._given, end, not self._begun)
            self._given, self._begun = end, True
