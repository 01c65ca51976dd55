"""Genre: how likely each of seventeen is, by the tags of the music.

Aim: to sort a library by genre, and to say so where a recording is of none that is known.
Reference: the words of MagnaTagATune and Last.fm for genres, as MusiCNN hears them (see the task ``music_tags``). A genre
is as likely as the likeliest of its words: classical (classical, classic, opera), electronic (electronic, techno,
electronica, electro, House), dance (dance), ambient (ambient, new age, chillout), rock (rock, classic rock, hard rock,
Progressive rock), alternative (alternative, indie, alternative rock, indie rock, indie pop), metal (metal, heavy metal),
punk (punk), pop (pop), jazz (jazz), blues (blues), soul (soul, rnb), funk (funk), hip-hop (Hip-Hop), country (country),
folk (folk), indian (indian).
Conventions: ``scores``: that likelihood, 0..1, each for itself. ``probabilities`` add up to 1: given that it is of exactly
one of these genres, and that the scores are independent, each is as likely as its odds p / (1 - p), divided by the sum.
Genres for which the network knows no word are not there. ``genre`` is the likeliest; null where none reaches 0.25, or where
a voice sounds alone, which may be speech. Silence: empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from lookhear.tasks.base import Block, Context, Fold, NoOptions, Task
from lookhear.tasks.words import Probabilities, likeliest, voice_alone

GENRES = {
    "classical": ("classical", "classic", "opera"),
    "electronic": ("electronic", "techno", "electronica", "electro", "House"),
    "dance": ("dance",),
    "ambient": ("ambient", "new age", "chillout"),
    "rock": ("rock", "classic rock", "hard rock", "Progressive rock"),
    "alternative": ("alternative", "indie", "alternative rock", "indie rock", "indie pop"),
    "metal": ("metal", "heavy metal"),
    "punk": ("punk",),
    "pop": ("pop",),
    "jazz": ("jazz",),
    "blues": ("blues",),
    "soul": ("soul", "rnb"),
    "funk": ("funk",),
    "hip-hop": ("Hip-Hop",),
    "country": ("country",),
    "folk": ("folk",),
    "indian": ("indian",),
}
_LEAST = 0.25  # of the likeliest: rain and whales stay below
_SUREST = 0.999


@dataclass(frozen=True)
class GenreResult:
    """Best first; empty for silence."""

    genre: str | None = None
    probabilities: dict[str, float] = field(default_factory=dict)  #: of exactly one genre; they add up to 1
    scores: dict[str, float] = field(default_factory=dict)  #: each for itself


class _GenreFold:
    def __init__(self, context: Context) -> None:
        self._context = context

    def add(self, block: Block) -> None:
        """Nothing: all comes from the tags."""

    def finish(self) -> GenreResult:
        """By the tags."""
        tags: Probabilities = self._context.results["music_tags"].probabilities
        known = {genre: likeliest(tags, words) for genre, words in GENRES.items()}
        scores = sorted(((p, genre) for genre, p in known.items() if p is not None), key=lambda pair: -pair[0])
        if not scores:
            return GenreResult()
        odds = [min(p, _SUREST) / (1 - min(p, _SUREST)) for p, _ in scores]
        shares = {genre: round(odd / (sum(odds) or 1.0), 4) for odd, (_, genre) in zip(odds, scores, strict=True)}
        return GenreResult(self._one(tags, *scores[0]), shares, {genre: p for p, genre in scores})

    def _one(self, tags: Probabilities, score: float, genre: str) -> str | None:
        if voice_alone(tags):
            self._context.warn("A voice sounds alone. If it speaks, genres mean nothing; so none is named.")
            return None
        if score < _LEAST:
            self._context.warn("It sounds like no genre in particular.")
            return None
        return genre


class Genre(Task[NoOptions, GenreResult]):
    """Genre of music."""

    name = "genre"
    version = "1"
    summary = "how likely each of seventeen genres is"
    kinds = frozenset({"audio", "video"})
    needs = ("music_tags",)
    headline: ClassVar[dict[str, str]] = {"Genre": "genre"}
    Result = GenreResult

    def start(self, context: Context, options: NoOptions) -> Fold[GenreResult]:
        """A fold that waits for the tags."""
        return _GenreFold(context)


TASKS = (Genre(),)
