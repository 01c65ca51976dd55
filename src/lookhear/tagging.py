"""Genre and mood of a recording in one call.

>>> from lookhear.tagging import classify_genre
>>> classify_genre("song.wav")  # doctest: +SKIP
['rock', 'alternative', 'pop']
"""

from __future__ import annotations

from lookhear.contracts.base import value
from lookhear.contracts.tagging import best
from lookhear.media.source import Named
from lookhear.wiring import analyze


def classify_genre(source: Named) -> list[str]:
    """The three likeliest genres, best first; none for silence. Raises InputError, and ModelMissing without the model."""
    return best(value(analyze(source, ["genre"]), "genre").probabilities)


def detect_mood(source: Named) -> list[str]:
    """The three likeliest words for its mood, best first; none for silence. Raises as ``classify_genre`` does."""
    return best(value(analyze(source, ["mood"]), "mood").words)


__all__ = ["classify_genre", "detect_mood"]
