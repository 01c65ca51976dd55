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
from lookhear.tasks.audio.transcript.spans import Piece, Rules, Spans
from lookhear.tasks.audio.transcript.spectrum import Spectrum
from lookhear.tasks.audio.transcript.speech_only import Sound, Timeline
from lookhear.tasks.base import Block, Context
from lookhear.tasks.voice import WINDOW

RATE = 16000
PROBE = Probe("audio", "wav", "WAV", None, None, None, (AudioStream(0, "pcm_s16le", RATE, 1, "mono", "s16", 16),))
cuts = st.lists(st.integers(0, 100 * RATE), max_size=10)


def loudness(feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """A voice detector: what is loud is speech."""
    rows = feeds["input"]
    loud = np.abs(rows[:, 64:]).mean(axis=1) > 0.1
    return [loud.astype(np.float32), feeds["h"], feeds["c"]]


def frames(samples: FloatArray) -> FloatArray:
    """A spectrum of two bands: the sample at the centre of each frame, and the sum of those at its edges."""
    padded = np.pad(samples.astype(np.float64), 200, "reflect" if len(samples) > 1 else "edge")
    centres = 160 * np.arange(len(samples) // 160) + 200
    return np.stack([padded[centres], padded[centres - 200] + padded[centres + 199]]).astype(np.float32)


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


@settings(max_examples=200, deadline=None)
@given(
    loud=st.lists(
        st.tuples(st.sampled_from([0.1, 0.4, 0.9]), st.sampled_from([1, 3, 5, 14, 20, 60, 70, 500])), max_size=30
    ).map(lambda runs: [probability for probability, count in runs for _ in range(count)]),
    sizes=st.lists(st.integers(1, 100), min_size=1, max_size=60),
    chunked=st.booleans(),
    odd=st.integers(0, WINDOW - 1),
)
def test_spans_are_those_of_the_whole(loud: list[float], sizes: list[int], chunked: bool, odd: int) -> None:
    """Pieces are in order, and hold all speech once; the same at once and bit by bit; needed samples are kept."""
    rules = Rules(silence=2560, longest=30.0) if chunked else Rules()
    samples = WINDOW * len(loud) + odd
    whole = _joined(_told(rules, loud, [len(loud)], samples))
    pieces = _told(rules, loud, sizes, samples)
    assert _joined(pieces) == whole
    assert all(one.start < one.end for one in pieces) and all(a.end <= b.start for a, b in pairwise(pieces))
    held = np.zeros(samples + WINDOW, bool)
    for start, end in whole:
        held[start:end] = True
    spoken = np.repeat(np.array(loud) >= rules.threshold, WINDOW)
    assert held[: len(spoken)][spoken].all()
    if chunked:
        assert all(end - start <= 30 * RATE for start, end in whole)


def _told(rules: Rules, loud: list[float], sizes: list[int], samples: int) -> list[Piece]:
    spans, found, place = Spans(rules), [], 0
    for size in [*sizes, len(loud)]:
        needed = spans.needed
        fresh = list(spans.add(np.array(loud[place : place + size], np.float32)))
        assert all(piece.start >= needed for piece in fresh)
        found, place = found + fresh, place + size
    return found + list(spans.finish(np.full(1, 0.1, np.float32), samples))


def _joined(pieces: list[Piece]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for piece in pieces:
        if piece.begins:
            spans.append((piece.start, piece.end))
        else:
            assert spans[-1][1] == piece.start
            spans[-1] = (spans[-1][0], piece.end)
    return spans


@settings(max_examples=50, deadline=None)
@given(edges=st.lists(st.integers(0, 60000), max_size=8), length=st.integers(0, 60000))
def test_spectra_of_pieces_are_those_of_the_whole(edges: list[int], length: int) -> None:
    sound = np.random.default_rng(length).normal(0, 0.2, length).astype(np.float32)
    spectrum = Spectrum(frames)
    parts = [
        spectrum.add(sound[low:high])
        for low, high in pairwise([0, *sorted(edge for edge in edges if edge < length), length])
    ]
    parts.append(spectrum.finish())
    made = np.concatenate([np.zeros((2, 0), np.float32), *(part for part in parts if part is not None)], axis=1)
    assert np.array_equal(made, frames(np.append(sound, np.zeros(160, np.float32)))[:, : length // 160])


def test_a_moment_at_a_seam_is_the_end_of_one_span_or_the_beginning_of_the_next() -> None:
    line = Timeline()
    for start, end, begins in ((16000, 24000, True), (24000, 32000, False), (64000, 80000, True)):
        line.add(Piece(start, end, begins))
    assert line.samples == 32000
    assert line.original(0.5) == 1.5 and line.original(1.0, is_end=True) == 2.0 and line.original(1.0) == 4.0
    assert line.original(1.5) == 4.5 and line.original(9.0) == 12.0  # beyond the end: of the last span
    assert line.original(0.9, line.span(1.2)) == 3.9


def test_sound_is_kept_as_long_as_it_is_needed() -> None:
    sound = Sound()
    for i in range(4):
        sound.add(np.arange(10 * i, 10 * i + 10, dtype=np.float32))
    sound.forget(15)
    assert sound.take(Piece(15, 33, True)).tolist() == list(range(15, 33))
    sound.forget(40)
    assert not sound._runs


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
