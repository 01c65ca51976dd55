"""Mood: how fast and how loud listeners find the music, how calm or stirred, and their words for how it feels.

Aim: to find calm music and stirring music.
Reference: words of MagnaTagATune and Last.fm as MusiCNN hears them (see the task ``music_tags``). Pace and loudness are
the chief cues of arousal in music (Gabrielsson and Lindström, in Juslin and Sloboda, Handbook of Music and Emotion, 2010),
so ``arousal`` = f / (f + s), where f is how likely fast or loud is, and s how likely slow, soft or quiet is.
Conventions: ``words``: 0..1, each for itself, best first: slow, fast, soft (soft, quiet), loud, weird, mellow (Mellow,
chill, chillout, easy listening), happy, sad, beautiful, party, sexy, catchy; words that the network does not know are not
there. Listeners seldom wrote the last six, so these stay below 0.1 for nearly all music: compare recordings by them, but
do not take them as a verdict. ``arousal``: 0 calm .. 1 stirred; null where listeners would say neither (f and s together
below 0.1), and where a voice sounds alone, which may be speech. ``valence`` is null: happy and sad are the only words for
it, and reached 0.03 in none of fifty recordings. Silence: empty, and null.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from lookhear.tasks.base import Block, Context, Fold, NoOptions, Task
from lookhear.tasks.words import Probabilities, any_of, voice_alone

WORDS = {
    "slow": ("slow",),
    "fast": ("fast",),
    "soft": ("soft", "quiet"),
    "loud": ("loud",),
    "weird": ("weird",),
    "mellow": ("Mellow", "chill", "chillout", "easy listening"),
    "happy": ("happy",),
    "sad": ("sad",),
    "beautiful": ("beautiful",),
    "party": ("party",),
    "sexy": ("sexy",),
    "catchy": ("catchy",),
}
_STIRRED, _CALM = ("fast", "loud"), ("slow", "soft", "quiet")
_LEAST = 0.1


@dataclass(frozen=True)
class MoodResult:
    """Empty and null for silence."""

    arousal: float | None = None  #: 0 calm .. 1 stirred
    valence: float | None = None  #: always null: see above
    words: dict[str, float] = field(default_factory=dict)  #: best first


class _MoodFold:
    def __init__(self, context: Context) -> None:
        self._context = context

    def add(self, block: Block) -> None:
        """Nothing: all comes from the tags."""

    def finish(self) -> MoodResult:
        """By the tags."""
        tags: Probabilities = self._context.results["music_tags"].probabilities
        known = {mood: any_of(tags, words) for mood, words in WORDS.items()}
        words = sorted(((p, mood) for mood, p in known.items() if p is not None), key=lambda pair: -pair[0])
        if words:
            self._context.warn("Valence is null: no word that the network knows tells it.")
        alone = voice_alone(tags)
        if alone:
            self._context.warn("A voice sounds alone. If it speaks, words for music mean nothing; so arousal is null.")
        return MoodResult(None if alone else _arousal(tags), None, {mood: round(p, 4) for p, mood in words})


def _arousal(tags: Probabilities) -> float | None:
    stirred, calm = any_of(tags, _STIRRED), any_of(tags, _CALM)
    if stirred is None or calm is None or stirred + calm < _LEAST:
        return None
    return round(stirred / (stirred + calm), 4)


class Mood(Task[NoOptions, MoodResult]):
    """Mood of music."""

    name = "mood"
    version = "1"
    summary = "calm or stirred, and listeners' words for how it feels"
    kinds = frozenset({"audio", "video"})
    needs = ("music_tags",)
    headline: ClassVar[dict[str, str]] = {"Arousal": "arousal"}
    Result = MoodResult

    def start(self, context: Context, options: NoOptions) -> Fold[MoodResult]:
        """A fold that waits for the tags."""
        return _MoodFold(context)


TASKS = (Mood(),)
