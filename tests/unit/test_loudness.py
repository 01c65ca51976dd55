"""Loudness against EBU Tech 3341 and 3342 and against FFmpeg's ebur128."""

from __future__ import annotations

import os
from pathlib import Path

import av
import av.error
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookhear.dsp.loudness import KWeighting, Loudness, LoudnessMeter, k_weighting, measure, short_term_curve
from lookhear.dsp.quality_units import UNIT, Units
from lookhear.tasks.audio.perceptual.weights import channel_weights

Sound = NDArray[np.float32]
SHARED = Path(os.environ.get("LOOKHEAR_SHARED", Path(__file__).parents[3] / "shared")) / "media" / "music"


def powers(x: Sound, rate: int, weights: tuple[float, ...] | None = None, block: int = 50000) -> NDArray[np.float64]:
    units, meter = Units(len(x)), LoudnessMeter(rate, weights or (1.0,) * len(x))
    for at in range(0, x.shape[1], block):
        for unit in units.add(x[:, at : at + block]):
            meter.add(unit)
    if units.rest().shape[1]:
        meter.add(units.rest())
    return meter.powers()


def loudness(x: Sound, rate: int, weights: tuple[float, ...] | None = None, block: int = 50000) -> Loudness:
    return measure(powers(x, rate, weights, block))


def ffmpeg(x: Sound, rate: int, layout: str) -> Loudness:
    """FFmpeg's ebur128 through PyAV."""
    graph = av.filter.Graph()
    sample_format = "fltp" if len(x) < 8 else "flt"
    source = graph.add(
        "abuffer", sample_rate=str(rate), sample_fmt=sample_format, channel_layout=layout, time_base=f"1/{rate}"
    )
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    rows = x if len(x) < 8 else x.T.reshape(1, -1)  # PyAV miscounts the planes of eight channels
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(rows), format=sample_format, layout=layout)
    frame.sample_rate, frame.pts = rate, 0
    source.push(frame)
    source.push(None)
    momentary, short_term, last = [], [], {}
    while True:
        try:
            found = sink.pull().metadata
        except (av.error.EOFError, av.error.BlockingIOError):
            break
        if found:
            last = found
            momentary.append(float(found["lavfi.r128.M"]))
            short_term.append(float(found["lavfi.r128.S"]))
    return Loudness(float(last["lavfi.r128.I"]), float(last["lavfi.r128.LRA"]), max(momentary), max(short_term))


def agree(ours: Loudness, theirs: Loudness) -> None:
    assert ours.integrated == pytest.approx(theirs.integrated, abs=0.03)
    assert ours.range == pytest.approx(theirs.range, abs=0.3)
    assert ours.momentary_max == pytest.approx(theirs.momentary_max, abs=0.02)
    assert ours.short_term_max == pytest.approx(theirs.short_term_max, abs=0.02)


def tones(parts: list[tuple[float, float]], rate: int = 48000, channels: int = 2) -> Sound:
    """Sines of 1 kHz, one after the other: (dBFS peak, s)."""
    level = np.concatenate([np.full(round(seconds * rate), 10 ** (decibels / 20)) for decibels, seconds in parts])
    sine = np.sin(2 * np.pi * 1000 * np.arange(len(level)) / rate)
    return np.tile((level * sine).astype(np.float32), (channels, 1))


def music(seconds: float, rate: int, channels: int, seed: int = 3) -> Sound:
    """Noise and tones that swell."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    swell = 0.02 + 0.3 * np.abs(np.sin(2 * np.pi * 0.11 * time)) ** 3
    rows = [
        swell * (0.3 * random.standard_normal(len(time)) + np.sin(2 * np.pi * (80 + 200 * row) * time))
        for row in range(channels)
    ]
    return np.stack(rows).astype(np.float32) * np.float32(0.3)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(-23, 20)], -23),
        ([(-33, 20)], -33),
        ([(-36, 10), (-23, 60), (-36, 10)], -23),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23),
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23),
    ],
)
def test_integrated_loudness_of_tech_3341(parts: list[tuple[float, float]], expected: float) -> None:
    assert loudness(tones(parts), 48000).integrated == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [((-20, -30), 10), ((-20, -15), 5), ((-40, -20), 20), ((-50, -35, -20, -35, -50), 15)],
)
def test_loudness_range_of_tech_3342(levels: tuple[float, ...], expected: float) -> None:
    assert loudness(tones([(level, 20.0) for level in levels]), 48000).range == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000])
def test_ffmpeg_says_the_same_at_every_rate(rate: int) -> None:
    x = music(20, rate, 1)
    agree(loudness(x, rate), ffmpeg(x, rate, "mono"))


@pytest.mark.parametrize(("layout", "channels"), [("stereo", 2), ("5.1", 6), ("5.1(side)", 6), ("7.1", 8)])
def test_ffmpeg_weighs_the_channels_alike(layout: str, channels: int) -> None:
    x = music(15, 16000, channels)
    agree(loudness(x, 16000, channel_weights(layout, channels)), ffmpeg(x, 16000, layout))


@pytest.mark.parametrize("name", ["brahms.hq.ogg", "vibeace.hq.ogg", "humpback.hq.ogg"])
def test_ffmpeg_says_the_same_of_recordings(name: str) -> None:
    path = SHARED / name
    if not path.exists():
        pytest.skip("no shared recordings here")
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        x = np.concatenate([frame.to_ndarray() for frame in container.decode(stream)], axis=1)
        agree(loudness(x, stream.rate), ffmpeg(x, stream.rate, stream.layout.name))


def test_the_filter_is_the_recursion() -> None:
    x = music(2.0, 44100, 2)[:, :UNIT]
    system, state, expected = k_weighting(44100), np.zeros(4), []
    for sample in x[1].astype(np.float64):
        expected.append(system.c @ state + system.d * sample)
        state = system.a @ state + system.b * sample
    found = KWeighting(44100, 2).filter(x)[1]
    assert np.abs(found - expected).max() < 1e-5 * np.std(expected)


@settings(max_examples=15, deadline=None)
@given(gain=st.floats(-30, 10))
def test_gain_moves_loudness_by_as_much(gain: float) -> None:
    x = music(4, 8000, 2)
    before, after = loudness(x, 8000), loudness(x * np.float32(10 ** (gain / 20)), 8000)
    assert before.integrated is not None and after.integrated is not None
    assert after.integrated - before.integrated == pytest.approx(gain, abs=0.01)
    assert after.range == pytest.approx(before.range, abs=0.01)


@settings(max_examples=15, deadline=None)
@given(block=st.integers(1000, 200000))
def test_blocks_of_any_size_give_the_same(block: int) -> None:
    x = music(12, 16000, 2)
    assert np.array_equal(powers(x, 16000, block=block), powers(x, 16000, block=x.shape[1]))


def test_silence_and_short_sounds_have_no_loudness() -> None:
    nothing = Loudness(None, None, None, None)
    assert loudness(np.zeros((2, 100000), np.float32), 8000) == nothing
    assert loudness(np.zeros((1, 0), np.float32), 8000) == nothing
    assert loudness(tones([(-20, 0.35)]), 48000) == nothing
    brief = loudness(tones([(-20, 1.0)]), 48000)
    assert brief.integrated == pytest.approx(-20, abs=0.1) and brief.short_term_max is None and brief.range is None


def test_the_curve_follows_the_level() -> None:
    curve = short_term_curve(powers(tones([(-20, 6), (-40, 6), (-120, 6)]), 48000), 10)
    assert len(curve) == 16
    assert curve[0] == pytest.approx(-20, abs=0.1) and curve[8] == pytest.approx(-40, abs=0.1) and curve[-1] is None
