"""Log mel spectra of sound that comes in pieces: frame for frame those of the whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lookhear.media.forms import FloatArray

HOP = 160  #: samples from frame to frame
_REACH = 200  # samples to either side of a frame's centre that it is made of
_LEAD = 2  # frames that are made again, for what is mirrored at the beginning is none of theirs
_LEAST = 100  # frames at a time


class Spectrum:
    """``log_mel``: (n,) samples -> (bands, n // 160), frame i centred on sample 160 i."""

    def __init__(self, log_mel: Callable[[FloatArray], FloatArray]) -> None:
        self._log_mel = log_mel
        self._rest: FloatArray = np.zeros(0, np.float32)  # from the first frame that is made again on
        self._samples = 0
        self._frames = 0

    def add(self, samples: FloatArray) -> FloatArray | None:
        """(bands, frames) of what is complete, if that is worth it."""
        self._rest = np.concatenate([self._rest, samples])
        self._samples += len(samples)
        lead = min(self._frames, _LEAD)
        count = (len(self._rest) - _REACH) // HOP + 1 - lead
        return self._make(lead, count) if count >= _LEAST else None

    def finish(self) -> FloatArray | None:
        """Those that are left; what they lack is silence."""
        count = self._samples // HOP - self._frames
        self._rest = np.concatenate([self._rest, np.zeros(HOP, np.float32)])
        return self._make(min(self._frames, _LEAD), count) if count > 0 else None

    def _make(self, lead: int, count: int) -> FloatArray:
        made = self._log_mel(self._rest)[:, lead : lead + count]
        self._frames += count
        keep = lead + count - min(self._frames, _LEAD)
        self._rest = self._rest[keep * HOP :].copy()
        return made
