"""What is said in a film that nobody made, as Whisper tells it: three segments, a long pause, words or none."""

from __future__ import annotations

from typing import Any

_SAID = (
    (0.0, " Never put a --> into a subtitle,"),
    (2.5, " they said, and so we did: one\ttab, and some words that are longer than a line is wide."),
    (3600.5, " An hour later nobody remembered."),
)


def segments(*, words: bool) -> list[dict[str, Any]]:
    """With times of words that lie a fifth of a second apart."""
    found = []
    for start, text in _SAID:
        parts = [f" {part}" for part in text.strip().split(" ")]
        times = [round(start + 0.2 * i, 2) for i in range(len(parts) + 1)]
        one: dict[str, Any] = {"start": start, "end": times[-1], "text": text}
        if words:
            one["words"] = [
                {"word": part, "start": times[i], "end": times[i + 1], "probability": 0.5}
                for i, part in enumerate(parts)
            ]
        found.append(one)
    return found
