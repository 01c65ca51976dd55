"""From measures to problems in words, and to one score."""

from __future__ import annotations

from collections.abc import Iterator

from lookhear.media.probe import AudioStream
from lookhear.tasks.audio.quality.result import Problem, QualityResult

LOSSLESS = frozenset({"flac", "alac", "ape", "wavpack", "tta", "tak", "shorten", "mlp", "truehd", "als", "wmalossless"})
_COMPANDED = frozenset({"pcm_mulaw", "pcm_alaw", "pcm_vidc"})
_FACTORS = {"low": 0.95, "medium": 0.8, "high": 0.5}
_FULL_BANDWIDTH = 16000.0  # Hz


def is_lossless(stream: AudioStream | None) -> bool:
    """Does the codec keep every sample?"""
    codec = stream.codec if stream else ""
    return codec in LOSSLESS or (codec.startswith("pcm_") and codec not in _COMPANDED)


def is_integer(stream: AudioStream | None) -> bool:
    """Are the samples whole numbers, kept as they were?"""
    return is_lossless(stream) and stream is not None and not stream.sample_format.startswith(("flt", "dbl"))


def score(result: QualityResult) -> float | None:
    """0..1: 0.4 + 0.6 * bandwidth / 16 kHz (at most 1), times 0.95, 0.8 or 0.5 for each low, medium or high problem.

    None for silence and for sound too short to have a bandwidth.
    """
    if result.bandwidth is None:
        return None
    value = min(1.0, 0.4 + 0.6 * result.bandwidth / _FULL_BANDWIDTH)
    for problem in result.problems:
        value *= _FACTORS[problem.severity]
    return value


def problems(result: QualityResult, stream: AudioStream | None, rate: int) -> tuple[Problem, ...]:
    """All that is wrong, worst first."""
    if result.sample_peak is None:
        return (Problem("silent", "high", "There is nothing but silence in it."),)
    found = [*_level(result), *_noise(result), *_channels(result), *_source(result, stream, rate)]
    return tuple(sorted(found, key=lambda problem: _FACTORS[problem.severity]))


def _level(result: QualityResult) -> Iterator[Problem]:
    clipping = result.clipping
    if clipping is not None and clipping.runs:
        severity = "high" if clipping.ratio > 1e-3 else "medium" if clipping.ratio > 1e-5 else "low"
        message = f"It is clipped in {clipping.runs} places, at {clipping.level:.1f} dBFS."
        yield Problem("clipping", severity, message, clipping.events[0].start, clipping.events[-1].end)
    elif result.true_peak is not None and result.true_peak > 0:
        message = f"It peaks at {result.true_peak:+.1f} dBTP: players and encoders may clip it."
        yield Problem("true_peak", "low", message)
    if result.rms is not None and result.rms < -50:
        yield Problem("quiet", "medium", f"It is very quiet ({result.rms:.0f} dBFS on average).")
    silence = result.silence
    if silence is not None and silence.ratio > 0.5:
        yield Problem("silence", "medium", f"{silence.ratio:.0%} of it is silence.")
    elif silence is not None and max(silence.leading, silence.trailing) > 5:
        message = f"There is silence at its ends: {silence.leading:.1f} s before, {silence.trailing:.1f} s after."
        yield Problem("silence", "low", message)
    if result.dc_offset is not None and result.dc_offset > 0.003:
        severity = "medium" if result.dc_offset > 0.03 else "low"
        yield Problem("dc_offset", severity, f"The samples lie {result.dc_offset:.1%} off the middle (DC offset).")


def _noise(result: QualityResult) -> Iterator[Problem]:
    if result.snr is not None and result.snr < 20:
        severity = "high" if result.snr < 10 else "medium"
        yield Problem("noise", severity, f"The noise is only {result.snr:.0f} dB below the sound.")
    if result.hum is not None and result.rms is not None:
        below = result.rms - result.hum.level
        severity = "medium" if below < 40 else "low"
        yield Problem("hum", severity, f"It hums at {result.hum.frequency} Hz, {below:.0f} dB below the sound.")
    if result.thd is not None and result.thd > 0.01:
        severity = "high" if result.thd > 0.1 else "medium"
        yield Problem("distortion", severity, f"The tone is distorted: {result.thd:.1%} of it are harmonics.")
    if result.dropouts:
        severity = "medium" if result.dropout_count < 5 else "high"
        message = f"The sound drops out {result.dropout_count} times."
        yield Problem("dropouts", severity, message, result.dropouts[0].start, result.dropouts[-1].end)


def _channels(result: QualityResult) -> Iterator[Problem]:
    balance, correlation = result.channel_balance, result.channel_correlation
    if balance is not None and abs(balance) > 40:
        side = "right" if balance > 0 else "left"
        yield Problem("dead_channel", "high", f"There is next to nothing on the {side} channel.")
        return
    if balance is not None and abs(balance) > 6:
        side = "left" if balance > 0 else "right"
        yield Problem("imbalance", "low", f"The {side} channel is {abs(balance):.0f} dB louder than the other.")
    if correlation is not None and correlation < -0.8:
        yield Problem("phase", "high", "One channel is inverted: played in mono, they cancel.")
    elif correlation is not None and balance is not None and correlation > 0.99999 and abs(balance) < 0.01:
        yield Problem("mono_as_stereo", "low", "Both channels are the same: it is mono.")


def _source(result: QualityResult, stream: AudioStream | None, rate: int) -> Iterator[Problem]:
    declared = stream.bits_per_sample if stream else None
    if result.bit_depth is not None and declared and result.bit_depth <= min(declared, 24) - 4:
        message = f"Only {result.bit_depth} of its {declared} bits are in use."
        yield Problem("padded_bits", "low", message)
    width = result.bandwidth
    if width is None or result.thd is not None or width > 0.94 * rate / 2:
        return
    if width < 0.56 * rate / 2 and rate >= 16000:
        message = f"It ends at {width / 1000:.1f} kHz: it was made at a lower sampling rate than its {rate} Hz."
        yield Problem("upsampled", "medium", message)
    elif is_lossless(stream) and width >= 10000 and rate <= 48000:
        message = f"It ends abruptly at {width / 1000:.1f} kHz: a lossy encoder was at work before this lossless one."
        yield Problem("lossy_source", "medium" if width < 19500 else "low", message)
