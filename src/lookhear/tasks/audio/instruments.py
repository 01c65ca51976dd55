"""Instruments and voices: which of them listeners would hear in the music.

Aim: to find recordings with a violin, with drums, with or without voices.
Reference: words of MagnaTagATune, and of Last.fm for the guitar, as MusiCNN hears them (see the task ``music_tags``). Of
several words for one thing (female, woman, female voice, female vocal) it is taken how likely at least one was given.
Conventions: scores 0..1, each for itself. ``instruments``: those of guitar, piano, strings, violin, cello, harp,
harpsichord, flute, sitar, drums and synthesizer that reach ``threshold``, best first. ``vocals``: how likely there is any
voice, choir included; from 0.5 on ``voice`` says which: "choir", or "female" or "male" where one is twice as likely, else
"mixed".
Instruments for which there is no word (trumpet, oboe, organ, accordion) come out as those they are most like, mostly as
violin or flute; a bowed string may be taken for a voice. Silence: empty, and null.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from lookhear.errors import InvalidOptions
from lookhear.tasks.base import Block, Context, Fold, Task
from lookhear.tasks.words import CHOIR, FEMALE, HEARD, INSTRUMENTS, MALE, VOICE, Probabilities, any_of, voice_alone

_NAMES = {"synth": "synthesizer"}
_SUNG = 0.5
_CLEARLY = 2.0


@dataclass(frozen=True)
class InstrumentsOptions:
    """``threshold``: the score (0..1) from which an instrument counts as heard."""

    threshold: float = HEARD

    def __post_init__(self) -> None:
        if not 0.0 < self.threshold < 1.0:
            raise InvalidOptions("instruments: 0 < threshold < 1 must hold.")


@dataclass(frozen=True)
class Instrument:
    """One that is heard."""

    label: str
    score: float


@dataclass(frozen=True)
class InstrumentsResult:
    """Empty and null for silence, and where the network knows no words for instruments."""

    instruments: tuple[Instrument, ...] = ()  #: those heard, best first
    voice: str | None = None  #: "female", "male", "mixed", "choir"; null: no voice
    vocals: float | None = None  #: any voice, 0..1
    scores: dict[str, float] = field(default_factory=dict)  #: of all instruments and kinds of voices, best first


class _InstrumentsFold:
    def __init__(self, context: Context, options: InstrumentsOptions) -> None:
        self._context, self._options = context, options

    def add(self, block: Block) -> None:
        """Nothing: all comes from the tags."""

    def finish(self) -> InstrumentsResult:
        """By the tags."""
        tags: Probabilities = self._context.results["music_tags"].probabilities
        players = {_NAMES.get(word, word): tags[word] for word in INSTRUMENTS if word in tags}
        vocals = any_of(tags, VOICE)
        if vocals is None:
            if tags:
                self._context.warn("The network that is used knows no words for instruments.")
            return InstrumentsResult()
        if voice_alone(tags):
            self._context.warn("A voice sounds alone: it may be speech.")
        voices = {"female": any_of(tags, FEMALE), "male": any_of(tags, MALE), "choir": any_of(tags, CHOIR)}
        scores = _ranked({**players, **{kind: p or 0.0 for kind, p in voices.items()}})
        heard = [Instrument(*pair) for pair in _ranked(players).items() if pair[1] >= self._options.threshold]
        voice = _voice(scores) if vocals >= _SUNG else None
        return InstrumentsResult(tuple(heard), voice, round(vocals, 4), scores)


def _ranked(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(p, 4) for name, p in sorted(scores.items(), key=lambda pair: -pair[1])}


def _voice(scores: dict[str, float]) -> str:
    female, male, choir = scores["female"], scores["male"], scores["choir"]
    if choir >= max(female, male):
        return "choir"
    if max(female, male) >= _CLEARLY * min(female, male):
        return "female" if female > male else "male"
    return "mixed"


class Instruments(Task[InstrumentsOptions, InstrumentsResult]):
    """Instruments and voices."""

    name = "instruments"
    version = "1"
    summary = "instruments and voices that are heard"
    kinds = frozenset({"audio", "video"})
    needs = ("music_tags",)
    headline: ClassVar[dict[str, str]] = {"Voice": "voice"}
    Options = InstrumentsOptions
    Result = InstrumentsResult

    def start(self, context: Context, options: InstrumentsOptions) -> Fold[InstrumentsResult]:
        """A fold that waits for the tags."""
        return _InstrumentsFold(context, options)


TASKS = (Instruments(),)
