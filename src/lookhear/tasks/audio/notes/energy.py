"""Which pitches still sound at which frames, while notes are taken out one after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 11  #: frames of silence that a note may hold, 128 ms
_SILENCE = bytes(TOLERANCE)


class Energy:
    """``sounding``: (frames, pitches). A row of bytes per pitch: bytes are searched faster than arrays."""

    def __init__(self, sounding: NDArray[np.bool_]) -> None:
        self._rows = [bytearray(row.tobytes()) for row in np.ascontiguousarray(sounding.T)]
        self._last = len(sounding) - 1

    def at(self, frame: int, pitch: int) -> bool:
        """Does it still sound?"""
        return bool(self._rows[pitch][frame])

    def left(self) -> NDArray[np.bool_]:
        """(frames, pitches): what sounds still."""
        return np.stack([np.frombuffer(row, np.bool_) for row in self._rows], axis=1)

    def drop(self, frame: int, pitch: int) -> None:
        """Take this pitch at this frame alone."""
        self._rows[pitch][frame] = 0

    def take(self, pitch: int, start: int, end: int) -> None:
        """Take the pitch and those beside it from ``start`` up to, not including, ``end``."""
        if end > start:
            for row in self._rows[max(0, pitch - 1) : pitch + 2]:
                row[start:end] = bytes(end - start)

    def forward(self, pitch: int, start: int) -> tuple[int, int]:
        """From ``start`` on: the frame after the last that sounds before a silence, and how far one had to look."""
        row = self._rows[pitch]
        silence = row.find(_SILENCE, start, self._last)
        if silence >= 0:
            return silence, silence + TOLERANCE
        return start + len(row[start : self._last].rstrip(b"\0")), max(start, self._last)

    def backward(self, pitch: int, end: int) -> tuple[int, int]:
        """From before ``end`` back: the first frame that sounds after a silence, and how far one had to look."""
        row = self._rows[pitch]
        silence = row.rfind(_SILENCE, 1, end)
        if silence >= 0:
            return silence + TOLERANCE, silence
        return end - len(row[1:end].lstrip(b"\0")), min(1, end)
