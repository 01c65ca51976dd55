"""What models tell of listening, and a sentence on what is not told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from lookhear.tasks.words import acousticness, instrumentalness

_NEVER = "Valence and liveness are null: neither a formula nor a model that is known tells them."
_BY_TAGS = (
    "Acousticness and instrumentalness are null: a tagger of music would tell them (lookhear models pull musicnn)."
)
_BY_VOICE = "Speechiness is null: a detector of speech would tell it (lookhear models pull silero-vad)."


@dataclass(frozen=True)
class Told:
    """0..1; None where the task that tells it did not run, or there was nothing to hear."""

    acousticness: float | None
    instrumentalness: float | None
    speechiness: float | None
    complaint: str

    @classmethod
    def of(cls, results: Mapping[str, Any]) -> Self:
        """By the tags of music and the segments of speech."""
        tags, speech = results.get("music_tags"), results.get("speech")
        missing = [_NEVER, *([] if tags else [_BY_TAGS]), *([] if speech else [_BY_VOICE])]
        words = tags.probabilities if tags else {}
        return cls(
            _rounded(acousticness(words)),
            _rounded(instrumentalness(words)),
            _rounded(speech.ratio if speech else None),
            " ".join(missing),
        )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
