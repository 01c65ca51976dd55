"""What tags say together: words that listeners use for music, and how likely some word of several was given.

The probabilities are of single words, each for itself, as the task ``music_tags`` gives them. Of what the vocabulary lacks
nothing is known: None. Several words for one thing (female, woman, female voice) share what listeners wrote: that at
least one was given is 1 - Π(1 - p), as if they were given independently.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

FEMALE = ("female", "woman", "female voice", "female vocal")
MALE = ("male", "man", "male voice", "male vocal")
CHOIR = ("choir", "choral")
VOICE = (*FEMALE, *MALE, *CHOIR, "vocal", "vocals", "voice", "singing", "opera")
INSTRUMENTS = (
    "guitar", "piano", "strings", "violin", "cello", "harp", "harpsichord", "flute", "sitar", "drums", "synth",
)  # fmt: skip
ELECTRIC = (
    "electronic", "techno", "synth", "electro", "electronica", "House", "dance",
    "rock", "hard rock", "punk", "metal", "heavy metal",
)  # fmt: skip
HEARD = 0.2  #: from here on an instrument counts: of those named so, six in seven were there
_SURE_VOICE = 0.5

Probabilities = Mapping[str, float]


def any_of(probabilities: Probabilities, words: Iterable[str]) -> float | None:
    """How likely at least one of the words is."""
    known = [probabilities[word] for word in words if word in probabilities]
    return 1 - math.prod(1 - p for p in known) if known else None


def likeliest(probabilities: Probabilities, words: Iterable[str]) -> float | None:
    """How likely the likeliest of the words is: the least that what they have in common can be."""
    return max((probabilities[word] for word in words if word in probabilities), default=None)


def voice_alone(probabilities: Probabilities) -> bool:
    """Is there a voice, but neither a choir nor an instrument? Speech is taken for that."""
    voice, others = any_of(probabilities, VOICE), likeliest(probabilities, (*INSTRUMENTS, *CHOIR))
    return voice is not None and others is not None and voice >= _SURE_VOICE and others < HEARD


def instrumentalness(probabilities: Probabilities) -> float | None:
    """How likely nobody sings or speaks, 0..1. None for vocabularies without voices, and where nothing is known.

    A bowed string is now and then taken for a voice.
    """
    voice = any_of(probabilities, VOICE)
    return None if voice is None else 1 - voice


def acousticness(probabilities: Probabilities) -> float | None:
    """How likely no word was given that tells of amplified or electronic sound, 0..1. None where nothing is known.

    For ranking, not for a verdict: single synthetic notes come out as the instruments that they resemble.
    """
    electric = any_of(probabilities, ELECTRIC)
    return None if electric is None else 1 - electric
