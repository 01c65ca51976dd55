"""The overview keeps its size and its shape, however long the sound and however it is cut."""

from __future__ import annotations

import base64
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import lookhear
from lookhear.analysis.sweep import Grid, Runner
from lookhear.dsp.pyramid import Pyramid, mean
from lookhear.media.forms import Form, Samples
from lookhear.media.probe import Probe
from lookhear.tasks.audio.overview import TASKS, OverviewResult, Spectrogram, _extremes
from lookhear.tasks.base import Context, NoOptions
from support.sound import encode, tone

RATE = 22050
NOISE = np.random.default_rng(3).normal(0, 0.2, (2, 30 * RATE)).astype(np.float32)
NOISE *= np.linspace(0.1, 1, NOISE.shape[1], dtype=np.float32)


def draw(sound: NDArray[np.float32], cuts: list[int]) -> OverviewResult:
    """Drive the fold by hand, the sound cut at ``cuts``."""
    fold = TASKS[0].start(Context(Probe("audio", "wav", "WAV"), lambda message: None), NoOptions())
    runner = Runner("overview", TASKS[0].forms, fold)
    grid = Grid([runner])
    mono = sound.mean(axis=0)
    for low, high in pairwise([0, *sorted(cuts), sound.shape[1]]):
        grid.add((Form.NATIVE, Samples(low, RATE, sound[:, low:high])))
        grid.add((Form.MONO_22K, Samples(low, RATE, mono[low:high])))
    grid.finish()
    assert runner.failure is None
    return fold.finish()


def cells(picture: Spectrogram) -> NDArray[np.uint8]:
    return np.frombuffer(base64.b64decode(picture.cells), np.uint8).reshape(picture.columns, picture.bands)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, NOISE.shape[1]), max_size=40))
def test_blocks_of_any_size_give_the_very_same_picture(cuts: list[int]) -> None:
    assert draw(NOISE, cuts) == draw(NOISE, [])


@settings(max_examples=200, deadline=None)
@given(count=st.integers(1, 400), most=st.sampled_from([4, 7, 10]), cuts=st.lists(st.integers(0, 400), max_size=20))
def test_a_pyramid_is_what_plain_arithmetic_says(count: int, most: int, cuts: list[int]) -> None:
    rows = np.random.default_rng(count).normal(size=(count, 3)).astype(np.float32)
    for merge in (mean, _extremes):
        pyramid = Pyramid(most, 3, merge)
        for low, high in pairwise([0, *sorted(min(cut, count) for cut in cuts), count]):
            pyramid.add(rows[low:high])
        found, span = pyramid.finish(), pyramid.span
        groups = [rows[at : at + span] for at in range(0, count, span)]
        means = np.array([group.mean(axis=0) for group in groups])
        assert len(found) <= most + 1
        np.testing.assert_allclose(found[:, 2], means[:, 2], atol=1e-6)
        if merge is _extremes:
            np.testing.assert_array_equal(found[:, 0], [group[:, 0].min() for group in groups])
            np.testing.assert_array_equal(found[:, 1], [group[:, 1].max() for group in groups])
        whole = Pyramid(most, 3, merge)
        whole.add(rows)
        np.testing.assert_array_equal(found, whole.finish())


@pytest.mark.parametrize("seconds", [1, 40, 150])
def test_buckets_stay_bounded_and_cover_the_whole(seconds: int) -> None:
    sound = tone(seconds, rate=8000)
    sound[:, sound.shape[1] // 2 :] *= 0.25
    result = lookhear.analyze(encode(sound, rate=8000), ["overview"])["overview"]
    wave, picture = result.waveform, result.spectrogram
    (envelope,) = wave.channels
    assert len(envelope.rms) <= 2001 and picture.columns <= 1001
    assert len(envelope.rms) * wave.seconds_per_bucket == pytest.approx(seconds, rel=0.002, abs=0.02)
    assert picture.columns * picture.seconds_per_column == pytest.approx(seconds, rel=0.002, abs=0.1)
    quarter = len(envelope.rms) // 4
    for at, level in ((quarter, 0.5), (3 * quarter, 0.125)):
        assert envelope.greatest[at] == pytest.approx(level, abs=0.02)
        assert envelope.least[at] == pytest.approx(-level, abs=0.02)
        assert envelope.rms[at] == pytest.approx(level / 2**0.5, abs=0.02)


def test_a_tone_lies_in_its_band_and_its_level_is_in_decibels() -> None:
    sound = tone(8, frequency=3000)
    sound[:, sound.shape[1] // 2 :] *= 0.1
    picture = lookhear.analyze(encode(sound), ["overview"])["overview"].spectrogram
    grid = cells(picture).astype(int)
    band = int(grid[picture.columns // 4].argmax())
    mel = 15 + np.log(3) * 27 / np.log(6.4)
    top = 15 + np.log(11.025) * 27 / np.log(6.4)
    assert band == int(mel / top * picture.bands)
    first, last = grid[picture.columns // 4, band], grid[3 * picture.columns // 4, band]
    assert first >= 254
    assert (first - last) * picture.decibels_per_step == pytest.approx(20, abs=0.4)


def test_left_and_right_are_told_apart_and_more_channels_are_one() -> None:
    stereo = np.concatenate([tone(2), 0.2 * tone(2)])
    left, right = lookhear.analyze(encode(stereo), ["overview"])["overview"].waveform.channels
    assert max(left.greatest) == pytest.approx(0.5, abs=0.01) and max(right.greatest) == pytest.approx(0.1, abs=0.01)
    six = np.concatenate([0.1 * tone(2, channels=5), tone(2)])
    (one,) = lookhear.analyze(encode(six), ["overview"])["overview"].waveform.channels
    assert max(one.greatest) == pytest.approx(0.5, abs=0.01)


def test_nothing_silence_and_a_single_sample_have_a_picture() -> None:
    assert draw(np.zeros((1, 0), np.float32), []) == OverviewResult()
    silent = draw(np.zeros((2, 3000), np.float32), [])
    assert silent.waveform is not None and silent.spectrogram is not None
    assert not any(silent.waveform.channels[0].greatest) and not cells(silent.spectrogram).any()
    single = draw(np.full((1, 1), 0.5, np.float32), [])
    assert single.waveform is not None and single.waveform.channels[0].rms == (0.5,)
