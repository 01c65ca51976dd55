"""The quality task on sounds whose faults are known, because they were put there."""

from __future__ import annotations

import copy
import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookhear.dsp.quality_units import HopEnergy
from lookhear.media.forms import Form, Samples
from lookhear.media.probe import AudioStream, Probe
from lookhear.tasks.audio.quality import TASKS
from lookhear.tasks.audio.quality.result import QualityResult
from lookhear.tasks.base import Block, Context, NoOptions

Sound = NDArray[np.float32]
RATE = 44100


def run(
    x: Sound, rate: int = RATE, *, block: int = 132300, codec: str = "flac", kind: str = "s16", bits: int | None = 16
) -> QualityResult:
    stream = AudioStream(0, codec, rate, len(x), ("mono", "stereo")[len(x) - 1], kind, bits)
    context = Context(Probe("audio", "flac", "FLAC", audio=(stream,), audio_index=0), lambda warning: None)
    fold = TASKS[0].start(context, NoOptions())
    for at in range(0, x.shape[1], block):
        fold.add(Block(Form.NATIVE, samples=Samples(at, rate, x[:, at : at + block])))
    return fold.finish()


def codes(result: QualityResult) -> set[str]:
    return {problem.code for problem in result.problems}


def noise(seconds: float, rate: int = RATE, channels: int = 2, seed: int = 1) -> Sound:
    random = np.random.default_rng(seed)
    return (0.05 * random.standard_normal((channels, round(seconds * rate)))).astype(np.float32)


def sine(frequency: float, seconds: float, amplitude: float = 0.5, rate: int = RATE) -> Sound:
    return (amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def lowpass(x: Sound, edge: float, rate: int = RATE) -> Sound:
    spectrum = np.fft.rfft(x)
    spectrum[:, np.fft.rfftfreq(x.shape[1], 1 / rate) > edge] = 0
    return np.fft.irfft(spectrum, x.shape[1]).astype(np.float32)


def dithered(x: Sound, bits: int) -> Sound:
    """To integers of so many bits, and back."""
    scale = 2.0 ** (bits - 1)
    return (np.clip(np.round(x * scale), -scale, scale - 1) / scale).astype(np.float32)


def test_a_clean_recording_has_no_problems() -> None:
    result = run(dithered(noise(20), 16))
    assert result.problems == ()
    assert result.quality_score == 1.0
    assert result.bandwidth == RATE / 2
    assert result.bit_depth == 16
    assert result.rms == pytest.approx(-26.02, abs=0.05)
    assert result.crest_factor == pytest.approx(result.sample_peak - result.rms)  # type: ignore[operator]
    assert result.channel_correlation == pytest.approx(0, abs=0.01)
    assert result.channel_balance == pytest.approx(0, abs=0.1)
    assert result.clipping is not None and result.clipping.runs == 0
    assert result.hum is None and result.thd is None


@pytest.mark.parametrize("ceiling", [1.0, 0.5])
def test_clipping_is_counted_and_placed(ceiling: float) -> None:
    x = np.stack([sine(997, 10, 0.3)] * 2)
    x[0, 5 * RATE : 5 * RATE + 441] *= 5  # ten periods
    x[0] = np.clip(x[0], -ceiling, ceiling)
    x[1] *= 0.5
    result = run(x)
    assert result.clipping is not None
    assert result.clipping.runs == pytest.approx(20, abs=1)
    assert result.clipping.level == pytest.approx(20 * np.log10(ceiling), abs=0.01)
    assert result.clipping.ratio == pytest.approx(np.count_nonzero(np.abs(x) == ceiling) / x.size, rel=0.1)
    (event,) = result.clipping.events
    assert event.start == pytest.approx(5.0, abs=0.002) and event.end == pytest.approx(5.01, abs=0.002)
    assert "clipping" in codes(result)


@pytest.mark.parametrize("frequency", [20, 50, 440, 5000])
def test_a_sine_at_full_scale_is_not_clipped(frequency: float) -> None:
    result = run(dithered(sine(frequency, 6, 1.0)[None], 16))
    assert result.clipping is not None and result.clipping.runs == 0


def test_samples_beyond_full_scale_are_clipping() -> None:
    assert "clipping" in codes(run(sine(200, 4, 1.3)[None], codec="mp3", kind="fltp", bits=None))


def test_silence_is_measured() -> None:
    gap = np.zeros((2, RATE), np.float32)
    x = np.concatenate([gap, gap, noise(3), gap, noise(3), gap, gap, gap], axis=1)
    silence = run(x).silence
    assert silence is not None
    assert silence.leading == pytest.approx(2, abs=0.02)
    assert silence.trailing == pytest.approx(3, abs=0.02)
    assert silence.longest == pytest.approx(3, abs=0.02)
    assert silence.ratio == pytest.approx(0.5, abs=0.01)


def test_a_dropout_is_found_and_a_pause_is_not() -> None:
    x = noise(10)
    x[:, 4 * RATE : 4 * RATE + 4410] = 0
    result = run(x)
    assert result.dropout_count == 1 and "dropouts" in codes(result)
    assert result.dropouts[0].start == pytest.approx(4.0, abs=0.011)
    assert result.dropouts[0].end == pytest.approx(4.1, abs=0.011)
    x[:, 4 * RATE : 6 * RATE] = 0
    assert run(x).dropout_count == 0


@pytest.mark.parametrize("frequency", [50, 60])
def test_hum_is_found_under_music(frequency: int) -> None:
    x = noise(30)
    for k, amplitude in ((1, 0.004), (2, 0.002), (3, 0.002)):
        x += sine(k * frequency * 1.0003, 30, amplitude)
    hum = run(x).hum
    assert hum is not None and hum.frequency == frequency and hum.harmonics[:3] == (1, 2, 3)
    assert hum.level == pytest.approx(10 * np.log10((0.004**2 + 2 * 0.002**2) / 2), abs=1.0)
    assert "hum" in codes(run(x))


def test_bass_notes_are_no_hum() -> None:
    notes = [48.99, 55.0, 61.74, 65.41, 73.42, 58.27]
    x = noise(30)
    x += np.concatenate([sine(note, 5, 0.05) + sine(2 * note, 5, 0.03) for note in notes])
    assert run(x).hum is None


@pytest.mark.parametrize(
    ("edge", "rate", "code"),
    [(16000, 44100, "lossy_source"), (20000, 44100, "lossy_source"), (22050, 96000, "upsampled")],
)
def test_a_cut_spectrum_is_found(edge: float, rate: int, code: str) -> None:
    result = run(dithered(lowpass(noise(12, rate), edge, rate), 24), rate, kind="s32", bits=24)
    assert result.bandwidth == pytest.approx(edge, abs=200)
    assert codes(result) == {code}
    lossy = run(lowpass(noise(12, rate), edge, rate), rate, codec="mp3", kind="fltp", bits=None)
    assert "lossy_source" not in codes(lossy)


def test_a_spectrum_that_falls_gently_is_not_cut() -> None:
    x = noise(12)
    spectrum = np.fft.rfft(x)
    spectrum /= np.maximum(1, np.fft.rfftfreq(x.shape[1], 1 / RATE) / 500) ** 2  # -12 dB per octave
    result = run(dithered(8 * np.fft.irfft(spectrum, x.shape[1]).astype(np.float32), 24), kind="s32", bits=24)
    assert result.bandwidth == RATE / 2 and result.problems == ()


@pytest.mark.parametrize("distortion", [0.001, 0.01, 0.1])
def test_distortion_of_a_tone(distortion: float) -> None:
    x = sine(1000, 6) + sine(2000, 6, 0.5 * distortion * 0.8) + sine(3000, 6, 0.5 * distortion * 0.6)
    assert run(x[None]).thd == pytest.approx(distortion, rel=0.02)


@pytest.mark.parametrize("decibels", [30, 50, 70])
def test_noise_under_a_tone(decibels: float) -> None:
    level = 0.5 / np.sqrt(2) * 10 ** (-decibels / 20)
    x = sine(1000, 8) + (level * np.random.default_rng(0).standard_normal(8 * RATE)).astype(np.float32)
    result = run(x[None])
    assert result.snr == pytest.approx(decibels, abs=0.7)


@pytest.mark.parametrize("decibels", [25, 45])
def test_noise_between_words(decibels: float) -> None:
    """A noise floor, and over half the time a louder noise that stands for speech."""
    speech, floor = noise(20, channels=1), noise(20, channels=1, seed=5) * np.float32(10 ** (-decibels / 20))
    spoken = (np.arange(speech.shape[1]) // (RATE // 2)) % 2 == 0
    assert run(speech * spoken + floor).snr == pytest.approx(decibels, abs=1.5)


def test_music_has_no_thd_and_without_a_pause_no_snr() -> None:
    result = run(noise(10))
    assert result.thd is None and result.snr is None


def test_faults_of_the_channels() -> None:
    one = noise(5, channels=1)[0]
    other = noise(5, channels=1, seed=9)[0]
    assert "mono_as_stereo" in codes(run(np.stack([one, one])))
    assert "phase" in codes(run(np.stack([one, -one])))
    assert "dead_channel" in codes(run(np.stack([one, 0 * one])))
    assert "imbalance" in codes(run(np.stack([one, other * np.float32(0.3)])))
    half = run(np.stack([one, np.float32(0.6) * one + np.float32(0.8) * other]))
    assert half.channel_correlation == pytest.approx(0.6, abs=0.01) and half.problems == ()
    assert run(one[None]).channel_correlation is None


@pytest.mark.parametrize("bits", [8, 12, 16, 20, 24])
def test_bits_in_use(bits: int) -> None:
    result = run(dithered(noise(3), bits), kind="s32", bits=24)
    assert result.bit_depth == bits
    assert ("padded_bits" in codes(result)) == (bits <= 20)
    assert run(dithered(noise(3), bits), codec="mp3", kind="fltp", bits=None).bit_depth is None


def test_dc_offset() -> None:
    result = run(noise(3) + np.float32(0.05))
    assert result.dc_offset == pytest.approx(0.05, abs=0.001) and "dc_offset" in codes(result)


@pytest.mark.parametrize("samples", [0, 1, 100, 200000])
def test_silence_is_a_problem_and_nothing_else(samples: int) -> None:
    result = run(np.zeros((2, samples), np.float32))
    assert (result.sample_peak, result.true_peak, result.rms, result.quality_score) == (None,) * 4
    assert codes(result) == ({"silent"} if samples else set())
    if samples == 200000:
        assert result.silence is not None and result.silence.ratio == 1.0


def test_one_sample_has_a_level() -> None:
    result = run(np.full((1, 1), 0.5, np.float32))
    assert result.sample_peak == pytest.approx(-6.02, abs=0.01) and result.bandwidth is None


@settings(max_examples=8, deadline=None)
@given(block=st.integers(500, 200000), rate=st.sampled_from([8000, 44100]))
def test_blocks_of_any_size_give_the_same(block: int, rate: int) -> None:
    x = np.clip(noise(6, rate) * 8, -1, 1)
    assert run(x, rate, block=block) == run(x, rate, block=x.shape[1])


def test_tiny_blocks_give_the_same() -> None:
    x = noise(0.2)
    assert run(x, block=3) == run(x)


@settings(max_examples=8, deadline=None)
@given(gain=st.floats(-20, 0))
def test_gain_moves_the_levels_alone(gain: float) -> None:
    x = noise(5) * 4
    before, after = run(x), run(x * np.float32(10 ** (gain / 20)))
    for name in ("true_peak", "sample_peak", "rms"):
        assert getattr(after, name) == pytest.approx(getattr(before, name) + gain, abs=0.01)
    assert after.crest_factor == pytest.approx(before.crest_factor, abs=0.001)
    assert after.bandwidth == before.bandwidth


def test_the_result_is_plain() -> None:
    x = np.clip(noise(6) * 10, -1, 1)
    x[:, RATE : RATE + 2000] = 0
    assert json.loads(json.dumps(dataclasses.asdict(run(x))))["clipping"]["runs"] > 0


def test_a_copy_can_be_finished_while_the_fold_goes_on() -> None:
    x = noise(8)
    fold = TASKS[0].start(Context(Probe("audio", "flac", "FLAC"), lambda warning: None), NoOptions())
    fold.add(Block(Form.NATIVE, samples=Samples(0, RATE, x[:, :100000])))
    early = copy.deepcopy(fold).finish()
    fold.add(Block(Form.NATIVE, samples=Samples(100000, RATE, x[:, 100000:])))
    assert early.rms == run(x[:, :100000]).rms and fold.finish().rms == run(x).rms


@settings(max_examples=30, deadline=None)
@given(hop=st.integers(1, 500), sizes=st.lists(st.integers(0, 700), max_size=12))
def test_energies_of_hops(hop: int, sizes: list[int]) -> None:
    x = np.random.default_rng(0).standard_normal((2, sum(sizes))).astype(np.float32)
    meter, found, at = HopEnergy(2, hop), [], 0
    for size in sizes:
        found.append(meter.add(x[:, at : at + size]))
        at += size
    whole = x.shape[1] // hop
    expected = (x[:, : whole * hop].astype(float).reshape(2, whole, hop) ** 2).sum(axis=2).T
    rows = np.concatenate(found) if found else np.empty((0, 2))
    assert rows.shape == expected.shape and np.allclose(rows, expected, rtol=1e-4)
    assert np.allclose(meter.partial, (x[:, whole * hop :].astype(float) ** 2).sum(axis=1), rtol=1e-4, atol=1e-6)
