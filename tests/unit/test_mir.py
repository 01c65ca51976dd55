"""Rhythm and key on sounds whose truth is known by construction, and the laws of their parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lookhear
from examples.tune import compose
from lookhear.dsp import onset, pitch_classes
from lookhear.dsp.beat import track_beats
from lookhear.dsp.grid import FRAME_RATE
from lookhear.dsp.key import KEYS, match_key
from lookhear.dsp.onset import OnsetCurves, moving_mean, normalised
from lookhear.dsp.periodicity import at_lags, windowed_autocorrelation
from lookhear.dsp.pitch_classes import PitchClasses
from lookhear.dsp.stft import PowerSpectra
from support.sound import encode

RATE = 22050


def clicks(bpm: float, seconds: float = 20.0, start: float = 0.4, accent: int = 4) -> np.ndarray:
    """(1, samples): a bright click on each beat, the first of ``accent`` with a low thump."""
    t = np.arange(round(seconds * RATE)) / RATE
    sound = np.random.default_rng(3).normal(0, 1e-4, len(t))
    for i, at in enumerate(np.arange(start, seconds - 0.3, 60 / bpm)):
        since = t - at
        ring = (since >= 0) & (since < 0.2)
        sound[ring] += 0.5 * np.sin(2 * np.pi * 2000 * since[ring]) * np.exp(-60 * since[ring])
        if i % accent == 0:
            sound[ring] += 0.8 * np.sin(2 * np.pi * 70 * since[ring]) * np.exp(-15 * since[ring])
    return sound[None, :].astype(np.float32)


def analysed(sound: np.ndarray, rate: int = RATE, **options):
    return lookhear.analyze(encode(sound, rate=rate), ["mir"], {"mir": options} if options else None)["mir"]


@settings(max_examples=12, deadline=None, derandomize=True)
@given(bpm=st.floats(70, 170), start=st.floats(0.1, 0.9))
def test_clicks_have_their_tempo_and_beats(bpm: float, start: float) -> None:
    """The level is a matter of taste between octaves, the period is not."""
    mir = analysed(clicks(bpm, start=start))
    octaves = [mir.tempo / bpm / factor for factor in (0.5, 1, 2)]
    assert min(abs(ratio - 1) for ratio in octaves) < 0.005
    truth = np.arange(start, 19.7, 60 / bpm / 2)
    errors = [np.abs(truth - beat).min() for beat in mir.beats]
    assert np.median(errors) < 0.035  # half the field's 70 ms; a frame of the grid alone is 23 ms


def test_time_shifts_move_the_beats() -> None:
    tune = compose(8)
    late = np.concatenate([np.zeros((2, 44100), np.float32), tune], axis=1)
    before, after = analysed(tune, 44100), analysed(late, 44100)
    assert after.tempo == pytest.approx(before.tempo, rel=0.002)
    gaps = [np.abs(np.array(before.beats) + 1 - beat).min() for beat in after.beats]
    assert np.median(gaps) < 0.01


def test_downbeats_are_beats_and_four_apart() -> None:
    mir = analysed(compose(12), 44100)
    assert mir.meter == "4/4" and mir.time_signature == 4
    assert set(mir.downbeats) <= set(mir.beats)
    assert np.median(np.diff(mir.downbeats)) == pytest.approx(4 * 60 / mir.tempo, rel=0.01)


def test_a_loop_of_two_bars_has_the_tempo_that_fills_them() -> None:
    """Noise without a beat of its own, again and again: only its length tells."""
    bar = np.random.default_rng(5).normal(0, 0.02, (1, round(8 * 60 / 97 * RATE)))
    swell = 1 + np.sin(2 * np.pi * np.arange(bar.shape[1]) / bar.shape[1] * 3) ** 2
    hits = np.zeros(bar.shape[1])
    hits[[0, 9000, 21000, 40100, 61000, 77700, 90000]] = 1.0
    ring = np.convolve(hits, np.exp(-np.arange(4000) / 700) * np.sin(np.arange(4000) / 3))[: bar.shape[1]]
    mir = analysed(np.tile(bar * swell + 0.5 * ring, 5).astype(np.float32))
    beats = 8 * 60 / 97 * mir.tempo / 60
    assert beats == pytest.approx(round(beats), abs=0.05)


def test_one_tone_is_a_key_without_a_mode() -> None:
    t = np.arange(10 * RATE) / RATE
    tone = sum(0.2 / k * np.sin(2 * np.pi * 196.0 * k * t) for k in range(1, 6))
    mir = analysed(np.asarray(tone, np.float32)[None, :])
    assert (mir.key, mir.mode, mir.mode_strength, mir.key_candidates) == ("G", None, 0.5, ())


def test_tempo_is_sought_where_it_is_asked_for() -> None:
    assert analysed(clicks(120), max_tempo=90.0).tempo == pytest.approx(60, rel=0.01)
    assert analysed(clicks(70), min_tempo=100.0).tempo == pytest.approx(140, rel=0.01)


def test_tuning_is_found() -> None:
    for cents in (-30, 0, 25):
        t = np.arange(8 * RATE) / RATE
        pitches = [57, 60, 64, 69]
        sound = sum(0.1 * np.sin(2 * np.pi * 440 * 2 ** ((p + cents / 100 - 69) / 12) * t) for p in pitches)
        pitch, stft = PitchClasses(1000), PowerSpectra()
        pitch.add(stft.add(np.asarray(sound, np.float32)))
        assert 100 * (pitch.tuning or 0) == pytest.approx(cents, abs=3)
        assert pitch.tuning_clarity > 0.5


@settings(max_examples=25, deadline=None)
@given(shift=st.integers(1, 11), seed=st.integers(0, 1000), segments=st.integers(30, 90))
def test_transposition_moves_the_key(shift: int, seed: int, segments: int) -> None:
    profiles = np.random.default_rng(seed).gamma(0.5, 1.0, (segments, 24)).astype(np.float32) + 0.01
    moved = np.concatenate([np.roll(profiles[:, :12], shift, 1), np.roll(profiles[:, 12:], shift, 1)], axis=1)
    one, other = match_key(profiles, 5.4), match_key(moved, 5.4)
    assert one is not None and other is not None
    for low in (0, 12):
        np.testing.assert_allclose(np.roll(one.likely[low : low + 12], shift), other.likely[low : low + 12], atol=1e-9)
    (key, mode, *_), (key2, mode2, *_) = one.ranked()[0], other.ranked()[0]
    assert KEYS[(KEYS.index(key) + shift) % 12] == key2 and mode == mode2


def test_no_profiles_no_key() -> None:
    assert match_key(np.zeros((0, 24), np.float32), 5.4) is None
    assert match_key(np.zeros((10, 24), np.float32), 5.4) is None


def test_autocorrelation_of_a_pulse_train() -> None:
    curve = np.zeros(700, np.float32)
    curve[::20] = 1.0
    mean = windowed_autocorrelation(curve).mean(axis=0)
    assert at_lags(mean, np.array([20.0]))[0] == pytest.approx(1.0, abs=0.05)
    assert at_lags(mean, np.array([10.0]))[0] == pytest.approx(0.0, abs=0.05)
    assert at_lags(mean, np.array([1e6]))[0] == 0.0
    assert windowed_autocorrelation(np.zeros(3, np.float32)).shape[0] == 0


def test_beats_follow_a_tempo_that_drifts() -> None:
    intervals = np.linspace(20, 24, 60)
    places = np.round(10 + np.cumsum(intervals)).astype(int)
    curve = np.zeros(places[-1] + 30, np.float32)
    curve[places] = 3.0
    beats = track_beats(curve, np.array([22.0]), len(curve))
    hit = [np.abs(beats - place).min() < 1 for place in places[2:-2]]
    assert np.mean(hit) > 0.95
    assert len(track_beats(np.zeros(4, np.float32), np.array([20.0]), 4)) == 0


def test_onset_curves_do_not_depend_on_level_of_silence() -> None:
    curves = OnsetCurves(40)
    curves.add(np.zeros((50, 128), np.float32))
    assert not curves.curves.any() and curves.curves.shape == (40, 4) and curves.whole.shape == (50,)
    assert not normalised(curves.curves[:, 0], 1.5, FRAME_RATE).any()


def test_a_long_curve_is_normalised_in_pieces_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = np.random.default_rng(3).gamma(0.3, 1.0, 5000).astype(np.float16)
    whole = normalised(curve, 1.5, FRAME_RATE)
    monkeypatch.setattr(onset, "_PIECE", 700)
    np.testing.assert_allclose(normalised(curve, 1.5, FRAME_RATE), whole, rtol=1e-4, atol=1e-4)


def test_pitch_classes_of_a_long_recording_stay_few_and_evenly_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pitch_classes, "_MOST", 300)
    pitch = PitchClasses(400)
    power = np.zeros((8 * 1000, 1025), np.float32)
    places = 40 + np.arange(1000) // 8  # a tone that climbs
    power[np.arange(8000), np.repeat(places, 8)] = 1.0
    for at in range(0, len(power), 300):
        pitch.add(power[at : at + 300])
    assert len(pitch.head) == 51
    assert 150 < len(pitch.spread) <= 300
    unlimited = PitchClasses(400)
    monkeypatch.setattr(pitch_classes, "_MOST", 10_000)
    for at in range(0, len(power), 300):
        unlimited.add(power[at : at + 300])
    np.testing.assert_array_equal(pitch.spread, unlimited.spread[::4])


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=50), st.integers(1, 9))
def test_moving_mean_is_the_mean_of_what_is_there(values: list[float], width: int) -> None:
    curve, half = np.array(values, np.float32), width // 2
    expected = [curve[max(0, i - half) : i + half + 1].mean() for i in range(len(curve))]
    np.testing.assert_allclose(moving_mean(curve, width), expected, atol=1e-5)
