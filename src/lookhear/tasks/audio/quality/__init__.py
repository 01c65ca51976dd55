"""How good a recording is technically: levels, clipping, noise, bandwidth, hum, channels; problems in words, one score.

Aim: what an engineer checks before use, each by a published or stated definition.
Reference: true_peak ITU-R BS.1770-4; dynamic_range DR14; thd IEC 61000 / AES17; snr of a steady tone AES17, else after
the idea of NIST's STNR: the level that 5 % of the 10 ms frames pass over that which 2 % stay below, where there is a
noise floor to see: the quietest 8 % of the frames (digital silence left out) within 3 dB, 15 dB below the sound. The
other definitions stand in ``lookhear.dsp.quality_*``.
Conventions: dBFS with full scale = amplitude 1; seconds; Hz. ``bit_depth`` is probed on an eighth of the samples.
quality_score: 0.4 + 0.6 * bandwidth / 16 kHz (at most 1), times 0.95, 0.8 or 0.5 for each low, medium or high problem.
Silence and empty input: no levels, no score, the problem "silent"; below 0.1 s no bandwidth; below 12 s no hum.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from lookhear.dsp.quality_levels import Levels
from lookhear.tasks.audio.quality.meters import Meters
from lookhear.tasks.audio.quality.result import Clipping, QualityResult, Silence
from lookhear.tasks.audio.quality.verdict import is_integer, problems, score
from lookhear.tasks.base import Block, Context, Fold, Form, NoOptions, Task

_APART, _EVEN = 15.0, 3.0  # dB
_SIGNAL, _PAUSE, _NOISE = 0.95, 0.08, 0.02  # shares of the frames


class QualityFold:
    """The running meters."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._meters: Meters | None = None

    def add(self, block: Block) -> None:
        """Native samples."""
        samples = block.samples
        if samples is None or not samples.data.shape[-1]:
            return
        if self._meters is None:
            self._meters = Meters(samples.rate, len(samples.data))
        self._meters.add(samples.data)

    def finish(self) -> QualityResult:
        """The measures, the problems they show, and the score."""
        if self._meters is None:
            self._context.warn("There is no sound in it: its quality cannot be judged.")
            return QualityResult()
        meters, stream = self._meters, self._context.probe.sound
        meters.finish()
        measured = _measure(meters)
        if is_integer(stream):
            measured = replace(measured, bit_depth=meters.bit_depth)
        measured = replace(measured, problems=problems(measured, stream, meters.rate))
        return replace(measured, quality_score=score(measured))


def _measure(meters: Meters) -> QualityResult:
    levels = meters.levels
    silence = Silence(*_silence(levels))
    if not meters.peak or not levels.energies.any():  # the square of a subnormal sample is zero
        return QualityResult(silence=silence)
    tone, noise_floor = meters.spectrum.tone(), levels.percentile(_NOISE)
    peak = _decibels(meters.peak)
    rms = _decibels(float(levels.energies.sum() / (meters.samples * meters.channels)) ** 0.5)
    return QualityResult(
        snr=tone.snr if tone else _snr(levels),
        thd=tone.thd if tone else None,
        dynamic_range=meters.dynamics.finish(),
        true_peak=meters.true_peak.finish(),
        sample_peak=peak,
        rms=rms,
        crest_factor=peak - rms,
        noise_floor=noise_floor,
        clipping=_clipping(meters),
        silence=silence,
        bandwidth=meters.spectrum.bandwidth(),
        hum=None if tone else meters.hum.finish(),
        dc_offset=float(np.abs(meters.sums).max()) / meters.samples,
        channel_correlation=meters.correlation,
        channel_balance=_balance(meters),
        dropouts=tuple(levels.dropouts.kept),
        dropout_count=levels.dropouts.count,
    )


def _snr(levels: Levels) -> float | None:
    signal, pause, noise = (levels.percentile(share) for share in (_SIGNAL, _PAUSE, _NOISE))
    if signal is None or pause is None or noise is None or signal - noise < _APART or pause - noise > _EVEN:
        return None
    return 10 * float(np.log10(10 ** ((signal - noise) / 10) - 1))


def _silence(levels: Levels) -> tuple[float, float, float, float]:
    """Leading, trailing, longest (s) and share; all of a silent recording leads."""
    step = levels.seconds_per_frame
    leading = levels.frames if levels.leading is None else levels.leading
    trailing = 0 if levels.leading is None else levels.trailing
    return leading * step, trailing * step, levels.longest * step, levels.silent_frames / max(1, levels.frames)


def _clipping(meters: Meters) -> Clipping:
    found = meters.clipping
    ratio = found.samples / (meters.samples * meters.channels)
    return Clipping(ratio, found.events.count, _decibels(found.ceiling or meters.peak), tuple(found.events.kept))


def _balance(meters: Meters) -> float | None:
    """Left over right in dB, within 120 dB; None unless there are two channels."""
    if meters.channels != 2:
        return None
    left, right = (float(energy) for energy in meters.levels.energies)
    least = 1e-12 * max(left, right)
    return 10 * float(np.log10(max(left, least) / max(right, least)))


def _decibels(amplitude: float) -> float:
    return 20 * float(np.log10(amplitude))


class Quality(Task[NoOptions, QualityResult]):
    """Technical quality: levels, clipping, noise, bandwidth, hum, channels."""

    name = "quality"
    version = "1"
    summary = "true peak, clipping, noise, bandwidth, hum, channel faults; problems and a score"
    kinds = frozenset({"audio"})
    forms = frozenset({Form.NATIVE})
    headline: ClassVar[dict[str, str]] = {"quality": "quality_score"}
    Result = QualityResult

    def start(self, context: Context, options: NoOptions) -> Fold[QualityResult]:
        """A fresh fold."""
        return QualityFold(context)


class SoundQuality(Quality):
    """The same of the sound track of a film, whose pictures have a quality of their own."""

    name = "sound_quality"
    kinds = frozenset({"video"})
    headline: ClassVar[dict[str, str]] = {"sound": "quality_score"}


TASKS = (Quality(), SoundQuality())
