"""How Basic Pitch is fed: windows of two seconds at 22,050 Hz that overlap by 30 frames, of whose result the middle counts.

A window of 43,844 samples gives 172 frames, 256 samples apart. Of these 15 are left out at each end, which leaves 142 for
36,164 samples: each frame has its own exact time. The first window begins 15 frames before the recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from lookhear.media.forms import FloatArray

RATE = 22050
FRAME = 256  #: samples
_WINDOW = 43844
_MARGIN = 15  # frames
_HOP = _WINDOW - 2 * _MARGIN * FRAME
_FRAMES = 172 - 2 * _MARGIN
_BATCH = 4  # windows a run: fastest, and always as many, so that blocks of any size give the same
_INPUT = "serving_default_input_2:0"
Run = Callable[[Mapping[str, NDArray[Any]]], Sequence[NDArray[Any]]]
Grams = tuple[FloatArray, FloatArray, FloatArray]  #: frames, onsets (n, 88) and contours (n, 264) of the same moments


def seconds(frames: Sequence[int] | NDArray[np.intp]) -> NDArray[np.float64]:
    """When frames, counted from the beginning, are."""
    windows, rest = np.divmod(np.asarray(frames, np.int64), _FRAMES)
    return np.asarray((windows * _HOP + rest * FRAME) / RATE, np.float64)


class Posteriorgrams:
    """Takes samples, gives the network's matrices of consecutive frames."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._samples = np.zeros(_MARGIN * FRAME, np.float32)  # from the next window on
        self.heard = 0  #: samples taken

    def add(self, data: FloatArray) -> Iterator[Grams]:
        """Of each batch of windows that is complete."""
        self.heard += len(data)
        self._samples = np.concatenate([self._samples, data])
        while len(self._samples) >= _WINDOW + (_BATCH - 1) * _HOP:
            yield self._look(_BATCH)

    def finish(self) -> Iterator[Grams]:
        """Of what is left, followed by silence; no frames behind the end."""
        left = len(self._samples) - _MARGIN * FRAME
        if left <= 0:
            return
        windows = -(-left // _HOP)
        ends = np.arange(windows * _FRAMES)
        count = int(np.searchsorted(ends // _FRAMES * _HOP + ends % _FRAMES * FRAME, left))
        missing = _WINDOW + (windows - 1) * _HOP - len(self._samples)
        self._samples = np.pad(self._samples, (0, max(0, missing)))
        for first in range(0, windows, _BATCH):
            found = self._look(min(_BATCH, windows - first))
            frames, onsets, contours = (gram[: max(0, count - first * _FRAMES)] for gram in found)
            yield frames, onsets, contours

    def _look(self, windows: int) -> Grams:
        rows = sliding_window_view(self._samples, _WINDOW)[::_HOP][:windows]
        found = self._run({_INPUT: np.ascontiguousarray(rows)[..., None]})
        self._samples = self._samples[windows * _HOP :].copy()
        onsets, frames, contours = (_middle(gram) for gram in found)
        return frames, onsets, contours


def _middle(gram: NDArray[Any]) -> FloatArray:
    """(windows, 172, bins) without the margins: (n, bins)."""
    return np.ascontiguousarray(gram[:, _MARGIN:-_MARGIN], np.float32).reshape(-1, gram.shape[-1])
