"""Where someone speaks: segments of speech, and how much of the recording they are.

Aim: to tell speech from music, noise and silence, and when it is heard.
Reference: Silero VAD 6 (MIT): the probability of speech of every 32 ms, and its published rules that make segments of it,
with the names and defaults of ``get_speech_timestamps``. ``threshold``: speech begins at this probability; it ends below
``neg_threshold``, 0.15 less where none is given and 0.01 at least, once for ``min_silence_duration_ms``. Shorter segments
than ``min_speech_duration_ms`` are left out, the others begin and end ``speech_pad_ms`` sooner and later.
The network forgets how speech sounds during minutes of music: in a trial with speech after three minutes of it, the share
of speech found fell from 97 to 88 %, and was 94 % with a fresh start every ``reset_seconds`` (of version 6.2: 99, 91, 98).
With 0 there is none, as published; recordings of up to 30 s are the same either way.
Conventions: s from the beginning, in samples at 16 kHz, exactly. ``ratio`` is ``speech_seconds`` over the duration, 0..1;
null where there is no sound at all. Singing counts in part: alone nearly all of it, with a band some, long vowels none.
Silence: no segments, ratio 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lookhear.errors import InvalidOptions
from lookhear.media.forms import FloatArray
from lookhear.tasks.audio.speech.segments import Rules, Segments
from lookhear.tasks.base import AUTO, Block, Context, Fold, Form, Task
from lookhear.tasks.voice import WINDOW, Probabilities, Run

_RATE = 16000
_POINT = 32  # windows to a point of the curve
_SOONEST = 5.0  # s


@dataclass(frozen=True)
class SpeechOptions:
    """``curve``: also give the probability of speech about once a second."""

    threshold: float = 0.5
    neg_threshold: float | None = None
    min_speech_duration_ms: int = 250
    min_silence_duration_ms: int = 100
    speech_pad_ms: int = 30
    reset_seconds: float = 30.0
    curve: bool = False
    model: str = AUTO

    def __post_init__(self) -> None:
        lower = self.threshold if self.neg_threshold is None else self.neg_threshold
        if not (0 < self.threshold <= 1 and 0 <= lower <= self.threshold):
            raise InvalidOptions("speech: 0 < threshold ≤ 1 and 0 ≤ neg_threshold ≤ threshold must hold.")
        if min(self.min_speech_duration_ms, self.min_silence_duration_ms, self.speech_pad_ms) < 0:
            raise InvalidOptions("speech: durations and the padding must be 0 ms or more.")
        if self.reset_seconds and self.reset_seconds < _SOONEST:
            raise InvalidOptions(f"speech: reset_seconds must be 0, or {_SOONEST:g} or more.")

    @property
    def rules(self) -> Rules:
        """What makes segments."""
        lower = max(self.threshold - 0.15, 0.01) if self.neg_threshold is None else self.neg_threshold
        durations = self.min_speech_duration_ms, self.min_silence_duration_ms, self.speech_pad_ms
        return Rules(self.threshold, lower, *durations)


@dataclass(frozen=True)
class SpeechSegment:
    """Speech from ``start`` to ``end``."""

    start: float  #: s
    end: float  #: s


@dataclass(frozen=True)
class SpeechCurve:
    """Mean probability of speech; value i is of ``step`` seconds around ``start`` + i * ``step``."""

    start: float  #: s
    step: float  #: s
    values: tuple[float, ...]  #: 0..1


@dataclass(frozen=True)
class SpeechResult:
    """No sound: no segments, and no ratio."""

    segments: tuple[SpeechSegment, ...] = ()  #: in order; they do not overlap
    segment_count: int = 0
    speech_seconds: float = 0.0
    ratio: float | None = None  #: 0..1, share of the recording
    curve: SpeechCurve | None = None


class SpeechFold:
    """Probabilities become segments at once; ``run`` is the network."""

    def __init__(self, run: Run, options: SpeechOptions) -> None:
        self._probabilities = Probabilities(run, round(options.reset_seconds * _RATE / WINDOW))
        self._segments = Segments(options.rules)
        self._curve = _Curve() if options.curve else None
        self._samples = 0

    def add(self, block: Block) -> None:
        """Samples at 16 kHz."""
        if block.samples is not None:
            self._samples += len(block.samples.data)
            self._take(self._probabilities.add(block.samples.data))

    def _take(self, probabilities: FloatArray) -> None:
        self._segments.add(probabilities)
        if self._curve is not None:
            self._curve.add(probabilities)

    def finish(self) -> SpeechResult:
        """The segments."""
        self._take(self._probabilities.finish())
        found = self._segments.finish(self._samples)
        spoken = sum(end - start for start, end in found)
        return SpeechResult(
            segments=tuple(SpeechSegment(start / _RATE, end / _RATE) for start, end in found),
            segment_count=len(found),
            speech_seconds=spoken / _RATE,
            ratio=spoken / self._samples if self._samples else None,
            curve=self._curve.finish() if self._curve is not None else None,
        )


class _Curve:
    """Means over runs of windows."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)
        self._values: list[float] = []

    def add(self, probabilities: FloatArray) -> None:
        values = np.concatenate([self._rest, probabilities])
        whole = len(values) // _POINT * _POINT
        self._rest = values[whole:]
        self._put(values[:whole].reshape(-1, _POINT))

    def _put(self, rows: FloatArray) -> None:
        self._values += np.round(rows.mean(axis=1, dtype=np.float64), 4).tolist()

    def finish(self) -> SpeechCurve:
        if len(self._rest):
            self._put(self._rest[None])
        step = _POINT * WINDOW / _RATE
        return SpeechCurve(step / 2, step, tuple(self._values))


class Speech(Task[SpeechOptions, SpeechResult]):
    """Silero VAD on sound."""

    name = "speech"
    version = "1"
    summary = "where someone speaks, and how much of the recording that is"
    kinds = frozenset({"audio", "video"})
    role = "speech"
    forms = frozenset({Form.MONO_16K})
    headline: ClassVar[dict[str, str]] = {"speech": "ratio"}
    Options = SpeechOptions
    Result = SpeechResult

    def start(self, context: Context, options: SpeechOptions) -> Fold[SpeechResult]:
        """A fresh fold."""
        return SpeechFold(context.models[self.role].run, options)


TASKS = (Speech(),)
