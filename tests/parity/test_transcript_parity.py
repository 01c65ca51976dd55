"""Whisper beside faster-whisper itself, with seeded random weights: what is asked of it must come to the same.

Random weights say nothing sensible, but hang on every sample and every token before: whatever differs shows.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("faster_whisper", reason="takes the extra 'speech'")

import faster_whisper
from faster_whisper.tokenizer import _LANGUAGE_CODES
from faster_whisper.transcribe import BatchedInferencePipeline
from faster_whisper.vad import SileroVADModel, VadOptions, get_speech_timestamps, get_vad_model

import lookhear
from lookhear.analysis.plan import make_options
from lookhear.media.decoder import Decoder
from lookhear.media.forms import Form, Samples
from lookhear.media.medium import open_medium
from lookhear.media.probe import AudioStream, Probe
from lookhear.models.card import Want
from lookhear.models.runtimes import whisper
from lookhear.models.shelf import Shelf
from lookhear.tasks.audio.transcript import TASKS, TranscriptResult
from lookhear.tasks.audio.transcript.languages import CODES
from lookhear.tasks.audio.transcript.spans import Rules, Spans
from lookhear.tasks.base import Block, Context
from lookhear.tasks.voice import Probabilities
from support.sound import encode, tone

RATE = 16000
LEAST = {"temperature": [0.0], "max_new_tokens": 50}  # random text would never end
AS_THEIRS = {**LEAST, "vad_reset_seconds": 0}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def native(whisper_weights: Path) -> Any:
    return faster_whisper.WhisperModel(str(whisper_weights), device="cpu", compute_type="int8", cpu_threads=2)


@pytest.fixture(scope="module")
def speech(shared: Path) -> Path:
    return shared / "speech"


def samples(path: Path) -> NDArray[np.float32]:
    """As our decoder makes them."""
    with open_medium(str(path)) as medium:
        return np.concatenate([run.data for _, run in Decoder(medium, frozenset({Form.MONO_16K}), [])])


def conversation(speech: Path, seconds: int) -> NDArray[np.float32]:
    """The recordings one after the other, with pauses of all lengths."""
    random, parts, length = np.random.default_rng(3), [], 0
    clips = [samples(speech / name) for name in ("jfk.wav", "libri1.hq.ogg", "libri3.hq.ogg", "speech-male.wav")]
    parts.append(clips[0])  # the loudest first: a spectrum knows no louder sound than those before it
    while length < seconds * RATE:
        pause = np.zeros(int(RATE * random.choice([0.3, 1.5, 2.5, 12.0])), np.float32)
        parts += [pause, clips[random.integers(len(clips))] * np.float32(random.uniform(0.1, 0.4))]
        length += len(parts[-1]) + len(parts[-2])
    return np.concatenate(parts)[: seconds * RATE]


def context(shelf: Shelf) -> Context:
    """Of sound at 16 kHz."""
    stream = AudioStream(0, "pcm_s16le", RATE, 1, "mono", "s16", 16)
    probe = Probe("audio", "wav", "WAV", None, None, None, (stream,), audio_index=0)
    return Context(probe, lambda message: None, models={"transcript": shelf.get(Want("transcript"))})


def ours(shelf: Shelf, sound: NDArray[np.float32], block: int, **options: Any) -> TranscriptResult:
    """The task on samples that come in blocks of a size."""
    fold = TASKS[0].start(context(shelf), make_options(TASKS[0], {**AS_THEIRS, **options}))
    for start in range(0, len(sound), block):
        fold.add(Block(Form.MONO_16K, samples=Samples(start, RATE, sound[start : start + block])))
    return fold.finish()


def theirs(native: Any, sound: Any, **options: Any) -> tuple[list[Any], Any]:
    """A direct call on the whole."""
    chosen = {**LEAST, **options}
    batched, size = chosen.pop("batched", False), chosen.pop("batch_size", 8)
    if batched:
        told, info = BatchedInferencePipeline(native).transcribe(sound, batch_size=size, **chosen)
    else:
        told, info = native.transcribe(sound, vad_filter=chosen.pop("vad_filter", True), **chosen)
    return [one for one in told if one.text.strip()], info


def same(found: TranscriptResult, told: list[Any], tolerance: float = 0.01) -> None:
    """Text for text, moment for moment."""
    assert [one.text for one in found.segments] == [one.text.strip() for one in told] and told
    end = found.duration
    for one, other in zip(found.segments, told, strict=True):
        assert one.start == pytest.approx(min(other.start, end), abs=tolerance)
        assert one.end == pytest.approx(min(other.end, end), abs=tolerance)
        assert one.confidence == pytest.approx(np.exp(other.avg_logprob), abs=2e-4)
        assert [word.word for word in one.words] == [word.word for word in other.words or ()]
        for word, theirs in zip(one.words, other.words or (), strict=True):
            assert word.start == pytest.approx(min(theirs.start, end), abs=tolerance)
            assert word.end == pytest.approx(min(theirs.end, end), abs=tolerance)
            assert word.probability == pytest.approx(theirs.probability, abs=1e-4)


WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"word_timestamps": True},
    {"language": "de", "initial_prompt": "Guten Tag", "hotwords": "Eis", "condition_on_previous_text": False},
    {"task": "translate", "beam_size": 1, "vad_filter": False},
    {"batched": True, "batch_size": 2},
    {"batched": True, "batch_size": 3, "word_timestamps": True, "without_timestamps": False, "language": "fr"},
)


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("block", [48000, 7919])
def test_the_same_as_a_direct_call_on_the_whole(
    whisper_shelf: Shelf, native: Any, speech: Path, way: dict[str, Any], block: int
) -> None:
    sound = conversation(speech, 120)
    found, (told, info) = ours(whisper_shelf, sound, block, **way), theirs(native, sound, **way)
    same(found, told)
    assert found.language == info.language
    assert found.speech_seconds == pytest.approx(info.duration_after_vad, abs=1e-3)
    if "language" not in way:
        assert found.language_probability == pytest.approx(info.language_probability, abs=2e-3)


@pytest.mark.usefixtures("whisper_here")
@pytest.mark.parametrize("name", ["jfk.flac", "libri1.hq.ogg", "libri2.hq.ogg", "libri3.hq.ogg"])
def test_the_same_of_files(native: Any, speech: Path, name: str) -> None:
    """Their decoder rounds to 16 bits, ours does not, which is enough to change what random weights say."""
    report = lookhear.analyze(str(speech / name), ["transcript"], {"transcript": LEAST})
    assert report.errors == ()
    sound, rounded = samples(speech / name), faster_whisper.decode_audio(str(speech / name))
    assert len(sound) == len(rounded) and np.abs(sound - rounded).max() <= 1.01 / 32768
    told, info = theirs(native, sound)
    same(report["transcript"], told)
    assert report["transcript"].language == info.language
    assert lookhear.from_json(lookhear.to_json(report)) == report


@pytest.mark.parametrize("rules", [Rules(), Rules(silence=2560, longest=30.0)], ids=["spans", "chunks"])
def test_speech_is_where_they_find_it(speech: Path, rules: Rules) -> None:
    sound = conversation(speech, 100)
    voice, spans, found = Probabilities(whisper.voice), Spans(rules), []
    for start in range(0, len(sound), 5000):
        found += spans.add(voice.add(sound[start : start + 5000]))
    found += spans.finish(voice.finish(), len(sound))
    begins = [piece.start for piece in found if piece.begins]
    ends = [
        one.end for one, following in zip(found, [*found[1:], None], strict=True) if not following or following.begins
    ]
    options = VadOptions(min_silence_duration_ms=rules.silence // 16, max_speech_duration_s=rules.longest)
    told = get_speech_timestamps(sound, options)
    assert [{"start": start, "end": end} for start, end in zip(begins, ends, strict=True)] == told and len(told) > 3


def test_spans_of_any_probabilities_are_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cuts within long speech, too, which recordings seldom bring about."""
    random = np.random.default_rng(7)
    for case in range(200):
        runs = [(random.choice([0.1, 0.4, 0.9]), random.choice([1, 3, 4, 5, 20, 70, 400])) for _ in range(20)]
        loud = np.concatenate([np.full(count, value, np.float32) for value, count in runs])
        samples = 512 * len(loud) + int(random.integers(0, 512))
        last = np.array([random.choice([0.1, 0.9])], np.float32)
        whole = np.append(loud, last)
        monkeypatch.setattr(SileroVADModel, "__call__", lambda self, audio, whole=whole: whole)
        for rules in (Rules(), Rules(silence=2560, longest=30.0)):
            spans = Spans(rules)
            found = [*spans.add(loud), *spans.finish(last, samples)]
            options = VadOptions(min_silence_duration_ms=rules.silence // 16, max_speech_duration_s=rules.longest)
            told = get_speech_timestamps(np.zeros(samples, np.float32), options)
            assert [one.start for one in found if one.begins] == [one["start"] for one in told], case
            assert sum(one.end - one.start for one in found) == sum(one["end"] - one["start"] for one in told), case


def test_a_running_fold_can_be_told_from(whisper_shelf: Shelf, speech: Path) -> None:
    sound = conversation(speech, 50)
    fold = TASKS[0].start(context(whisper_shelf), make_options(TASKS[0], AS_THEIRS))
    fold.add(Block(Form.MONO_16K, samples=Samples(0, RATE, sound[:400000])))
    early = copy.deepcopy(fold).finish()
    fold.add(Block(Form.MONO_16K, samples=Samples(400000, RATE, sound[400000:])))
    assert fold.finish() == ours(whisper_shelf, sound, 400000) and early.duration == 25.0


@pytest.mark.usefixtures("whisper_here")
def test_silence_hum_and_drums_say_nothing(shared: Path) -> None:
    silence = lookhear.analyze(encode(np.zeros((1, 44100 * 40), np.float32)), ["transcript"])
    assert silence.errors == () and silence["transcript"] == TranscriptResult(duration=40.0)
    hum = lookhear.analyze(encode(tone(40)), ["transcript"])
    assert hum["transcript"].text == "" and hum["transcript"].language is None
    drums = lookhear.analyze(str(shared / "music" / "bendir.wav"), ["transcript"])
    assert drums["transcript"].text == ""


@pytest.mark.usefixtures("whisper_here")
def test_a_language_that_the_model_does_not_know_is_told(speech: Path) -> None:
    report = lookhear.analyze(str(speech / "jfk.wav"), ["transcript"], {"transcript": {"language": "yue"}})
    assert report.errors[0].code == "invalid_options" and "no language 'yue'" in report.errors[0].message


def test_codes_are_theirs() -> None:
    assert set(_LANGUAGE_CODES) == CODES


def test_their_detector_is_the_one_that_is_used() -> None:
    feeds = {"input": np.zeros((3, 576), np.float32), "h": np.zeros((1, 1, 128), np.float32)}
    probabilities, _, _ = whisper.voice({**feeds, "c": np.zeros((1, 1, 128), np.float32)})
    assert probabilities.shape == (3,) and np.array_equal(probabilities, get_vad_model()(np.zeros(1536, np.float32)))
