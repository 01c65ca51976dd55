"""Transcripts for other programs, beside what openai-whisper writes."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest

from golden.whisper_segments import segments
from lookhear.tasks.audio.transcript import subtitles
from lookhear.tasks.audio.transcript.result import TranscriptResult, TranscriptSegment, TranscriptWord

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "whisper_writers.json").read_text())


def result(*, words: bool) -> TranscriptResult:
    """What the golden file was made of."""
    return TranscriptResult(
        segments=tuple(
            TranscriptSegment(
                one["start"],
                one["end"],
                one["text"].strip(),
                0.5,
                0.0,
                tuple(TranscriptWord(**word) for word in one.get("words", ())),
            )
            for one in segments(words=words)
        )
    )


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda row: f"{row['format']} {row['words']} {row['layout']}")
def test_as_whisper_writes(golden: dict[str, Any]) -> None:
    """But for the arrow: theirs stays where words are known, and is not escaped in WebVTT."""
    found, layout = result(words=golden["words"]), subtitles.Layout(**golden["layout"])
    written = {
        "txt": lambda: subtitles.text(found),
        "srt": lambda: subtitles.srt(found, layout),
        "vtt": lambda: html.unescape(subtitles.vtt(found, layout)),
        "tsv": lambda: subtitles.tsv(found),
    }[golden["format"]]()
    assert _softened(written) == _softened(golden["text"])


def _softened(text: str) -> str:
    return text.replace("-->", "->")


def test_what_would_break_a_subtitle_is_softened() -> None:
    one = TranscriptSegment(1.0, 2.0, "a <b> & c\n\n00:01 --> 00:02\r\nd", 1.0, 0.0)
    found = TranscriptResult(segments=(one,))
    assert subtitles.srt(found) == "1\n00:00:01,000 --> 00:00:02,000\na <b> & c  00:01 -> 00:02 d\n\n"
    assert "a &lt;b&gt; &amp; c  00:01 -&gt; 00:02 d" in subtitles.vtt(found)
    assert subtitles.tsv(found).count("\n") == 2 and subtitles.text(found).count("\n") == 1


def test_a_segment_without_words_is_shown_beside_those_that_have_them() -> None:
    words = (TranscriptWord(" One", 0.0, 0.5, 1.0), TranscriptWord(" two", 0.5, 1.0, 1.0))
    found = TranscriptResult(
        segments=(
            TranscriptSegment(0.0, 1.0, "One two", 1.0, 0.0, words),
            TranscriptSegment(2.0, 3.0, "three", 1.0, 0.0),
        )
    )
    assert [cue.text for cue in subtitles.cues(found)] == ["One two", "three"]
    assert [cue.text for cue in subtitles.cues(found, subtitles.Layout(9, 2))] == ["One two\nthree"]


def test_nothing_said() -> None:
    nothing = TranscriptResult()
    assert subtitles.text(nothing) == subtitles.srt(nothing) == ""
    assert subtitles.vtt(nothing) == "WEBVTT\n\n" and subtitles.tsv(nothing) == "start\tend\ttext\n"
    assert json.loads(subtitles.as_json(nothing))["language"] is None


def test_everything_is_in_the_json() -> None:
    found = json.loads(subtitles.as_json(result(words=True)))
    assert found["segments"][1]["words"][2] == {"word": " and", "start": 2.9, "end": 3.1, "probability": 0.5}


@pytest.mark.parametrize(
    ("seconds", "plain", "full"),
    [
        (0.0, "00:00.000", "00:00:00.000"),
        (59.9996, "01:00.000", "00:01:00.000"),
        (3600.0, "01:00:00.000", "01:00:00.000"),
        (360000.5, "100:00:00.500", "100:00:00.500"),
    ],
)
def test_clock(seconds: float, plain: str, full: str) -> None:
    assert subtitles.clock(seconds) == plain and subtitles.clock(seconds, hours=True) == full
