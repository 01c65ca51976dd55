"""From speech to lines of text, two ways: a window that slides to where the last line ended, or chunks side by side.

Both are faster-whisper's. The first is Whisper's own; a window is decoded as soon as 30 s of speech lie behind it, so a
minute of sound is kept at most. The second decodes chunks of up to 30 s, cut at pauses, a batch at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from lookhear.media.forms import FloatArray
from lookhear.models.runtimes.whisper import FRAMES, Course, Line
from lookhear.models.runtimes.whisper_mel import scaled
from lookhear.tasks.audio.transcript.spectrum import Spectrum
from lookhear.tasks.audio.transcript.speech_only import RATE

_CHUNK = 30 * RATE  # samples


class Ear(Protocol):
    """What understands speech: the model."""

    def log_mel(self, samples: FloatArray) -> FloatArray:
        """See ``runtimes.whisper_mel.log_mel``."""
        ...

    def hear(self, window: FloatArray, seek: int, course: Course) -> tuple[list[Line], int]:
        """See ``runtimes.whisper.hear``."""
        ...

    def hear_many(self, chunks: Sequence[FloatArray], offsets: Sequence[float], course: Course) -> list[Line]:
        """See ``runtimes.whisper.hear_many``."""
        ...


class Sliding:
    """Takes speech, gives lines. ``course``: what is carried from window to window."""

    def __init__(self, ear: Ear, course: Course) -> None:
        self._ear = ear
        self._course = course
        self._spectrum = Spectrum(ear.log_mel)
        self._frames: FloatArray | None = None  # from ``seek`` on
        self._seek = 0
        self._loudest = -np.inf

    def add(self, samples: FloatArray, begins: bool) -> list[Line]:
        """What whole windows say."""
        self._take(self._spectrum.add(samples))
        return self._hear(FRAMES)

    def finish(self) -> list[Line]:
        """What the rest says."""
        self._take(self._spectrum.finish())
        return self._hear(1)

    def _take(self, made: FloatArray | None) -> None:
        if made is not None:
            self._loudest = max(self._loudest, float(made.max()))
            self._frames = made if self._frames is None else np.concatenate([self._frames, made], axis=1)

    def _hear(self, least: int) -> list[Line]:
        lines: list[Line] = []
        while self._frames is not None and self._frames.shape[1] >= least:
            window = scaled(self._frames[:, :FRAMES], self._loudest)
            found, onward = self._ear.hear(window, self._seek, self._course)
            lines += found
            self._frames = self._frames[:, onward - self._seek :].copy()
            self._seek = onward
        return lines


class Batches:
    """Takes speech, gives lines: ``size`` chunks at a time."""

    def __init__(self, ear: Ear, course: Course, size: int) -> None:
        self._ear = ear
        self._course = course
        self._size = size
        self._span: list[FloatArray] = []  # the one that is open
        self._chunk: list[FloatArray] = []  # whole spans
        self._ready: list[FloatArray] = []
        self._offset = 0  # samples before those that are ready

    def add(self, samples: FloatArray, begins: bool) -> list[Line]:
        """What a full batch says."""
        if begins:
            self._end_span()
        self._span.append(samples)
        return self._hear(self._size)

    def finish(self) -> list[Line]:
        """What the rest says."""
        self._end_span()
        self._end_chunk()
        return self._hear(1)

    def _end_span(self) -> None:
        """It joins the chunk, or begins the next where that would grow too long."""
        if self._chunk and _length(self._chunk) + _length(self._span) > _CHUNK:
            self._end_chunk()
        self._chunk += self._span
        self._span = []

    def _end_chunk(self) -> None:
        if self._chunk:
            self._ready.append(np.concatenate(self._chunk))
            self._chunk = []

    def _hear(self, least: int) -> list[Line]:
        lines = []
        while len(self._ready) >= least:
            chunks, self._ready = self._ready[: self._size], self._ready[self._size :]
            ends = np.cumsum([self._offset, *map(len, chunks)])
            lines += self._ear.hear_many(chunks, [end / RATE for end in ends[:-1].tolist()], self._course)
            self._offset = int(ends[-1])
        return lines


def _length(runs: Sequence[FloatArray]) -> int:
    return sum(map(len, runs))
