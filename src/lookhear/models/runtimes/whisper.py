"""How Whisper is asked, a window at a time: faster-whisper's own steps, so that a recording may come in pieces.

Reference: Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision (ICML 2023); the loop over windows of
``transcribe`` in faster-whisper 1.2. Windows are 30 s of log mel spectrum at 100 frames/s; times are s of what was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookhear.errors import InvalidOptions, Unsupported
from lookhear.models.runtimes.ctranslate2 import NEEDS

FloatArray = NDArray[np.float32]
FRAMES = 3000  #: of a window
_MARKS = 6  #: tokens of a prompt that are no text
_RESET = 0.5  # text that took a higher temperature is no prompt for what follows


@dataclass(frozen=True)
class Asked:
    """How to decode; the names are those of faster-whisper."""

    task: str = "transcribe"
    beam_size: int = 5
    best_of: int = 5
    patience: float = 1.0
    length_penalty: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    temperature: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    compression_ratio_threshold: float | None = 2.4
    log_prob_threshold: float | None = -1.0
    no_speech_threshold: float | None = 0.6
    condition_on_previous_text: bool = True
    initial_prompt: str | None = None
    hotwords: str | None = None
    without_timestamps: bool = False
    word_timestamps: bool = False
    max_new_tokens: int | None = None


@dataclass(frozen=True)
class Word:
    """``word`` has the blank before it where it is written with one."""

    word: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True)
class Line:
    """A piece of text with its times."""

    start: float
    end: float
    text: str
    avg_logprob: float
    no_speech_prob: float
    words: tuple[Word, ...] = ()


@dataclass
class Course:
    """What one window hands on to the next. ``language`` None: told from the first; ``probability``: how sure then."""

    language: str | None = None
    probability: float | None = None
    prompt: list[int] | None = None  #: tokens of the text before; None: nothing was decoded yet
    spoken: float = 0.0  #: when the last word ended


@dataclass
class _Window:
    """One on its way."""

    native: Any
    asked: Asked
    course: Course
    tokenizer: Any = field(init=False)
    options: Any = field(init=False)

    def __post_init__(self) -> None:
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import get_suppressed_tokens

        many = self.native.model.is_multilingual
        self.tokenizer = Tokenizer(self.native.hf_tokenizer, many, task=self.asked.task, language=self.course.language)
        self.options = _options(self.asked, get_suppressed_tokens(self.tokenizer, [-1]))
        if self.course.prompt is None:
            said = self.asked.initial_prompt
            self.course.prompt = self.tokenizer.encode(f" {said.strip()}") if said else []


def hear(native: Any, window: FloatArray, seek: int, asked: Asked, course: Course) -> tuple[list[Line], int]:
    """What is said in ``window`` (bands, up to 3000 frames), which begins with frame ``seek``; and the frame to go on from.

    Raises InvalidOptions for a language that the model does not know.
    """
    size = window.shape[1]
    encoded = native.encode(_padded(window))
    settle_language(native, encoded, course)
    one = _Window(native, asked, course)
    assert course.prompt is not None
    prompt = native.get_prompt(
        one.tokenizer,
        _fitting(one, course.prompt),
        without_timestamps=asked.without_timestamps,
        hotwords=asked.hotwords,
    )
    result, logprob, temperature, _ = native.generate_with_fallback(encoded, prompt, one.tokenizer, one.options)
    if _silent(asked, result.no_speech_prob, logprob):
        return [], seek + size
    found, onward, ended = native._split_segments_by_timestamps(
        tokenizer=one.tokenizer,
        tokens=result.sequences_ids[0],
        time_offset=seek * native.feature_extractor.time_per_frame,
        segment_size=size,
        segment_duration=size * native.feature_extractor.time_per_frame,
        seek=seek,
    )
    if asked.word_timestamps:
        onward = _with_words(one, [found], encoded, (seek, size, onward, ended))
    lines = _lines(one, found, logprob, result.no_speech_prob)
    if not asked.condition_on_previous_text or temperature > _RESET:
        course.prompt = []
    return lines, onward if onward > seek else seek + size


def _with_words(one: _Window, found: list[list[Any]], encoded: Any, place: tuple[int, int, int, bool]) -> int:
    """Give the segments their words; tells where to go on: after the last one, unless the text came to an end."""
    from faster_whisper.utils import get_end

    seek, size, onward, ended = place
    options, course = one.options, one.course
    marks = options.prepend_punctuations, options.append_punctuations
    one.native.add_word_timestamps(found, one.tokenizer, encoded, size, *marks, last_speech_timestamp=course.spoken)
    last = get_end(found[0])
    if last is not None:
        course.spoken = float(last)
        if not ended and last > seek * one.native.feature_extractor.time_per_frame:
            return round(float(last) * int(one.native.frames_per_second))
    return onward


def _lines(one: _Window, found: list[Any], logprob: float, no_speech: float) -> list[Line]:
    """Those that say something; their tokens become the prompt of what follows."""
    lines = []
    prompt = one.course.prompt or []
    for segment in found:
        text = one.tokenizer.decode(segment["tokens"])
        if segment["start"] != segment["end"] and text.strip():
            prompt.extend(segment["tokens"])
            lines.append(_line(segment, text, logprob, no_speech))
    one.course.prompt = prompt[-(one.native.max_length // 2) :]
    return lines


def _line(segment: Mapping[str, Any], text: str, logprob: float, no_speech: float) -> Line:
    words = tuple(
        Word(word["word"], float(word["start"]), float(word["end"]), float(word["probability"]))
        for word in segment.get("words") or ()
    )
    return Line(float(segment["start"]), float(segment["end"]), text, float(logprob), float(no_speech), words)


def _silent(asked: Asked, no_speech: float, logprob: float) -> bool:
    """Is it likely that nobody speaks, and the text not sure enough to speak against it?"""
    if asked.no_speech_threshold is None or no_speech <= asked.no_speech_threshold:
        return False
    return asked.log_prob_threshold is None or logprob <= asked.log_prob_threshold


def _fitting(one: _Window, prompt: list[int]) -> list[int]:
    """As much of the end of the text before as there is room for beside what else is asked."""
    hot = len(one.tokenizer.encode(f" {one.asked.hotwords.strip()}")) if one.asked.hotwords else 0
    most = one.native.max_length // 2 - 1
    room = one.native.max_length - (one.asked.max_new_tokens or 1) - min(hot, most) - _MARKS
    return prompt[-min(room, most) :] if room > 0 else []


def hear_many(
    native: Any, chunks: Sequence[FloatArray], offsets: Sequence[float], asked: Asked, course: Course
) -> list[Line]:
    """What is said in chunks of up to 30 s of sound at 16 kHz, which begin at ``offsets`` (s), decoded side by side.

    None is a prompt for another, and of the temperatures only the first is tried.
    """
    from faster_whisper import BatchedInferencePipeline

    maker = native.feature_extractor
    spectra = [maker(chunk)[..., :-1] for chunk in chunks]
    if course.language is None:
        first = np.concatenate([*spectra, np.full((native.model.n_mels, 1), -1.5, np.float32)], axis=1)
        settle_language(native, native.encode(_padded(first[:, :FRAMES])), course)
    one = _Window(native, replace(asked, temperature=asked.temperature[:1]), course)
    facts = [
        {"offset": offset, "duration": len(chunk) / maker.sampling_rate, "segments": []}
        for chunk, offset in zip(chunks, offsets, strict=True)
    ]
    pipeline = BatchedInferencePipeline(native)
    pipeline.last_speech_timestamp = course.spoken
    answers = pipeline.forward(np.stack([_padded(one) for one in spectra]), one.tokenizer, facts, one.options)
    course.spoken = float(pipeline.last_speech_timestamp or 0.0)
    return [
        _line(segment, segment["text"], segment["avg_logprob"], segment["no_speech_prob"])
        for answer in answers
        for segment in answer
        if segment["text"].strip() and not _silent(asked, segment["no_speech_prob"], segment["avg_logprob"])
    ]


def settle_language(native: Any, encoded: Any, course: Course) -> None:
    """Tell the language, unless it is known. Raises InvalidOptions for one that the model does not know."""
    if not native.model.is_multilingual:
        if course.language not in (None, "en"):
            raise InvalidOptions(f"This model knows English only, not '{course.language}'. Name another model.")
        course.language = "en"
    elif course.language is None:
        token, probability = native.model.detect_language(encoded)[0][0]
        course.language, course.probability = token[2:-2], float(probability)
    elif native.hf_tokenizer.token_to_id(f"<|{course.language}|>") is None:
        raise InvalidOptions(f"This model knows no language '{course.language}'. Name another model.")


def _padded(mel: FloatArray) -> FloatArray:
    """(bands, 3000)."""
    missing = FRAMES - mel.shape[1]
    return np.pad(mel, ((0, 0), (0, missing))) if missing > 0 else np.ascontiguousarray(mel[:, :FRAMES])


def _options(asked: Asked, suppressed: Sequence[int]) -> Any:
    from faster_whisper.transcribe import TranscriptionOptions

    shared = {name: getattr(asked, name) for name in asked.__dataclass_fields__ if name not in ("task", "temperature")}
    return TranscriptionOptions(
        **shared,
        temperatures=list(asked.temperature),
        suppress_tokens=suppressed,
        prompt_reset_on_temperature=_RESET,
        prefix=None,
        suppress_blank=True,
        max_initial_timestamp=1.0,
        prepend_punctuations="\"'“¿([{-",
        append_punctuations="\"'.。,，!！?？:：”)]}、",
        multilingual=False,
        clip_timestamps="0",
        hallucination_silence_threshold=None,
    )


def check_installed() -> None:
    """Raises Unsupported unless faster-whisper is there; costs no import."""
    if find_spec("faster_whisper") is None:
        raise Unsupported(NEEDS)


def voice(feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """Silero VAD as it lies in faster-whisper: ``input`` (n, 576), ``h``, ``c`` -> probabilities (n,), ``h``, ``c``."""
    from faster_whisper.vad import get_vad_model

    return get_vad_model().session.run(None, dict(feeds))  # type: ignore[no-any-return]
