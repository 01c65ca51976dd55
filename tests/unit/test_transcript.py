"""What is cut, carried and laid back in place around Whisper; the model here is one that says what a script has."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookhear.analysis.plan import make_options
from lookhear.errors import InvalidOptions
from lookhear.media.forms import FloatArray, Form, Samples
from lookhear.media.probe import AudioStream, Probe
from lookhear.models.runtimes.whisper import Course, Line, Word
from lookhear.tasks.audio.transcript import TASKS, TranscriptFold, TranscriptOptions, TranscriptResult
from lookhear.tasks.base import Block, Context
from lookhear.tasks.voice import WINDOW
from support.spectra import frames

RATE = 16000
PROBE = Probe("audio", "wav", "WAV", None, None, None, (AudioStream(0, "pcm_s16le", RATE, 1, "mono", "s16", 16),))
cuts = st.lists(st.integers(0, 100 * RATE), max_size=10)


def loudness(feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """A voice detector: what is loud is speech."""
    rows = feeds["input"]
    loud = np.abs(rows[:, 64:]).mean(axis=1) > 0.1
    return [loud.astype(np.float32), feeds["h"], feeds["c"]]


class Scripted:
    """Hears one line in each window, from its first second to its twentieth, and goes on after it."""

    def __init__(self, words: bool = False) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._words = words

    def log_mel(self, samples: FloatArray) -> FloatArray:
        """See ``frames``."""
        return frames(samples)

    def hear(self, window: FloatArray, seek: int, course: Course) -> tuple[list[Line], int]:
        """The line has the window's place for a text."""
        self.calls.append((seek, window.tobytes(), course.language))
        course.language = course.language or "en"
        start, end = seek / 100 + 1, min(seek + 2000, seek + window.shape[1]) / 100
        words = (Word(f" {seek}", start, end, 0.5),) if self._words else ()
        return [Line(start, end, f" {seek}", -0.5, 0.1, words)], seek + 2000

    def hear_many(self, chunks: Sequence[FloatArray], offsets: Sequence[float], course: Course) -> list[Line]:
        """A line for each chunk."""
        self.calls += [(offset, chunk.tobytes(), len(chunks)) for chunk, offset in zip(chunks, offsets, strict=True)]
        return [
            Line(offset, offset + len(chunk) / RATE, f" {offset:g}", -1.0, 0.0)
            for chunk, offset in zip(chunks, offsets, strict=True)
        ]


def speech(*spans: tuple[float, float], seconds: float = 100.0) -> FloatArray:
    """Every sample of speech is another; the rest is silent."""
    sound = np.zeros(round(seconds * RATE), np.float32)
    for start, end in spans:
        low, high = round(start * RATE), round(end * RATE)
        sound[low:high] = np.linspace(0.2, 1.0, high - low) * (1 - 2 * (np.arange(high - low) % 2))
    return sound


SPOKEN = speech((1.0, 34.5), (37.0, 38.2), (41.5, 77.0), (77.5, 90.0), (99.5, 100.0))


def transcribed(sound: FloatArray, edges: list[int], **options: Any) -> tuple[TranscriptResult, list[tuple[Any, ...]]]:
    """What is told of ``sound`` that comes in blocks; and how the model was asked."""
    ear = Scripted(bool(options.get("word_timestamps")))
    fold = TranscriptFold(ear, loudness, TranscriptOptions(**options), Context(PROBE, lambda message: None))
    for low, high in pairwise([0, *sorted(edge for edge in edges if edge < len(sound)), len(sound)]):
        fold.add(Block(Form.MONO_16K, samples=Samples(low, RATE, sound[low:high])))
    return fold.finish(), ear.calls


@pytest.mark.parametrize("options", [{}, {"batched": True, "batch_size": 2}, {"vad_filter": False}], ids=str)
@settings(max_examples=15, deadline=None)
@given(edges=cuts)
def test_the_model_is_asked_the_same_however_the_sound_is_cut(options: dict[str, Any], edges: list[int]) -> None:
    assert transcribed(SPOKEN, edges, **options) == transcribed(SPOKEN, [48000], **options)


def test_windows_follow_one_another_and_miss_nothing() -> None:
    """Speech lies end to end in them; each goes on where the line before it ended."""
    found, calls = transcribed(SPOKEN, [RATE * second for second in range(100)])
    seeks = [seek for seek, _, _ in calls]
    assert seeks == list(range(0, 2000 * len(seeks), 2000))
    heard = np.concatenate(
        [np.frombuffer(window, np.float32).reshape(2, -1)[:, :2000] for _, window, _ in calls], axis=1
    )
    kept = np.concatenate([SPOKEN[low:high] for low, high in _spans(SPOKEN)])
    whole = frames(np.append(kept, np.zeros(160, np.float32)))[:, : len(kept) // 160]
    assert heard.shape == whole.shape  # floors and scales apart: see ``scaled``
    assert np.allclose((np.maximum(whole, 1 - 8) + 4) / 4, heard, atol=1e-6)
    assert found.speech_seconds == pytest.approx(len(kept) / RATE, abs=1e-3) and found.duration == 100.0
    assert found.language == "en" and found.text == " ".join(map(str, seeks))


def _spans(sound: FloatArray) -> list[tuple[int, int]]:
    """What faster-whisper's rules make of ``loudness``, all at once: silence under two seconds stays, 0.4 s are added."""
    padded = np.append(sound, np.zeros(WINDOW - len(sound) % WINDOW, np.float32)).reshape(-1, WINDOW)
    loud = np.flatnonzero(np.abs(padded).mean(axis=1) > 0.1)
    breaks = np.flatnonzero(np.diff(loud) > 63)
    starts, ends = loud[np.append(0, breaks + 1)] * WINDOW, (loud[np.append(breaks, -1)] + 1) * WINDOW
    ends[-1] = len(sound) if len(sound) - ends[-1] < 32000 else ends[-1]
    return [
        (max(start - 6400, 0), min(end + 6400, len(sound)))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


def test_lines_are_told_where_they_were() -> None:
    """The second window begins with 20 s of speech, that is 0.6 s later in the recording; gaps count, too."""
    found, _ = transcribed(SPOKEN, [])
    first, second, third = found.segments[:3]
    begin = _spans(SPOKEN)[0][0] / RATE
    assert (first.start, first.end) == (pytest.approx(begin + 1, abs=0.011), pytest.approx(begin + 20, abs=0.011))
    assert second.start == pytest.approx(begin + 21, abs=0.011)
    skipped = sum(
        (later[0] - earlier[1]) / RATE for earlier, later in pairwise(_spans(SPOKEN)[:3])
    )  # two gaps lie before 41 s of speech
    assert third.start == pytest.approx(begin + skipped + 41, abs=0.011)
    assert first.confidence == pytest.approx(0.6065) and first.no_speech_prob == 0.1
    assert all(0 <= one.start <= one.end <= 100 for one in found.segments)


def test_words_lie_in_the_span_of_their_middle() -> None:
    found, _ = transcribed(SPOKEN, [], word_timestamps=True)
    for one in found.segments:
        (word,) = one.words
        assert (word.start, word.end) == (one.start, one.end) and word.word == f" {one.text}"


def test_chunks_are_no_longer_than_a_window_and_hold_every_sample_once() -> None:
    _, calls = transcribed(SPOKEN, [], batched=True, batch_size=2)
    chunks = [np.frombuffer(data, np.float32) for _, data, _ in calls]
    assert max(map(len, chunks)) <= 30 * RATE and {count for _, _, count in calls} <= {1, 2}
    lengths = np.cumsum([0, *map(len, chunks)])[:-1] / RATE
    assert [offset for offset, _, _ in calls] == lengths.tolist()
    heard = np.concatenate(chunks)
    spoken = heard[heard != 0]
    assert np.array_equal(spoken, SPOKEN[SPOKEN != 0])


@pytest.mark.parametrize("sound", [np.zeros(0, np.float32), np.zeros(1, np.float32), np.zeros(40 * RATE, np.float32)])
@pytest.mark.parametrize("batched", [False, True])
def test_where_nobody_speaks_the_model_is_not_asked(sound: FloatArray, batched: bool) -> None:
    found, calls = transcribed(sound, [], batched=batched, language="de")
    assert calls == [] and found == TranscriptResult(duration=round(len(sound) / RATE, 3))


def test_a_word_alone_is_heard() -> None:
    found, calls = transcribed(speech((0.0, 0.4), seconds=0.4), [])
    assert len(calls) == 1 and found.speech_seconds == 0.4
    assert [one.text for one in found.segments] == ["0"]


def test_a_running_fold_can_be_told_from() -> None:
    fold = TranscriptFold(Scripted(), loudness, TranscriptOptions(), Context(PROBE, lambda message: None))
    half = len(SPOKEN) // 2
    fold.add(Block(Form.MONO_16K, samples=Samples(0, RATE, SPOKEN[:half])))
    early = copy.deepcopy(fold).finish()
    fold.add(Block(Form.MONO_16K, samples=Samples(half, RATE, SPOKEN[half:])))
    assert fold.finish() == transcribed(SPOKEN, [half])[0] and early.duration == 50.0


def test_memory_does_not_grow_with_the_sound() -> None:
    """After ten minutes as little is kept as after two, whether somebody speaks or not."""
    breathing = speech(*((second, second + 9.5) for second in range(0, 60, 10)), seconds=60)
    for minute in (speech((0.0, 60.0), seconds=60), speech(seconds=60), breathing):
        fold = TranscriptFold(Scripted(), loudness, TranscriptOptions(), Context(PROBE, lambda message: None))
        kept = []
        for i in range(10):
            fold.add(Block(Form.MONO_16K, samples=Samples(i * len(minute), RATE, minute)))
            rest = [run.nbytes for run in fold._sound._runs]
            mel = fold._windows._frames  # type: ignore[union-attr]
            kept.append(sum(rest) + (0 if mel is None else mel.nbytes))
        assert max(kept[2:]) <= 60 * RATE * 4 + 2 * 4 * 12000


def test_doubt_about_the_language_is_told() -> None:
    said: list[str] = []

    class Unsure(Scripted):
        def hear(self, window: FloatArray, seek: int, course: Course) -> tuple[list[Line], int]:
            course.probability = 0.31
            return super().hear(window, seek, course)

    fold = TranscriptFold(Unsure(), loudness, TranscriptOptions(), Context(PROBE, said.append))
    fold.add(Block(Form.MONO_16K, samples=Samples(0, RATE, SPOKEN)))
    assert fold.finish().language_probability == 0.31
    assert len(said) == 1 and "'en' with probability 0.31" in said[0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"language": "klingon"}, "there is no language 'klingon'"),
        ({"temperature": []}, "temperature"),
        ({"temperature": [-1]}, "temperature"),
        ({"beam_size": 0}, "beam_size"),
        ({"max_new_tokens": 225}, "max_new_tokens"),
        ({"batched": True, "vad_filter": False}, "batched takes vad_filter"),
        ({"vad_reset_seconds": 1}, "vad_reset_seconds"),
        ({"task": "sing"}, "task"),
    ],
)
def test_wrong_options_are_told(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidOptions, match=said):
        make_options(TASKS[0], given)


def test_times_within_a_window_are_left_out_only_where_chunks_are_batched() -> None:
    assert not TranscriptOptions().asked.without_timestamps
    assert TranscriptOptions(batched=True).asked.without_timestamps
    assert not TranscriptOptions(batched=True, without_timestamps=False).asked.without_timestamps
