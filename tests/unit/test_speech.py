"""Segments out of hand-made probabilities, and how the network is fed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lookhear
from lookhear.errors import InvalidOptions
from lookhear.media.decoder import Decoder
from lookhear.media.forms import Form, Samples
from lookhear.media.medium import open_medium
from lookhear.models.card import Want
from lookhear.tasks.audio.speech import SpeechFold, SpeechOptions
from lookhear.tasks.audio.speech.segments import Rules, Segments, padded
from lookhear.tasks.base import Block
from lookhear.tasks.voice import WINDOW, Probabilities
from support.models import installed, need
from support.sound import encode

PLAIN = Rules(pad=0)


def segments(probabilities: list[float], rules: Rules = PLAIN, cuts: tuple[int, ...] = ()) -> list[tuple[float, float]]:
    """In windows."""
    running = Segments(rules)
    for part in np.split(np.array(probabilities, np.float32), sorted(cuts)):
        running.add(part)
    return [(start / WINDOW, end / WINDOW) for start, end in running.finish(WINDOW * len(probabilities))]


def test_speech_begins_above_one_threshold_and_ends_below_another() -> None:
    assert segments([0.4] * 3 + [0.6] * 10 + [0.4] * 5 + [0.3] * 10) == [(3, 18)]
    assert segments([0.4] * 30) == [] and segments([]) == []
    assert segments([0.2] * 5 + [0.5] * 10) == [(5, 15)]  # it ends with the recording


def test_a_short_silence_ends_nothing_and_a_long_one_does() -> None:
    assert segments([0.9] * 10 + [0.1] * 3 + [0.9] * 10 + [0.1] * 9) == [(0, 23)]
    assert segments([0.9] * 10 + [0.1] * 5 + [0.9] * 10 + [0.1] * 9) == [(0, 10), (15, 25)]
    # between the thresholds silence goes on, but only below the lower one it is found long enough
    assert segments([0.9] * 10 + [0.1] + [0.4] * 20 + [0.9] * 10 + [0.1] * 9) == [(0, 41)]
    assert segments([0.9] * 10 + [0.1] + [0.4] * 20 + [0.1] + [0.9] * 10 + [0.1] * 9) == [(0, 10), (32, 42)]


def test_what_is_too_short_is_left_out() -> None:
    assert segments([0.9] * 7 + [0.1] * 9) == [] and segments([0.1] * 9 + [0.9] * 7) == []
    assert segments([0.9] * 8 + [0.1] * 9) == [(0, 8)]
    assert segments([0.9] * 7 + [0.1] * 9, Rules(min_speech=100, pad=0)) == [(0, 7)]


def test_padding_stays_inside_and_meets_in_the_middle() -> None:
    assert padded([(100, 5000), (5600, 9000)], 480, 9100) == [(0, 5300), (5300, 9100)]
    assert padded([(1000, 5000), (7000, 9000)], 480, 20000) == [(520, 5480), (6520, 9480)]
    assert padded([], 480, 20000) == []


@given(
    probabilities=st.lists(st.sampled_from([0.0, 0.2, 0.36, 0.49, 0.5, 0.9]), max_size=120),
    cuts=st.lists(st.integers(0, 120), max_size=5),
)
def test_pieces_of_any_size_give_the_same(probabilities: list[float], cuts: list[int]) -> None:
    rules = Rules(min_speech=60, min_silence=64)
    assert segments(probabilities, rules, tuple(cuts)) == segments(probabilities, rules)


@pytest.mark.parametrize("size", [1, 511, 512, 513, 70000, 300000])
def test_each_window_follows_the_end_of_the_one_before(size: int) -> None:
    """A network that adds up what it is given, and what it remembers, tells whether it was given the right things."""

    def run(feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        sums = feed["input"].sum(axis=1) + np.arange(len(feed["input"])) + feed["h"][0, 0, 0]
        return [sums, feed["h"] + len(feed["input"]), feed["c"]]

    rng = np.random.default_rng(3)
    samples = rng.integers(-8, 8, 200001).astype(np.float32)
    network = Probabilities(run)
    found = [network.add(samples[i : i + size]) for i in range(0, len(samples), size)]
    got = np.concatenate([*found, network.finish()])
    whole = np.pad(samples, (64, -len(samples) % WINDOW))
    expected = [whole[i * WINDOW : i * WINDOW + 576].sum() + i for i in range(-(-len(samples) // WINDOW))]
    np.testing.assert_array_equal(got, expected)
    assert len(Probabilities(run).finish()) == 0


def test_a_fresh_start_hears_two_seconds_again() -> None:
    """What comes out counts the windows since then."""

    def run(feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        count = feed["h"][0, 0, 0] + 1 + np.arange(len(feed["input"]))
        return [count, np.full((1, 1, 128), count[-1]), feed["c"]]

    samples = np.zeros(1000 * WINDOW, np.float32)
    for size in (100, 70000, len(samples)):
        network = Probabilities(run, 300)
        found = [network.add(samples[i : i + size]) for i in range(0, len(samples), size)]
        expected = np.concatenate([1 + np.arange(300), *[65 + np.arange(300)] * 2, 65 + np.arange(100)])
        np.testing.assert_array_equal(np.concatenate([*found, network.finish()]), expected)


def test_speech_is_heard_after_minutes_of_music(shared: Path) -> None:
    run = need("audio", "speech").get(Want("speech")).run
    music, speech = _heard(shared / "music" / "brahms.hq.ogg"), _heard(shared / "speech" / "english.wav")
    sound = np.concatenate([np.resize(music, 16000 * 75), speech])
    found = {}
    for seconds in (0.0, 30.0):
        fold = SpeechFold(run, SpeechOptions(reset_seconds=seconds))
        fold.add(Block(Form.MONO_16K, samples=Samples(0, 16000, sound)))
        found[seconds] = fold.finish()
    assert found[0.0].speech_seconds < 0.2 and found[30.0].speech_seconds > 0.6
    assert found[30.0].segments[0].start > 74.9


def _heard(path: Path) -> np.ndarray:
    with open_medium(str(path)) as medium:
        decoder = Decoder(medium, frozenset({Form.MONO_16K}))
        return np.concatenate([item[1].data for item in decoder if isinstance(item, tuple)])


def test_options_that_make_no_sense_are_refused() -> None:
    for wrong in ({"threshold": 0.0}, {"threshold": 0.4, "neg_threshold": 0.5}, {"speech_pad_ms": -1},
                  {"reset_seconds": 1.0}):  # fmt: skip
        with pytest.raises(InvalidOptions):
            SpeechOptions(**wrong)
    assert SpeechOptions(threshold=0.9).rules.neg_threshold == pytest.approx(0.75)
    assert SpeechOptions(threshold=0.1).rules.neg_threshold == 0.01


def test_a_curve_has_a_point_a_second() -> None:
    model = need("audio", "speech").get(Want("speech"))
    fold = SpeechFold(model.run, SpeechOptions(curve=True))
    fold.add(Block(Form.MONO_16K, samples=Samples(0, 16000, np.zeros(16000 * 5, np.float32))))
    result = fold.finish()
    assert result.curve is not None and len(result.curve.values) == 5
    assert (result.curve.start, result.curve.step) == (0.512, 1.024) and max(result.curve.values) < 0.1
    assert result.segments == () and result.ratio == 0.0 and result.speech_seconds == 0.0


def test_speech_is_told_from_its_surroundings(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "audio", "speech")
    spoken = lookhear.analyze(shared / "speech" / "libri1.hq.ogg", ["speech"])
    assert spoken.errors == () and spoken["speech"].ratio > 0.8
    assert spoken.findings[0].provenance.models[0].name == "silero-vad"
    assert lookhear.analyze(shared / "music" / "brahms.hq.ogg", ["speech"])["speech"].ratio == 0.0
    noise = np.random.default_rng(1).normal(0, 0.1, (1, 44100 * 4)).astype(np.float32)
    assert lookhear.analyze(encode(noise), ["speech"])["speech"].segments == ()


def test_without_weights_it_fails_with_the_command_that_gets_them() -> None:
    report = lookhear.analyze(encode(np.zeros((1, 4410), np.float32)), ["speech", "notes"])
    assert [error.code for error in report.errors] == ["model_missing"] * 2
    assert all("lookhear models pull" in error.message for error in report.errors)
