"""The perceptual task: danceability against its definition, dynamic range against FFmpeg's drmeter, and its nulls."""

from __future__ import annotations

import copy
import gc
import itertools
import re

import av
import av.error
import av.logging
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import lookhear
from examples.tune import compose
from lookhear.dsp.quality_dynamics import Dynamics
from lookhear.media.forms import Form, Samples
from lookhear.media.probe import AudioStream, Probe
from lookhear.tasks.audio.perceptual import TASKS, PerceptualOptions, PerceptualResult
from lookhear.tasks.audio.perceptual.danceability import Danceability, window_lengths
from lookhear.tasks.audio.perceptual.weights import channel_weights
from lookhear.tasks.base import Block, Context
from lookhear.tasks.words import acousticness, instrumentalness
from support.models import installed
from support.sound import encode

Sound = NDArray[np.float32]


def run(
    x: Sound, rate: int = 22050, *, block: int = 66150, curve: bool = False, layout: str = ""
) -> tuple[PerceptualResult, list[str]]:
    """The task over ``x``; its mono form is the mean of the channels, so the rate should be 22,050 Hz."""
    warnings: list[str] = []
    stream = AudioStream(0, "flac", rate, len(x), layout or ("mono", "stereo")[len(x) - 1], "s16")
    context = Context(Probe("audio", "flac", "FLAC", audio=(stream,), audio_index=0), warnings.append)
    fold = TASKS[0].start(context, PerceptualOptions(curve))
    mono = x.mean(axis=0)
    for at in range(0, x.shape[1], block):
        fold.add(Block(Form.NATIVE, samples=Samples(at, rate, x[:, at : at + block])))
        fold.add(Block(Form.MONO_22K, samples=Samples(at, rate, mono[at : at + block])))
    return fold.finish(), warnings


def beats(seconds: float, period: float = 0.5, seed: int = 1) -> Sound:
    """Noise bursts in a steady beat over soft noise, in stereo."""
    time = np.arange(round(seconds * 22050)) / 22050
    noise = np.random.default_rng(seed).standard_normal((2, len(time)))
    return np.asarray((0.01 + 0.2 * np.exp(-20 * (time % period))) * noise, np.float32)


def wandering(seconds: float) -> Sound:
    """Noise whose level drifts slowly, in stereo."""
    random = np.random.default_rng(2)
    steps = np.cumsum(random.standard_normal(round(seconds * 100)))
    level = np.interp(np.arange(round(seconds * 22050)) / 220.5, np.arange(len(steps)), steps - steps.min() + 1)
    return np.asarray(level / level.max() * 0.2 * random.standard_normal((2, len(level))), np.float32)


def by_definition(mono: Sound) -> float:
    """1 / alpha as in the paper, with a straight line fitted to every window."""
    edges = [441 * (i // 2) + 220 * (i % 2) for i in range(2 * len(mono) // 441 + 1)]
    levels = np.array([mono[a:b].astype(float).std() for a, b in itertools.pairwise(edges)])
    profile = np.cumsum(levels - levels.mean())
    fluctuations = []
    for length in window_lengths():
        jump, basis = max(length // 50, 1), np.stack([np.ones(length), np.arange(length)], axis=1)
        rows = np.stack([profile[k : k + length] for k in range(0, len(profile) - length, jump)], axis=1)
        left = rows - basis @ np.linalg.lstsq(basis, rows, rcond=None)[0]
        fluctuations.append(np.sqrt((left**2).mean(axis=0).sum() / ((len(profile) - length) / jump)))
    slopes = np.diff(np.log10(fluctuations)) / np.diff(np.log10(np.array(window_lengths()) + 3.0))
    return 1 / float(slopes.mean())


@pytest.mark.parametrize("x", [beats(25), wandering(25), beats(100)], ids=["beats", "wandering", "segments"])
def test_danceability_is_what_the_paper_says(x: Sound) -> None:
    mono = x.mean(axis=0)
    meter = Danceability()
    for at in range(0, len(mono), 50000):
        meter.add(mono[at : at + 50000])
    assert meter.finish() == pytest.approx(by_definition(mono), rel=1e-4)


def test_a_steady_beat_dances_and_a_drifting_level_does_not() -> None:
    steady, drifting = run(beats(20))[0].danceability, run(wandering(20))[0].danceability
    assert steady is not None and drifting is not None
    assert steady > 0.8 > 0.5 > drifting > 0


def drmeter(x: Sound, rate: int) -> float:
    """FFmpeg's DR of stereo; it logs it when the filter is freed."""
    graph = av.filter.Graph()
    source = graph.add(
        "abuffer", sample_rate=str(rate), sample_fmt="fltp", channel_layout="stereo", time_base=f"1/{rate}"
    )
    meter, sink = graph.add("drmeter"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(x), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts = rate, 0
    before = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture() as logged:
            source.push(frame)
            source.push(None)
            try:
                while True:
                    sink.pull()
            except (av.error.EOFError, av.error.BlockingIOError):
                pass
            del graph, source, meter, sink
            gc.collect()
    finally:
        av.logging.set_level(before)
    return float(re.findall(r"Overall DR: ([\d.]+)", " ".join(line[2] for line in logged))[0])


@pytest.mark.parametrize("x", [beats(40), wandering(40), beats(31, 2.0)], ids=["beats", "wandering", "sparse"])
def test_dynamic_range_is_what_drmeter_says(x: Sound) -> None:
    meter = Dynamics(22050, 2)
    meter.add(x)
    assert meter.finish() == pytest.approx(drmeter(x, 22050), abs=0.1)


def test_a_full_scale_sine_has_no_dynamic_range() -> None:
    x = np.sin(2 * np.pi * 441 * np.arange(22050 * 20) / 22050).astype(np.float32)[None]
    result = run(x)[0]
    assert result.dynamic_range == pytest.approx(0, abs=0.01)
    assert result.loudness == pytest.approx(-3.01 - 0.691 + 0.33, abs=0.3)


@settings(max_examples=8, deadline=None)
@given(gain=st.floats(-20, 10))
def test_gain_changes_loudness_and_nothing_relative(gain: float) -> None:
    x = beats(12)
    before, after = run(x)[0], run(x * np.float32(10 ** (gain / 20)))[0]
    assert before.loudness is not None and before.energy is not None
    assert after.loudness == pytest.approx(before.loudness + gain, abs=0.01)
    assert after.energy == pytest.approx(min(1.0, before.energy * 2 ** (gain / 10)), rel=0.002)
    assert after.danceability == pytest.approx(before.danceability, rel=1e-4)
    assert after.dynamic_range == pytest.approx(before.dynamic_range, abs=0.001)


@settings(max_examples=8, deadline=None)
@given(block=st.integers(1000, 100000))
def test_blocks_of_any_size_give_the_same(block: int) -> None:
    x = beats(14)
    assert run(x, block=block, curve=True) == run(x, block=x.shape[1], curve=True)


def test_tiny_blocks_give_the_same() -> None:
    x = beats(0.6)
    assert run(x, block=7) == run(x)


def test_a_copy_can_be_finished_while_the_fold_goes_on() -> None:
    x, rate = beats(20), 22050
    context = Context(Probe("audio", "flac", "FLAC"), lambda warning: None)
    fold = TASKS[0].start(context, PerceptualOptions())
    half = x.shape[1] // 2
    fold.add(Block(Form.NATIVE, samples=Samples(0, rate, x[:, :half])))
    early = copy.deepcopy(fold).finish()
    fold.add(Block(Form.NATIVE, samples=Samples(half, rate, x[:, half:])))
    assert early.loudness == run(x[:, :half])[0].loudness
    assert fold.finish().loudness == run(x)[0].loudness


def test_what_needs_a_model_is_null_with_a_warning() -> None:
    result, warnings = run(beats(12))
    assert (result.valence, result.acousticness, result.instrumentalness) == (None, None, None)
    assert (result.liveness, result.speechiness) == (None, None)
    assert len(warnings) == 1
    for word in ("valence", "acousticness", "instrumentalness", "liveness", "speechiness"):
        assert word in warnings[0].lower()


@pytest.mark.parametrize("samples", [0, 1, 5000, 300000])
def test_silence_has_no_values(samples: int) -> None:
    result, warnings = run(np.zeros((2, samples), np.float32))
    assert result == PerceptualResult()
    assert warnings


def test_short_sounds_have_what_they_are_long_enough_for() -> None:
    second, six = run(beats(1))[0], run(beats(6))[0]
    assert second.loudness is not None and second.loudness_range is None and second.loudness_short_term_max is None
    assert six.loudness_range is not None and six.dynamic_range is None and six.danceability is None


def test_the_curve_is_there_when_asked_for() -> None:
    assert run(beats(12))[0].curve is None
    curve = run(beats(12), curve=True)[0].curve
    assert curve is not None and len(curve.values) == 10
    assert (curve.start, curve.step) == (pytest.approx(3), pytest.approx(1))


def test_weights_of_channels() -> None:
    assert channel_weights("5.1", 6) == (1, 1, 1, 0, 1.41, 1.41)
    assert channel_weights("mono", 1) == (1,)
    assert channel_weights("", 3) == (1, 1, 1)
    assert channel_weights("stereo", 4) == (1, 1, 1, 1)


def test_what_models_tell_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """By tags that a network with random weights gives: the numbers mean nothing, where they come from does."""
    installed(monkeypatch, "audio", "genre")
    report = lookhear.analyze(encode(compose(4)), ["perceptual", "mir"])
    heard = lookhear.analyze(encode(compose(4)), ["music_tags", "genre"])
    words = heard["music_tags"].probabilities
    assert report["perceptual"].acousticness == round(acousticness(words) or 0.0, 4)
    assert report["perceptual"].instrumentalness == round(instrumentalness(words) or 0.0, 4)
    assert report["mir"].genre_probabilities == heard["genre"].probabilities
    assert {finding.task for finding in report.findings} == {"perceptual", "mir"}
    for finding in report.findings:
        assert [model.name for model in finding.provenance.models][:1] == ["musicnn"]
