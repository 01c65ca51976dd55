"""What was said: text, and when which part of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from lookhear.models.runtimes.whisper import Line, Word
from lookhear.tasks.audio.transcript.speech_only import Timeline


@dataclass(frozen=True)
class TranscriptWord:
    """A word with the punctuation at it, and the blank before it where it is written with one."""

    word: str
    start: float  #: s
    end: float  #: s
    probability: float  #: 0..1


@dataclass(frozen=True)
class TranscriptSegment:
    """A phrase or sentence."""

    start: float  #: s
    end: float  #: s
    text: str
    confidence: float  #: 0..1, geometric mean of the probabilities of its tokens and of those heard with it
    no_speech_prob: float  #: 0..1, that nobody speaks in the window it is of
    words: tuple[TranscriptWord, ...] = ()  #: where they were asked for


@dataclass(frozen=True)
class TranscriptResult:
    """Nobody speaks: no text, no segments, no language."""

    language: str | None = None  #: ISO 639 code
    language_probability: float | None = None  #: 0..1; null where the language was given, or is the only one
    text: str = ""
    segments: tuple[TranscriptSegment, ...] = ()  #: in order
    duration: float = 0.0  #: s of sound
    speech_seconds: float = (
        0.0  #: s of it that were heard: speech, with pauses of less than two seconds; all without vad_filter
    )


def segment(line: Line, timeline: Timeline) -> TranscriptSegment:
    """At its place in the recording."""
    words = tuple(_word(word, timeline) for word in line.words)
    if words:
        start, end = words[0].start, words[-1].end
    else:
        start, end = timeline.original(line.start), timeline.original(line.end, is_end=True)
    confidence = min(math.exp(line.avg_logprob), 1.0)
    probability = round(line.no_speech_prob, 4)
    return TranscriptSegment(start, end, line.text.strip(), round(confidence, 4), probability, words)


def _word(word: Word, timeline: Timeline) -> TranscriptWord:
    """Its start and end lie in the span that its middle lies in."""
    span = timeline.span((word.start + word.end) / 2)
    start, end = timeline.original(word.start, span), timeline.original(word.end, span)
    return TranscriptWord(word.word, start, end, round(word.probability, 4))


def clipped(found: TranscriptSegment, duration: float) -> TranscriptSegment:
    """Within the recording: of a window that is not full, Whisper may tell times after its end."""
    if found.end <= duration:
        return found
    words = tuple(replace(word, start=min(word.start, duration), end=min(word.end, duration)) for word in found.words)
    return replace(found, start=min(found.start, duration), end=min(found.end, duration), words=words)
