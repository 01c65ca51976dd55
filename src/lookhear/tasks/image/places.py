"""Where pictures and films were taken: kinds of places, indoors or outdoors.

Aim: to sort and find pictures by the kind of place they show: a street, a kitchen, a forest.
Reference: ResNet-18 trained on Places365 (Zhou et al., TPAMI 2018), pictures prepared as its authors' demonstration does:
shorter side to 256 by Pillow's bilinear filter, the middle 224 x 224. Where no such model is installed, or one of CLIP's is
named, CLIP compares the picture with the names of the same 365 places (zero-shot, Radford et al., ICML 2021).
Conventions: ``score``: 0..1, shares of all places, which add up to 1; a picture that shows none of them gets some all the
same. ``outdoor``: the sum of the scores of the places that their authors mark as outdoors, among all that are marked;
``setting`` says ``outdoor`` from 0.5 on, else ``indoor``. (Their own demonstration lets the ten best vote alike.) Of films,
scores are means over the frames, ``time`` is when a place scores best. No picture: empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

import lookhear.models
from lookhear.errors import InvalidModel, InvalidOptions
from lookhear.media.forms import FloatArray
from lookhear.models import clip
from lookhear.models.catalogue import read_labels
from lookhear.models.clip.labels import label_vectors, shares, softmax
from lookhear.models.pictures import Pixels, answers
from lookhear.tasks.base import AUTO, Block, Context, Fold, Form, Picture, PictureFold, Sampling, Task, Want
from lookhear.tasks.frames import FrameOptions
from lookhear.tasks.gathered import Gathered, Row
from lookhear.tasks.tallied import Tally, best

_ROLE = "places"
_SIDE = 896  # as the task embedding
_MOST = 600
_TEMPLATES = ("a photo of a {}.", "a photo taken in a {}.", "the view of a {}.")
_LABELS = Path(lookhear.models.__file__).parent / "labels"


@dataclass(frozen=True)
class PlacesOptions:
    """``model``: one for places, or one of CLIP's; ``top_k``: at most so many places."""

    model: str = AUTO
    top_k: int = 5
    min_score: float = 0.05

    def __post_init__(self) -> None:
        if not (self.top_k >= 1 and 0 <= self.min_score <= 1):
            raise InvalidOptions("places: top_k ≥ 1 and 0 ≤ min_score ≤ 1 must hold.")


@dataclass(frozen=True)
class FilmPlacesOptions(FrameOptions, PlacesOptions):
    """Beside those of pictures, which frames are looked at: see FrameOptions; ``frames``: also tell the places of each."""

    seconds: float = 2.0
    frames: bool = False

    def __post_init__(self) -> None:
        PlacesOptions.__post_init__(self)
        FrameOptions.__post_init__(self)


@dataclass(frozen=True)
class Place:
    """A kind of place."""

    name: str
    score: float


@dataclass(frozen=True)
class PlacesResult:
    """The best first."""

    best: str | None = None
    setting: str | None = None  #: indoor or outdoor; null where the model's labels are not marked
    outdoor: float | None = None  #: 0..1
    zero_shot: bool = False  #: by CLIP, which was not trained for places
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class FilmPlace:
    """A kind of place in a film."""

    name: str
    score: float
    peak: float
    time: float  #: s


@dataclass(frozen=True)
class FramePlaces:
    """What a frame of a film shows, the best first."""

    frame: int
    time: float  #: s
    places: tuple[Place, ...]


@dataclass(frozen=True)
class FilmPlacesResult:
    """The best first; ``outdoor`` is the mean over the frames."""

    best: str | None = None
    setting: str | None = None  #: indoor or outdoor; null where the model's labels are not marked
    outdoor: float | None = None  #: 0..1
    zero_shot: bool = False  #: by CLIP, which was not trained for places
    places: tuple[FilmPlace, ...] = ()
    frames_seen: int = 0
    frames: tuple[FramePlaces, ...] = ()  #: all that were looked at, when asked for


def scene(label: str) -> str:
    """In words: ``church/indoor`` is ``church, indoor``."""
    return label.replace("_", " ").replace("/", ", ")


@lru_cache(1)
def _marks() -> dict[str, bool]:
    """Of each of the 365: is it outdoors?"""
    outdoors = set(read_labels(_LABELS / "places365-outdoor.txt"))
    return {label: label in outdoors for label in read_labels(_LABELS / "places365.txt")}


class _Look:
    """Tells places apart."""

    def __init__(self, context: Context, options: PlacesOptions) -> None:
        self._model = context.models[_ROLE]
        self.zero_shot = self._model.card.role == clip.ROLE
        labels = tuple(_marks()) if self.zero_shot else self._model.card.labels
        self.names = tuple(map(scene, labels))
        self._marked = np.array([label in _marks() for label in labels])
        self._outdoor = np.array([_marks().get(label, False) for label in labels])
        self._vectors = label_vectors(self._model, self.names, _TEMPLATES) if self.zero_shot else None
        if self.zero_shot and options.model == AUTO:
            context.warn(
                "No model for places is installed, so CLIP compared the picture with the names of places. One that was "
                "trained for them: lookhear models pull places365-resnet18"
            )

    def __deepcopy__(self, memo: object) -> _Look:
        return self

    def __call__(self, pictures: Sequence[Pixels]) -> FloatArray:
        """Shares, a row for each picture. Raises InvalidModel."""
        if self._vectors is not None:
            return shares(self._model, clip.picture_vectors(self._model, pictures), self._vectors)[0]
        logits = answers(self._model, pictures)
        if logits.shape[1] != len(self.names):
            told = f"{self._model.card.id} tells {logits.shape[1]} places apart, but has {len(self.names)} labels"
            raise InvalidModel(f"{told}. Import it again with its own: --labels FILE")
        return softmax(logits)

    def outdoor(self, scores: NDArray[np.floating]) -> float | None:
        """Share of outdoors among what is marked; None where nothing is."""
        known = float(scores[self._marked].sum())
        return round(float(scores[self._outdoor].sum()) / known, 4) if known > 0 else None

    def best(self, scores: FloatArray, options: PlacesOptions) -> tuple[Place, ...]:
        """The places of one picture."""
        chosen = best(scores, options.top_k, options.min_score)
        return tuple(Place(self.names[i], round(float(scores[i]), 4)) for i in chosen)


def _setting(outdoor: float | None) -> str | None:
    return None if outdoor is None else "outdoor" if outdoor >= 0.5 else "indoor"


def _placed(look: _Look, picture: Picture | None, options: PlacesOptions) -> PlacesResult:
    if picture is None:
        return PlacesResult()
    (scores,) = look([picture.pixels])
    places, outdoor = look.best(scores, options), look.outdoor(scores)
    return PlacesResult(places[0].name if places else None, _setting(outdoor), outdoor, look.zero_shot, places)


class _FilmFold:
    def __init__(self, context: Context, options: FilmPlacesOptions) -> None:
        self._options = options
        self._look = _Look(context, options)
        self._frames = Gathered(self._look)
        self._tally = Tally(len(self._look.names))
        self._each: list[FramePlaces] = []

    def add(self, block: Block) -> None:
        """A sampled frame."""
        if block.picture is not None:
            self._take(self._frames.add(block.picture))

    def _take(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._tally.add(row)
            if self._options.frames:
                self._each.append(FramePlaces(row.frame, row.time, self._look.best(row.values, self._options)))

    def finish(self) -> FilmPlacesResult:
        """Means over the frames."""
        self._take(self._frames.rest())
        tally, look, means = self._tally, self._look, self._tally.means
        if not tally.frames:
            return FilmPlacesResult(zero_shot=look.zero_shot)
        places = tuple(
            FilmPlace(look.names[i], round(float(means[i]), 4), round(float(tally.peaks[i]), 4), float(tally.times[i]))
            for i in best(means, self._options.top_k, self._options.min_score)
        )
        outdoor = look.outdoor(means)
        name = places[0].name if places else None
        facts = name, _setting(outdoor), outdoor, look.zero_shot
        return FilmPlacesResult(*facts, places, tally.frames, tuple(self._each))


class Places(Task[PlacesOptions, PlacesResult]):
    """The place of a picture."""

    name = "places"
    version = "1"
    summary = "the kind of place a picture shows, indoors or outdoors"
    kinds = frozenset({"image"})
    forms = frozenset({Form.PIXELS})
    role = _ROLE
    headline: ClassVar[dict[str, str]] = {"place": "best"}
    Options = PlacesOptions
    Result = PlacesResult

    def start(self, context: Context, options: PlacesOptions) -> Fold[PlacesResult]:
        """A fresh fold. Raises InvalidModel for one of CLIP's without text side."""
        look = _Look(context, options)
        return PictureFold(lambda picture: _placed(look, picture, options))

    def wants(self, options: PlacesOptions) -> tuple[Want, ...]:
        """One for places; else one of CLIP's."""
        return (Want(_ROLE, options.model, instead=clip.ROLE),)

    def sampling(self, options: PlacesOptions) -> Sampling:
        """Small: the network sees less."""
        return Sampling(side=_SIDE)


class FilmPlaces(Task[FilmPlacesOptions, FilmPlacesResult]):
    """The places of a film."""

    name = "places"
    version = "1"
    summary = "the kinds of places a film shows, indoors or outdoors"
    kinds = frozenset({"video"})
    forms = frozenset({Form.PIXELS})
    role = _ROLE
    headline: ClassVar[dict[str, str]] = {"place": "best"}
    Options = FilmPlacesOptions
    Result = FilmPlacesResult

    def start(self, context: Context, options: FilmPlacesOptions) -> Fold[FilmPlacesResult]:
        """A fresh fold. Raises InvalidModel for one of CLIP's without text side."""
        return _FilmFold(context, options)

    def wants(self, options: FilmPlacesOptions) -> tuple[Want, ...]:
        """One for places; else one of CLIP's."""
        return (Want(_ROLE, options.model, instead=clip.ROLE),)

    def sampling(self, options: FilmPlacesOptions) -> Sampling:
        """What is looked at."""
        return options.sampling(_SIDE, _MOST)


TASKS = (Places(), FilmPlaces())
