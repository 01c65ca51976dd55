"""Faces in pictures and films: where, how sure, eyes, nose and mouth, and in films from when to when.

Aim: to find every face that is some ten pixels wide or more, and what is needed to cut it out and to turn it upright.
Reference: by default YuNet (Wu et al., Machine Intelligence Research 2023); SCRFD (Guo et al., ICLR 2022) and UltraFace by
name. Of boxes that overlap by more than ``max_overlap`` (intersection over union) the surest stays. Large pictures are
looked at twice, the second time small, for faces that fill them. Tracks: see ``tracks``.
Conventions: x and y in pixels of the upright original, from its upper left corner. ``confidence``: 0..1, of the network.
Left and right as one looks at the picture. UltraFace gives no landmarks: null. ``crop``: base64 of a JPEG of the box with a
quarter of its size around it, when asked for. Of films, frames ``seconds`` apart are looked at, every ``frame_interval``
frames, or one per scene; a track ends with the first of them that no longer shows the face; a single one in between that
lacks it is no end. No face: empty.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lookhear.dsp.boxes import clipped
from lookhear.errors import InvalidOptions
from lookhear.media.forms import FloatArray
from lookhear.models.shelf import Model
from lookhear.tasks.base import AUTO, Block, Context, Fold, Form, Picture, PictureFold, Sampling, Task
from lookhear.tasks.detections import BoundingBox, Detected, Pixels, bounding, fitted, reader
from lookhear.tasks.frames import FrameOptions
from lookhear.tasks.tracks import Track, Tracker

_ROLE = "faces"
_SIDE, _SMALL = 1280, 320  # pixels on the longer side, as the network sees it
_MOST_FRAMES = 3600
_AROUND = 0.25  # of the box, on each side of a crop
_CROP_SIDE = 224
Detect = Callable[[Model, Pixels, int, float], Detected]


@dataclass(frozen=True)
class FacesOptions:
    """``max_overlap``: intersection over union of two faces; ``crops``: also give a picture of each."""

    model: str = AUTO
    min_confidence: float = 0.7
    max_overlap: float = 0.3
    max_faces: int = 1000
    crops: bool = False

    def __post_init__(self) -> None:
        if not (0 < self.min_confidence <= 1 and 0 < self.max_overlap <= 1 and self.max_faces >= 1):
            raise InvalidOptions("faces: 0 < min_confidence ≤ 1, 0 < max_overlap ≤ 1 and max_faces ≥ 1 must hold.")


@dataclass(frozen=True)
class FilmFacesOptions(FrameOptions, FacesOptions):
    """Beside those of pictures, which frames are looked at: see FrameOptions."""

    def __post_init__(self) -> None:
        FacesOptions.__post_init__(self)
        FrameOptions.__post_init__(self)


@dataclass(frozen=True)
class Landmarks:
    """x and y of five points, left and right as one looks at the picture."""

    left_eye: tuple[float, float]
    right_eye: tuple[float, float]
    nose: tuple[float, float]
    left_mouth: tuple[float, float]
    right_mouth: tuple[float, float]


@dataclass(frozen=True)
class Face:
    """One face. ``track``: of a film, which of its tracks."""

    bbox: BoundingBox
    confidence: float
    landmarks: Landmarks | None = None
    crop: str | None = None
    track: int | None = None


@dataclass(frozen=True)
class FacesResult:
    """The surest first."""

    face_count: int = 0
    faces: tuple[Face, ...] = ()


@dataclass(frozen=True)
class FrameFaces:
    """What a frame of a film shows."""

    frame: int
    time: float  #: s
    faces: tuple[Face, ...]


@dataclass(frozen=True)
class FilmFacesResult:
    """``face_count``: tracks; one face that leaves and comes again counts twice."""

    face_count: int = 0
    most_at_once: int = 0
    tracks: tuple[Track, ...] = ()
    frames: tuple[FrameFaces, ...] = ()  #: those that show faces
    frames_seen: int = 0


class _Look:
    """Finds the faces of a picture."""

    def __init__(self, context: Context, options: FacesOptions) -> None:
        self._context, self._options = context, options
        self._model = context.models[_ROLE]
        detect: Detect = reader(__name__, self._model.card.family)
        self._detect = detect

    def __deepcopy__(self, memo: object) -> _Look:
        return self

    def __call__(self, picture: Picture, width: int, height: int) -> Detected:
        """In pixels of the original, which is ``width`` and ``height`` large."""
        options, pixels = self._options, picture.pixels
        found = self._detect(self._model, pixels, _SIDE, options.min_confidence)
        if max(pixels.shape[:2]) > 2 * _SMALL and self._model.card.family != "ultraface":
            found = _both(found, self._detect(self._model, pixels, _SMALL, options.min_confidence))
        best = found.best(options.min_confidence, options.max_overlap, options.max_faces)
        if len(best) == options.max_faces:
            self._context.warn(f"There are {options.max_faces} faces or more; max_faces keeps the surest.")
        return fitted(picture, best, width, height)


def _both(large: Detected, small: Detected) -> Detected:
    """What is seen small counts where a face is too large for the other look."""
    wide = small.take((small.boxes[:, 2:] - small.boxes[:, :2]).max(axis=1, initial=0) > _SMALL)
    parts = [np.concatenate(pair) for pair in ((large.boxes, wide.boxes), (large.scores, wide.scores))]
    points = None if large.points is None or wide.points is None else np.concatenate([large.points, wide.points])
    return Detected(parts[0], parts[1], None, points)


def _faces(
    found: Detected, picture: Picture, crops: bool, size: tuple[int, int], tracks: list[int] | None = None
) -> tuple[Face, ...]:
    return tuple(
        Face(
            bounding(found.boxes[i]),
            round(float(found.scores[i]), 4),
            _landmarks(found.points[i]) if found.points is not None else None,
            _crop(picture, found.boxes[i], size) if crops else None,
            None if tracks is None else tracks[i],
        )
        for i in range(len(found))
    )


def _landmarks(points: FloatArray) -> Landmarks:
    return Landmarks(*((round(float(x), 2), round(float(y), 2)) for x, y in points))


def _crop(picture: Picture, box: FloatArray, size: tuple[int, int]) -> str:
    from lookhear.media.picture import as_jpeg

    rows, columns = picture.pixels.shape[:2]
    around = np.concatenate([box[:2] - _AROUND * (box[2:] - box[:2]), box[2:] + _AROUND * (box[2:] - box[:2])])
    scale = np.tile(np.array([columns / size[0], rows / size[1]], np.float32), 2)
    left, top, right, bottom = clipped((around * scale)[None], columns, rows)[0].round().astype(int)
    cut = picture.pixels[top : max(bottom, top + 1), left : max(right, left + 1)]
    return base64.b64encode(as_jpeg(np.ascontiguousarray(cut), _CROP_SIDE)[0]).decode()


class _FilmFold:
    def __init__(self, context: Context, options: FilmFacesOptions) -> None:
        self._context, self._options = context, options
        self._look = _Look(context, options)
        self._tracker = Tracker(("face",))
        self._frames: list[FrameFaces] = []
        self._seen = 0

    def add(self, block: Block) -> None:
        """A sampled frame."""
        picture = block.picture
        if picture is None:
            return
        size = self._context.seen.size
        found = self._look(picture, *size)
        time = round(picture.time, 6)
        tracks = self._tracker.add(picture.index, time, found)
        self._seen += 1
        if len(found):
            self._frames.append(
                FrameFaces(picture.index, time, _faces(found, picture, self._options.crops, size, tracks))
            )

    def finish(self) -> FilmFacesResult:
        """Tracks, until the film ends."""
        tracks = self._tracker.finish(round(self._context.seen.seconds, 6))
        most = max((len(frame.faces) for frame in self._frames), default=0)
        return FilmFacesResult(len(tracks), most, tracks, tuple(self._frames), self._seen)


class Faces(Task[FacesOptions, FacesResult]):
    """Faces in a picture."""

    name = "faces"
    version = "1"
    summary = "faces in a picture: where, how sure, eyes, nose, mouth"
    kinds = frozenset({"image"})
    forms = frozenset({Form.PIXELS})
    role = _ROLE
    headline: ClassVar[dict[str, str]] = {"faces": "face_count"}
    Options = FacesOptions
    Result = FacesResult

    def start(self, context: Context, options: FacesOptions) -> Fold[FacesResult]:
        """A fresh fold."""
        look = _Look(context, options)
        facts = context.probe.picture

        def faces(picture: Picture | None) -> FacesResult:
            if picture is None or facts is None:
                return FacesResult()
            size = (facts.width, facts.height)
            found = _faces(look(picture, *size), picture, options.crops, size)
            return FacesResult(len(found), found)

        return PictureFold(faces)


class FilmFaces(Task[FilmFacesOptions, FilmFacesResult]):
    """Faces in a film."""

    name = "faces"
    version = "1"
    summary = "faces in a film: where, how sure, from when to when"
    kinds = frozenset({"video"})
    forms = frozenset({Form.PIXELS})
    role = _ROLE
    headline: ClassVar[dict[str, str]] = {"faces": "face_count"}
    Options = FilmFacesOptions
    Result = FilmFacesResult

    def start(self, context: Context, options: FilmFacesOptions) -> Fold[FilmFacesResult]:
        """A fresh fold."""
        return _FilmFold(context, options)

    def sampling(self, options: FilmFacesOptions) -> Sampling:
        """What is looked at."""
        return options.sampling(_SIDE, _MOST_FRAMES)


TASKS = (Faces(), FilmFaces())
