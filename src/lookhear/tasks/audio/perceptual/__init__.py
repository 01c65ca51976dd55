"""How a recording is heard: loudness, its range and course, dynamic range, energy, danceability.

Aim: the values of listening that a published method gives, and by models those that none does.
Reference: loudness ITU-R BS.1770-4 and EBU R128; loudness_range EBU Tech 3342; dynamic_range the TT Dynamic Range
Meter (DR14); danceability Streich and Herrera, AES 118 (2005), as in Essentia: 1 / alpha, which runs from 0 to about
3, divided by 3 and cut at 1; energy Stevens' power law of loudness ("The Measurement of Loudness", JASA 27, 1955: twice
as loud for every 10 dB) of the integrated loudness, 2 ** (LUFS / 10), so 1 = 0 LUFS, 0.38 = -14, 0.20 = -23.
With models: acousticness is how likely no listener would name anything amplified or electronic, instrumentalness how
likely none would name a voice (both by the tags of MusiCNN, see ``words``; where there is no music they mean little),
speechiness the share of the recording that is speech (Silero VAD). No model here tells valence or liveness.
Conventions: LUFS and LU; dynamic_range in dB; the others 0..1. Mono counts as one channel (no +3 dB); LFE does not
count, surround channels count 1.5 dB more. Silence: null. Below 0.4 s no loudness, below 3 s no short-term loudness and
range, up to 9 s no dynamic range, below 10 s no danceability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lookhear.dsp.loudness import LoudnessMeter, measure, short_term_curve
from lookhear.dsp.quality_dynamics import Dynamics
from lookhear.dsp.quality_units import Units
from lookhear.tasks.audio.perceptual.danceability import Danceability
from lookhear.tasks.audio.perceptual.told import Told
from lookhear.tasks.audio.perceptual.weights import channel_weights
from lookhear.tasks.base import Block, Context, FloatArray, Fold, Form, Task

_DANCEABLE = 3.0  # 1 / alpha of the most danceable music, by Essentia's documentation
_CURVE_STEP = 10  # hops of 100 ms


@dataclass(frozen=True)
class PerceptualOptions:
    """``curve``: also give the short-term loudness once a second."""

    curve: bool = False


@dataclass(frozen=True)
class LoudnessCurve:
    """Short-term loudness (3 s windows); value i is of the window that ends at ``start`` + i * ``step``."""

    start: float  #: s
    step: float  #: s
    values: tuple[float | None, ...]  #: LUFS; null below -70


@dataclass(frozen=True)
class PerceptualResult:
    """Null where there is nothing to hear, too little of it, or neither a published formula nor a model."""

    energy: float | None = None  #: 0..1
    valence: float | None = None  #: always null: no model that is known tells it
    danceability: float | None = None  #: 0..1
    acousticness: float | None = None  #: 0..1
    instrumentalness: float | None = None  #: 0..1
    liveness: float | None = None  #: always null
    speechiness: float | None = None  #: 0..1, share of the recording
    loudness: float | None = None  #: LUFS, integrated
    loudness_range: float | None = None  #: LU
    loudness_momentary_max: float | None = None  #: LUFS, 0.4 s
    loudness_short_term_max: float | None = None  #: LUFS, 3 s
    dynamic_range: float | None = None  #: dB, DR14
    curve: LoudnessCurve | None = None


class PerceptualFold:
    """The running meters."""

    def __init__(self, context: Context, options: PerceptualOptions) -> None:
        self._context, self._options = context, options
        self._native: _Native | None = None
        self._danceability = Danceability()

    def add(self, block: Block) -> None:
        """Native samples feed loudness and dynamics, the mono signal danceability."""
        samples = block.samples
        if samples is None or not samples.data.shape[-1]:
            return
        if block.form is Form.MONO_22K:
            self._danceability.add(samples.data)
            return
        if self._native is None:
            sound = self._context.probe.sound
            layout = self._context.heard.layout or (sound.layout if sound else "")
            self._native = _Native(samples.rate, channel_weights(layout, len(samples.data)))
        self._native.add(samples.data)

    def finish(self) -> PerceptualResult:
        """The values, with a word on each kind of null."""
        if self._native is None:
            self._context.warn("There is no sound in it: all perceptual values are null.")
            return PerceptualResult()
        powers = self._native.finish()
        measured = measure(powers)
        if measured.integrated is None:
            self._context.warn(
                "It is shorter than 0.4 s, so it has no loudness."
                if len(powers) < 4
                else "It never rises above -70 LUFS, so it has no loudness."
            )
        told = Told.of(self._context.results)
        self._context.warn(told.complaint)
        danceability = self._danceability.finish()
        return PerceptualResult(
            energy=None if measured.integrated is None else min(1.0, 2 ** (measured.integrated / 10)),
            danceability=None if danceability is None else min(1.0, danceability / _DANCEABLE),
            acousticness=told.acousticness,
            instrumentalness=told.instrumentalness,
            speechiness=told.speechiness,
            loudness=measured.integrated,
            loudness_range=measured.range,
            loudness_momentary_max=measured.momentary_max,
            loudness_short_term_max=measured.short_term_max,
            dynamic_range=self._native.dynamics.finish(),
            curve=_curve(powers, self._native.hop) if self._options.curve else None,
        )


class _Native:
    """What is measured on the samples as they are in the file."""

    def __init__(self, rate: int, weights: tuple[float, ...]) -> None:
        self.hop = max(1, rate // 10) / rate  #: s
        self.dynamics = Dynamics(rate, len(weights))
        self._units = Units(len(weights))
        self._loudness = LoudnessMeter(rate, weights)

    def add(self, data: FloatArray) -> None:
        for unit in self._units.add(data):
            self._take(unit)

    def _take(self, unit: FloatArray) -> None:
        self.dynamics.add(unit)
        self._loudness.add(unit)

    def finish(self) -> FloatArray:
        rest = self._units.rest()
        if rest.shape[1]:
            self._take(rest)
        return self._loudness.powers()


def _curve(powers: FloatArray, hop: float) -> LoudnessCurve:
    return LoudnessCurve(30 * hop, _CURVE_STEP * hop, short_term_curve(powers, _CURVE_STEP))


class Perceptual(Task[PerceptualOptions, PerceptualResult]):
    """Loudness, loudness range, dynamic range, energy, danceability."""

    name = "perceptual"
    version = "2"
    uses = ("music_tags", "speech")
    summary = "loudness (EBU R128), dynamic range, energy, danceability"
    kinds = frozenset({"audio", "video"})
    forms = frozenset({Form.NATIVE, Form.MONO_22K})
    headline: ClassVar[dict[str, str]] = {"LUFS": "loudness"}
    Options = PerceptualOptions
    Result = PerceptualResult

    def start(self, context: Context, options: PerceptualOptions) -> Fold[PerceptualResult]:
        """A fresh fold."""
        return PerceptualFold(context, options)


TASKS = (Perceptual(),)
