"""Objects in pictures and films: what, where, how sure, and in films from when to when.

Aim: to find pictures and films by the things in them, and to show where those are.
Reference: by default YOLOX (Ge et al., arXiv 2107.08430) trained on COCO; by name also D-FINE, RT-DETR, DETR, RF-DETR,
FastestDet, and what is exported like YOLOv8 and YOLO11. Of boxes of one label that overlap by more than ``max_overlap``
(intersection over union) the surest stays. Tracks: see ``tracks``.
Conventions: x and y in pixels of the upright original, from its upper left corner. ``label``: COCO's 80 names, or those of
the model. ``confidence``: 0..1, of the network: models differ in how sure they are. Of films, frames ``seconds`` apart are
looked at, every ``frame_interval`` frames, or one per scene; a track ends with the first of them that no longer shows the
object; a single one in between that lacks it is no end. No object: empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from lookhear.errors import InvalidModel, InvalidOptions
from lookhear.models.shelf import Model
from lookhear.tasks.base import AUTO, Block, Context, Fold, Form, Picture, PictureFold, Sampling, Task
from lookhear.tasks.detections import BoundingBox, Detected, Pixels, bounding, fitted, reader
from lookhear.tasks.frames import FrameOptions
from lookhear.tasks.tracks import Track, Tracker

_ROLE = "objects"
_SIDE = 1280  # pixels on the longer side of a film's frames; networks see 320 to 800
_MOST_FRAMES = 3600
_CONFIDENCE = 0.4
_MODULES = {"rtdetr": "detr"}  # families that another's code reads, too
Detect = Callable[[Model, Pixels, float], Detected]


@dataclass(frozen=True)
class ObjectsOptions:
    """``min_confidence``: null: what suits the model. ``labels``: only these; none: all.

    ``max_overlap``: intersection over union of two of a label.
    """

    model: str = AUTO
    min_confidence: float | None = None
    max_overlap: float = 0.45
    max_objects: int = 300
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        least = self.min_confidence
        if not ((least is None or 0 < least <= 1) and 0 < self.max_overlap <= 1 and self.max_objects >= 1):
            raise InvalidOptions("objects: 0 < min_confidence ≤ 1, 0 < max_overlap ≤ 1 and max_objects ≥ 1 must hold.")


@dataclass(frozen=True)
class FilmObjectsOptions(FrameOptions, ObjectsOptions):
    """Beside those of pictures, which frames are looked at: see FrameOptions."""

    def __post_init__(self) -> None:
        ObjectsOptions.__post_init__(self)
        FrameOptions.__post_init__(self)


@dataclass(frozen=True)
class DetectedObject:
    """One object. ``track``: of a film, which of its tracks."""

    label: str
    confidence: float
    bbox: BoundingBox
    track: int | None = None


@dataclass(frozen=True)
class ObjectsResult:
    """The surest first; ``labels``: how many of each, the most frequent first."""

    object_count: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    objects: tuple[DetectedObject, ...] = ()


@dataclass(frozen=True)
class FrameObjects:
    """What a frame of a film shows."""

    frame: int
    time: float  #: s
    objects: tuple[DetectedObject, ...]


@dataclass(frozen=True)
class FilmObjectsResult:
    """``object_count``: tracks; one thing that leaves and comes again counts twice."""

    object_count: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    tracks: tuple[Track, ...] = ()
    frames: tuple[FrameObjects, ...] = ()  #: those that show objects
    frames_seen: int = 0


class _Look:
    """Finds the objects of a picture."""

    def __init__(self, context: Context, options: ObjectsOptions) -> None:
        self._options = options
        self._model = context.models[_ROLE]
        self.labels = self._model.card.labels
        unknown = [label for label in options.labels if label not in self.labels]
        if unknown:
            raise InvalidOptions(f"{self._model.card.id} knows no '{unknown[0]}'. It knows: {', '.join(self.labels)}.")
        self._wanted = np.array([i for i, label in enumerate(self.labels) if label in options.labels])
        family = self._model.card.family
        self._least = options.min_confidence or float(self._model.card.facts.get("confidence", _CONFIDENCE))
        detect: Detect = reader(__name__, _MODULES.get(family, family))
        self._detect = detect

    def __deepcopy__(self, memo: object) -> _Look:
        return self

    def __call__(self, picture: Picture, width: int, height: int) -> Detected:
        """In pixels of the original, which is ``width`` and ``height`` large."""
        found = self._detect(self._model, picture.pixels, self._least)
        assert found.classes is not None
        if found.classes.max(initial=-1) >= len(self.labels):
            raise InvalidModel(
                f"{self._model.card.id} finds more kinds of things than its card names ({len(self.labels)}). "
                "Import it again with --labels."
            )
        named = found
        if self._options.labels and named.classes is not None:
            named = named.take(np.isin(named.classes, self._wanted))
        return fitted(
            picture, named.best(self._least, self._options.max_overlap, self._options.max_objects), width, height
        )

    def told(self, found: Detected, tracks: list[int] | None = None) -> tuple[DetectedObject, ...]:
        """With names."""
        classes = found.classes if found.classes is not None else np.empty(0, np.intp)
        return tuple(
            DetectedObject(
                self.labels[kind],
                round(float(found.scores[i]), 4),
                bounding(found.boxes[i]),
                tracks[i] if tracks else None,
            )
            for i, kind in enumerate(classes)
        )


def _counts(labels: Iterable[str]) -> dict[str, int]:
    return dict(Counter(labels).most_common())


class _FilmFold:
    def __init__(self, context: Context, options: FilmObjectsOptions) -> None:
        self._context = context
        self._look = _Look(context, options)
        self._tracker = Tracker(self._look.labels)
        self._frames: list[FrameObjects] = []
        self._seen = 0

    def add(self, block: Block) -> None:
        """A sampled frame."""
        picture = block.picture
        if picture is None:
            return
        found = self._look(picture, *self._context.seen.size)
        time = round(picture.time, 6)
        objects = self._look.told(found, self._tracker.add(picture.index, time, found))
        self._seen += 1
        if objects:
            self._frames.append(FrameObjects(picture.index, time, objects))

    def finish(self) -> FilmObjectsResult:
        """Tracks, until the film ends."""
        tracks = self._tracker.finish(round(self._context.seen.seconds, 6))
        labels = _counts(track.label for track in tracks)
        return FilmObjectsResult(len(tracks), labels, tracks, tuple(self._frames), self._seen)


class Objects(Task[ObjectsOptions, ObjectsResult]):
    """Objects in a picture."""

    name = "objects"
    version = "1"
    summary = "objects in a picture: what, where, how sure"
    kinds = frozenset({"image"})
    forms = frozenset({Form.PIXELS})
    role = _ROLE
    headline: ClassVar[dict[str, str]] = {"objects": "labels"}
    Options = ObjectsOptions
    Result = ObjectsResult

    def start(self, context: Context, options: ObjectsOptions) -> Fold[ObjectsResult]:
        """A fresh fold. Raises InvalidOptions for labels that the model does not know."""
        look = _Look(context, options)
        facts = context.probe.picture

        def objects(picture: Picture | None) -> ObjectsResult:
            if picture is None or facts is None:
                return ObjectsResult()
            found = look.told(look(picture, facts.width, facts.height))
            return ObjectsResult(len(found), _counts(one.label for one in found), found)

        return PictureFold(objects)


class FilmObjects(Task[FilmObjectsOptions, FilmObjectsResult]):
    """Objects in a film."""

    name = "objects"
    version = "1"
    summary = "objects in a film: what, where, how sure, from when to when"
    kinds = frozenset({"video"})
    forms = frozenset({Form.PIXELS})
    role = _ROLE
    headline: ClassVar[dict[str, str]] = {"objects": "labels"}
    Options = FilmObjectsOptions
    Result = FilmObjectsResult

    def start(self, context: Context, options: FilmObjectsOptions) -> Fold[FilmObjectsResult]:
        """A fresh fold. Raises InvalidOptions for labels that the model does not know."""
        return _FilmFold(context, options)

    def sampling(self, options: FilmObjectsOptions) -> Sampling:
        """What is looked at."""
        return options.sampling(_SIDE, _MOST_FRAMES)


TASKS = (Objects(), FilmObjects())
