"""From speech probabilities to segments: two thresholds, least lengths, padding.

Aim: the segments that Silero VAD's ``get_speech_timestamps`` gives, from probabilities that come in pieces.
Reference: the rules published with Silero VAD (MIT): speech begins with the first window at ``threshold`` or above and
ends where the probability first fell below the lower threshold, once it has not come back for ``min_silence``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookhear.media.forms import FloatArray
from lookhear.tasks.voice import WINDOW

_PER_MS = 16


@dataclass(frozen=True)
class Rules:
    """What counts as speech. Lengths are in ms."""

    threshold: float = 0.5
    neg_threshold: float = 0.35
    min_speech: int = 250
    min_silence: int = 100
    pad: int = 30


class Segments:
    """What was speech so far, in samples at 16 kHz."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._windows = 0
        self._start: int | None = None
        self._end: int | None = None  # where the silence began that may end it
        self._closed: list[tuple[int, int]] = []

    def add(self, probabilities: FloatArray) -> None:
        """(n,) probabilities of the next windows."""
        rules, silence = self._rules, self._rules.min_silence * _PER_MS
        for i, probability in enumerate(probabilities.tolist(), self._windows):
            if probability >= rules.threshold:
                self._start, self._end = WINDOW * i if self._start is None else self._start, None
            elif probability < rules.neg_threshold and self._start is not None:
                self._end = WINDOW * i if self._end is None else self._end
                if WINDOW * i - self._end >= silence:
                    self._close(self._end)
        self._windows += len(probabilities)

    def _close(self, end: int) -> None:
        if self._start is not None and end - self._start > self._rules.min_speech * _PER_MS:
            self._closed.append((self._start, end))
        self._start = self._end = None

    def finish(self, samples: int) -> list[tuple[int, int]]:
        """(start, end) of each segment of a recording of so many samples, padded; speech at the end ends with it."""
        self._close(samples)
        return padded(self._closed, self._rules.pad * _PER_MS, samples)


def padded(spans: list[tuple[int, int]], pad: int, samples: int) -> list[tuple[int, int]]:
    """Each span made longer by ``pad`` at both ends; two that would meet share what is between them."""
    if not spans:
        return []
    starts, ends = np.array(spans).T
    gaps = starts[1:] - ends[:-1]
    grown = np.where(gaps < 2 * pad, gaps // 2, pad)
    starts = np.maximum(starts - np.concatenate([[pad], grown]), 0)
    ends = np.minimum(ends + np.concatenate([grown, [pad]]), samples)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
