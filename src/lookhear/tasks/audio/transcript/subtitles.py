"""A transcript as other programs take it: plain text, subtitles (SRT, WebVTT), TSV, JSON.

Reference: the writers of openai-whisper 20250625; theirs is the breaking of lines, too. Beyond them: ``-->`` within the
text is softened where words are known, too, WebVTT is escaped as its standard says, and a segment that has no words is
shown whole beside those that have.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass

from lookhear.tasks.audio.transcript.result import TranscriptResult, TranscriptSegment, TranscriptWord

_PAUSE = 3.0  # s, after which another subtitle begins
_WIDE = 1000
_TAB = "\t"


@dataclass(frozen=True)
class Layout:
    """How subtitles are broken, where words and their times are known. With both, segments are run together."""

    max_line_width: int | None = None  #: characters
    max_line_count: int | None = None  #: lines a subtitle

    @property
    def keeps_segments(self) -> bool:
        """Does a segment always begin a subtitle?"""
        return self.max_line_width is None or self.max_line_count is None


@dataclass(frozen=True)
class Cue:
    """A subtitle."""

    start: float  #: s
    end: float  #: s
    text: str


def cues(result: TranscriptResult, layout: Layout = Layout()) -> Iterator[Cue]:
    """One per segment, or as the layout says."""
    if any(segment.words for segment in result.segments):
        for words in _Breaker(layout).broken(result.segments):
            yield Cue(words[0].start, words[-1].end, _plain("".join(word.word for word in words)))
        return
    for segment in result.segments:
        yield Cue(segment.start, segment.end, _plain(_line(segment.text)))


def _plain(text: str) -> str:
    """No arrow, which is for times, and no empty line, which ends a subtitle."""
    return "\n".join(line for line in text.strip().replace("-->", "->").splitlines() if line.strip())


class _Breaker:
    """Words into lines, lines into subtitles."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._words: list[TranscriptWord] = []  # of the subtitle that is open
        self._lines = 1
        self._length = 0  # of its last line
        self._last: float | None = None  # when the word before began

    def broken(self, segments: tuple[TranscriptSegment, ...]) -> Iterator[list[TranscriptWord]]:
        """The words of each subtitle, those that begin a line with the break before them."""
        for segment in segments:
            whole = TranscriptWord(f" {segment.text}", segment.start, segment.end, segment.confidence)
            for place, word in enumerate(segment.words or (whole,)):
                yield from self._add(word, begins=place == 0 and self._layout.keeps_segments)
        if self._words:
            yield self._words

    def _add(self, word: TranscriptWord, *, begins: bool) -> Iterator[list[TranscriptWord]]:
        width, count = self._layout.max_line_width or _WIDE, self._layout.max_line_count
        paused = (
            not self._layout.keeps_segments and word.start - (word.start if self._last is None else self._last) > _PAUSE
        )
        begins = begins and bool(self._words)
        if self._length and self._length + len(word.word) <= width and not paused and not begins:
            self._length += len(word.word)
        else:
            bare = word.word.strip()
            if begins or (self._words and count is not None and (paused or self._lines >= count)):
                yield self._words
                self._words, self._lines = [], 1
                word = dataclasses.replace(word, word=bare)
            else:
                self._lines += bool(self._length)
                word = dataclasses.replace(word, word="\n" * bool(self._length) + bare)
            self._length = len(bare)
        self._words.append(word)
        self._last = word.start


def text(result: TranscriptResult) -> str:
    """A line per segment."""
    return "".join(f"{_line(segment.text)}\n" for segment in result.segments)


def srt(result: TranscriptResult, layout: Layout = Layout()) -> str:
    """SubRip."""
    return "".join(
        f"{number}\n{clock(cue.start, hours=True, mark=',')} --> {clock(cue.end, hours=True, mark=',')}\n{cue.text}\n\n"
        for number, cue in enumerate(cues(result, layout), 1)
    )


def vtt(result: TranscriptResult, layout: Layout = Layout()) -> str:
    """WebVTT."""
    parts = [f"{clock(cue.start)} --> {clock(cue.end)}\n{_escaped(cue.text)}\n\n" for cue in cues(result, layout)]
    return "WEBVTT\n\n" + "".join(parts)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def tsv(result: TranscriptResult) -> str:
    """Start and end in ms, text."""
    rows = [
        f"{round(1000 * one.start)}\t{round(1000 * one.end)}\t{_line(one.text).replace(_TAB, ' ')}\n"
        for one in result.segments
    ]
    return "start\tend\ttext\n" + "".join(rows)


def _line(words: str) -> str:
    return " ".join(words.splitlines()).strip()


def as_json(result: TranscriptResult) -> str:
    """All of it."""
    return json.dumps(dataclasses.asdict(result), ensure_ascii=False, indent=2) + "\n"


def clock(seconds: float, *, hours: bool = False, mark: str = ".") -> str:
    """As 01:02.345; with hours where there are some, or where they are asked for."""
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    whole, minutes = divmod(minutes, 60)
    front = f"{whole:02d}:" if whole or hours else ""
    return f"{front}{minutes:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"
