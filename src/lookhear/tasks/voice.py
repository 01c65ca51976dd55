"""How Silero VAD is fed: windows of 512 samples at 16 kHz, each with the 64 before it, and a state that runs on.

The network takes a row of windows at once and steps through them, so a row of any length gives bit for bit the same; what
it remembers comes out with the probabilities and goes in with the next row. After minutes of music or noise it hardly
hears short speech any more. So it may be started afresh every so often: with two seconds that it has heard already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from lookhear.media.forms import FloatArray

WINDOW = 512  #: samples a probability is for
_CONTEXT = 64  # samples
_ROW = 128  # windows a run, 4 s: fastest
_AGAIN = 64  # windows that a fresh start hears again
Run = Callable[[Mapping[str, NDArray[Any]]], Sequence[NDArray[Any]]]


class Probabilities:
    """Takes samples, gives the probability of speech of each window, some seconds later.

    ``period``: windows from one fresh start to the next; 0: there is none.
    """

    def __init__(self, run: Run, period: int = 0) -> None:
        self._run, self._period = run, period
        self._windows = 0  # looked at
        self._before = np.zeros(_CONTEXT, np.float32)  # the last of their samples
        self._rest = np.zeros(0, np.float32)  # samples behind these
        self._hidden = self._cell = np.zeros((1, 1, 128), np.float32)

    def add(self, data: FloatArray) -> FloatArray:
        """(n,) probabilities, 0..1, of whole rows."""
        self._rest = np.concatenate([self._rest, data])
        found = [np.zeros(0, np.float32)]
        while len(self._rest) >= self._due() * WINDOW:
            found.append(self._next(self._due()))
        return np.concatenate(found)

    def finish(self) -> FloatArray:
        """Those of what is left; the last window is filled up with zeros."""
        self._rest = np.pad(self._rest, (0, -len(self._rest) % WINDOW))
        return self._next(len(self._rest) // WINDOW)

    def _due(self) -> int:
        """Windows of the next row: it ends where a fresh start is due."""
        return min(_ROW, self._period - self._windows % self._period) if self._period else _ROW

    def _next(self, windows: int) -> FloatArray:
        if not windows:
            return np.zeros(0, np.float32)
        if self._period and self._windows and self._windows % self._period == 0:
            self._hidden = self._cell = np.zeros((1, 1, 128), np.float32)
            self._look(self._before)
        samples, self._rest = self._rest[: windows * WINDOW], self._rest[windows * WINDOW :]
        known = np.concatenate([self._before, samples])
        found = self._look(known[-windows * WINDOW - _CONTEXT :])
        self._before = known[-_AGAIN * WINDOW - _CONTEXT :]
        self._windows += windows
        return found

    def _look(self, samples: FloatArray) -> FloatArray:
        """At the windows in there, which begins with the context of the first."""
        rows = np.ascontiguousarray(sliding_window_view(samples, _CONTEXT + WINDOW)[::WINDOW])
        found, self._hidden, self._cell = self._run({"input": rows, "h": self._hidden, "c": self._cell})
        return np.asarray(found, np.float32)
