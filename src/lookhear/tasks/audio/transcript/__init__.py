"""What is said, in which language, and when: segments, and words with their times where they are asked for.

Aim: speech as text that can be searched, read along, and shown under a film.
Reference: Whisper (Radford et al., ICML 2023) as faster-whisper 1.2 runs it on CTranslate2, with its defaults: Silero VAD
leaves out what is no speech for two seconds, windows of 30 s of the rest are decoded by beam search, at rising temperatures
where the text repeats itself or is unsure, and each goes on where the last sentence before it ended. The steps are taken
while the sound arrives, in memory that does not grow with it, and give what faster-whisper gives for the whole. With
``batched`` chunks of up to 30 s, cut at pauses, are decoded side by side: faster, with one segment each. The voice
detector forgets how speech sounds during minutes of music; started afresh every ``vad_reset_seconds`` it missed 2 % of the
speech after three minutes of music instead of 8 %, and took 0.3 % of music without voices for speech instead of 0.1 %.
The floor of a spectrum lies 80 dB below the loudest sound so far, not below that of the whole.
Conventions: s from the beginning of the sound. The language is told from the first half minute of speech, unless it is
given. ``confidence`` is exp of the mean log probability. Sampling at temperatures above 0 is random: where decoding falls
back to it, a process that has transcribed before may word a passage in another way. Silence: no text and no language.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from lookhear.errors import InvalidOptions
from lookhear.media.forms import FloatArray
from lookhear.models.runtimes import whisper, whisper_mel
from lookhear.models.shelf import Model
from lookhear.tasks.audio.transcript.languages import CODES
from lookhear.tasks.audio.transcript.result import TranscriptResult, TranscriptSegment, clipped, segment
from lookhear.tasks.audio.transcript.spans import Piece, Rules, Spans
from lookhear.tasks.audio.transcript.speech_only import RATE, Sound, Timeline
from lookhear.tasks.audio.transcript.windows import Batches, Ear, Sliding
from lookhear.tasks.base import AUTO, Block, Context, Fold, Form, Task
from lookhear.tasks.voice import WINDOW, Probabilities, Run

_UNSURE = 0.5  # of a language: worth a word
_CHUNKS = Rules(silence=2560, longest=30.0)


@dataclass(frozen=True)
class TranscriptOptions:
    """The names and defaults are Whisper's, and those of faster-whisper."""

    model: str = AUTO
    language: str | None = None  #: ISO 639 code of what is spoken; null: told from the first half minute of speech
    task: Literal["transcribe", "translate"] = "transcribe"  #: or into English
    word_timestamps: bool = False  #: when each word is said
    vad_filter: bool = True  #: leave out what is no speech
    vad_reset_seconds: float = 30.0  #: from one fresh start of the voice detector to the next; 0: none, as published
    beam_size: int = 5
    best_of: int = 5  #: samples at temperatures above 0
    patience: float = 1.0
    length_penalty: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    temperature: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  #: tried until the text is good enough
    compression_ratio_threshold: float | None = 2.4  #: text that can be packed better repeats itself
    log_prob_threshold: float | None = -1.0  #: text with a lower mean log probability is unsure
    no_speech_threshold: float | None = 0.6  #: unsure text of what is silence with this probability is left out
    condition_on_previous_text: bool = True  #: what was said before helps with what follows
    initial_prompt: str | None = None  #: text as it might stand before the first word: names, spelling, style
    hotwords: str | None = None  #: words to expect anywhere
    max_new_tokens: int | None = None  #: of a window
    without_timestamps: bool | None = None  #: no times within a window; null: only where batched
    batched: bool = False  #: chunks side by side
    batch_size: int = 8

    def __post_init__(self) -> None:
        if self.language is not None and self.language not in CODES:
            raise InvalidOptions(
                f"transcript: there is no language '{self.language}'. Known: {', '.join(sorted(CODES))}."
            )
        if not self.temperature or min(self.temperature) < 0:
            raise InvalidOptions("transcript: temperature must be one or more numbers of 0 or more.")
        if min(self.beam_size, self.best_of, self.batch_size) < 1 or not 0 < (self.max_new_tokens or 1) <= 224:
            raise InvalidOptions(
                "transcript: beam_size, best_of and batch_size must be 1 or more, max_new_tokens 224 at most."
            )
        if self.vad_reset_seconds and self.vad_reset_seconds < 5:
            raise InvalidOptions("transcript: vad_reset_seconds must be 0, or 5 or more.")
        if self.batched and not self.vad_filter:
            raise InvalidOptions("transcript: batched takes vad_filter, which tells where to cut.")

    @property
    def asked(self) -> whisper.Asked:
        """How to decode."""
        bare = self.batched if self.without_timestamps is None else self.without_timestamps
        names = [name for name in whisper.Asked.__dataclass_fields__ if name != "without_timestamps"]
        return whisper.Asked(**{name: getattr(self, name) for name in names}, without_timestamps=bare)


@dataclass(frozen=True)
class _ModelEar:
    """The model, in memory once somebody speaks."""

    model: Model
    asked: whisper.Asked

    def log_mel(self, samples: FloatArray) -> FloatArray:
        """The spectrum it takes."""
        return self.model.work(lambda native: whisper_mel.log_mel(native, samples))

    def hear(self, window: FloatArray, seek: int, course: whisper.Course) -> tuple[list[whisper.Line], int]:
        """A window."""
        return self.model.work(lambda native: whisper.hear(native, window, seek, self.asked, course))

    def hear_many(
        self, chunks: Sequence[FloatArray], offsets: Sequence[float], course: whisper.Course
    ) -> list[whisper.Line]:
        """A batch of chunks."""
        return self.model.work(lambda native: whisper.hear_many(native, chunks, offsets, self.asked, course))


class TranscriptFold:
    """Speech is cut out as it comes, and heard as soon as there is a window of it."""

    def __init__(self, ear: Ear, run: Run, options: TranscriptOptions, context: Context) -> None:
        self._context = context
        self._course = whisper.Course(options.language)
        self._told = options.language is None
        self._sound = Sound()
        self._timeline = Timeline()
        period = round(options.vad_reset_seconds * RATE / WINDOW)
        self._voice = Probabilities(run, period) if options.vad_filter else None
        self._spans = Spans(_CHUNKS if options.batched else Rules())
        self._windows: Sliding | Batches = (
            Batches(ear, self._course, options.batch_size) if options.batched else Sliding(ear, self._course)
        )
        self._samples = 0
        self._text: list[str] = []
        self._segments: list[TranscriptSegment] = []

    def add(self, block: Block) -> None:
        """Samples at 16 kHz."""
        if block.samples is None or not len(block.samples.data):
            return
        data, start = block.samples.data, self._samples
        self._samples += len(data)
        self._sound.add(data)
        if self._voice is not None:
            self._speech(self._spans.add(self._voice.add(data)))
            self._sound.forget(self._spans.needed)
        else:
            self._speech([Piece(start, self._samples, start == 0)])
            self._sound.forget(self._samples)

    def finish(self) -> TranscriptResult:
        """What is left, and all of it."""
        if self._voice is not None and self._samples:
            self._speech(self._spans.finish(self._voice.finish(), self._samples))
        self._keep(self._windows.finish())
        self._doubt()
        text = "".join(self._text).strip()
        duration = round(self._samples / RATE, 3)
        return TranscriptResult(
            language=self._course.language if self._segments else None,
            language_probability=self._sure if self._segments else None,
            text=text,
            segments=tuple(clipped(one, duration) for one in self._segments),
            duration=duration,
            speech_seconds=round(self._timeline.samples / RATE, 3),
        )

    def _speech(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self._timeline.add(piece)
            self._keep(self._windows.add(self._sound.take(piece), piece.begins))

    def _keep(self, lines: list[whisper.Line]) -> None:
        self._text += [line.text for line in lines]
        self._segments += [segment(line, self._timeline) for line in lines]

    @property
    def _sure(self) -> float | None:
        probability = self._course.probability
        return round(probability, 4) if probability is not None else None

    def _doubt(self) -> None:
        if self._segments and self._sure is not None and self._sure < _UNSURE:
            self._context.warn(
                f"The language is hardly to be told ('{self._course.language}' with probability {self._sure:.2f}): "
                "say it with the option language."
            )


class Transcript(Task[TranscriptOptions, TranscriptResult]):
    """Whisper on sound."""

    name = "transcript"
    version = "1"
    summary = "what is said, in which language, and when"
    kinds = frozenset({"audio", "video"})
    role = "transcript"
    forms = frozenset({Form.MONO_16K})
    default = False
    headline: ClassVar[dict[str, str]] = {"language": "language"}
    Options = TranscriptOptions
    Result = TranscriptResult

    def start(self, context: Context, options: TranscriptOptions) -> Fold[TranscriptResult]:
        """A fresh fold. Raises Unsupported without faster-whisper, InvalidOptions for a language the model does not know."""
        whisper.check_installed()
        model = context.models[self.role]
        known: Any = model.card.facts.get("languages")
        if known and options.language not in (None, *known):
            raise InvalidOptions(
                f"The model {model.card.name} knows {', '.join(known)}, not '{options.language}'. Name another one."
            )
        if known and len(known) == 1:
            options = replace(options, language=known[0])
        return TranscriptFold(_ModelEar(model, options.asked), whisper.voice, options, context)


TASKS = (Transcript(),)
