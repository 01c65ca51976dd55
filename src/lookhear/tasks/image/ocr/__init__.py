"""Text in pictures and films: what is written, how sure, where, and in a film from when to when.

Aim: to find pictures and films by the words in them, and to show where those stand.
Reference: PP-OCRv6 small (Apache-2.0) as RapidOCR brings it: lines are found by differentiable binarization (Liao et al.,
AAAI 2020) and read by a network trained with CTC (Graves et al., ICML 2006). What is hardly read is tried upside down, tall
lines are read down and up; most lines tell which way the page is turned. What is transparent lies on white, black or grey:
where it contrasts most. Columns of prose are read one after the other.
Conventions: x and y in pixels of the upright original, from its upper left corner; a polygon goes clockwise from where the
text begins. ``text``: a line of its own for each row, in reading order. ``confidence``: 0..1, mean of the characters.
``languages`` are ISO 639 codes. One model reads English and 44 other languages in Latin letters, Chinese and Japanese,
all of them whichever is asked for; for one that it cannot read the task fails with ``model_missing``, before decoding.
Of films, frames ``seconds`` apart are read, every ``frame_interval`` frames, or one per scene. An appearance begins with
the first of them that shows the text and ends with the first that no longer does; a single one in between that lacks it
is no end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lookhear.errors import InvalidOptions
from lookhear.tasks.base import Block, Context, Fold, Form, Picture, PictureFold, Sampling, Task
from lookhear.tasks.frames import FrameOptions
from lookhear.tasks.image.ocr.appearances import Sighting, Tracker, same_picture
from lookhear.tasks.image.ocr.models import check
from lookhear.tasks.image.ocr.order import arranged, joined

if TYPE_CHECKING:
    from lookhear.tasks.image.ocr.reading import Line

_SIDE = 4096  # pixels: a photo of 12 million, a page of A4 at 300 dpi
_FILM_SIDE = 1280
_MOST = 3600  # frames of a film, unless every so many are asked for
_CODE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z]+)*|[a-z_]+")


@dataclass(frozen=True)
class OcrOptions:
    """``languages``: ISO 639 codes of what must be read; ``min_confidence``: lines that are read with less are left out."""

    languages: tuple[str, ...] = ("en",)
    min_confidence: float = 0.5

    def __post_init__(self) -> None:
        if not (self.languages and all(map(_CODE.fullmatch, self.languages)) and 0 <= self.min_confidence <= 1):
            raise InvalidOptions("ocr: languages must be codes such as en or zh, and 0 ≤ min_confidence ≤ 1 must hold.")


@dataclass(frozen=True)
class FilmOcrOptions(FrameOptions, OcrOptions):
    """Beside those of pictures, which frames are read: see FrameOptions."""

    def __post_init__(self) -> None:
        OcrOptions.__post_init__(self)
        FrameOptions.__post_init__(self)


@dataclass(frozen=True)
class Point:
    """Pixels of the upright original."""

    x: float
    y: float


@dataclass(frozen=True)
class TextRegion:
    """One piece of a line, of one size and direction."""

    text: str
    confidence: float
    polygon: tuple[Point, ...]  #: four corners, clockwise from where the text begins


@dataclass(frozen=True)
class OcrResult:
    """No text: empty, with counts of 0."""

    text: str = ""
    regions: tuple[TextRegion, ...] = ()  #: in reading order
    region_count: int = 0
    word_count: int = 0  #: as blanks part them
    character_count: int = 0  #: without blanks


@dataclass(frozen=True)
class FrameText:
    """What a frame of a film shows."""

    frame: int
    time: float  #: s
    regions: tuple[TextRegion, ...]


@dataclass(frozen=True)
class Appearance:
    """A text from when it is first seen until it is no longer: as it was read with most confidence."""

    text: str
    confidence: float
    start: float  #: s
    end: float  #: s
    polygon: tuple[Point, ...]


@dataclass(frozen=True)
class FilmOcrResult:
    """``text``: each text once, in the order in which they appear."""

    text: str = ""
    appearances: tuple[Appearance, ...] = ()  #: in the order of their starts
    appearance_count: int = 0
    word_count: int = 0
    character_count: int = 0
    frames: tuple[FrameText, ...] = ()  #: those that show text
    frames_read: int = 0


def _lines(picture: Picture, least: float) -> list[list[Line]]:
    """Row by row."""
    from lookhear.tasks.image.ocr.reading import read  # OpenCV and ONNX Runtime

    lines = [line for line in read(picture) if line.confidence >= least]
    return [[lines[i] for i in row] for row in arranged([line.polygon for line in lines])]


def _region(line: Line, picture: Picture, size: tuple[int, int]) -> TextRegion:
    """In an original of ``size`` (width, height)."""
    height, width = picture.pixels.shape[:2]
    inside = np.clip(line.polygon, 0, (width, height)) * (size[0] / width, size[1] / height)
    corners = tuple(Point(round(x, 1), round(y, 1)) for x, y in inside.tolist())
    return TextRegion(line.text, round(line.confidence, 4), corners)


def _counts(text: str) -> tuple[int, int]:
    words = text.split()
    return len(words), sum(map(len, words))


def _looked(picture: Picture | None, context: Context, options: OcrOptions) -> OcrResult:
    facts = context.probe.picture
    if picture is None or facts is None:
        return OcrResult()
    rows = _lines(picture, options.min_confidence)
    text = "\n".join(joined([line.text for line in row], [line.polygon for line in row]) for row in rows)
    regions = tuple(_region(line, picture, (facts.width, facts.height)) for row in rows for line in row)
    return OcrResult(text, regions, len(regions), *_counts(text))


class _FilmFold:
    def __init__(self, context: Context, options: FilmOcrOptions) -> None:
        self._context = context
        self._options = options
        self._tracker = Tracker()
        self._before: Picture | None = None
        self._regions: tuple[TextRegion, ...] = ()
        self._frames: list[FrameText] = []
        self._count = 0

    def add(self, block: Block) -> None:
        """A sampled frame; one that looks like the one before says the same."""
        picture = block.picture
        if picture is None:
            return
        if self._before is None or not same_picture(self._before.pixels, picture.pixels):
            size = self._context.seen.size
            rows = _lines(picture, self._options.min_confidence)
            self._regions = tuple(_region(line, picture, size) for row in rows for line in row)
            self._before = picture
        self._count += 1
        time = round(picture.time, 6)
        self._tracker.add(time, [_sighting(region) for region in self._regions])
        if self._regions:
            self._frames.append(FrameText(picture.index, time, self._regions))

    def finish(self) -> FilmOcrResult:
        """Appearances, until the film ends."""
        found = tuple(
            Appearance(one.best.text, one.best.confidence, one.start, one.end, _points(one.best))
            for one in self._tracker.finish(round(self._context.seen.seconds, 6))
        )
        text = "\n".join(dict.fromkeys(one.text for one in found))
        return FilmOcrResult(text, found, len(found), *_counts(text), tuple(self._frames), self._count)


def _sighting(region: TextRegion) -> Sighting:
    return Sighting(region.text, region.confidence, tuple((point.x, point.y) for point in region.polygon))


def _points(sighting: Sighting) -> tuple[Point, ...]:
    return tuple(Point(x, y) for x, y in sighting.corners)


class Ocr(Task[OcrOptions, OcrResult]):
    """Text in a picture."""

    name = "ocr"
    version = "1"
    summary = "text in a picture: lines, how sure, where"
    kinds = frozenset({"image"})
    forms = frozenset({Form.PIXELS})
    default = False
    drawn = True
    headline: ClassVar[dict[str, str]] = {"words": "word_count"}
    Options = OcrOptions
    Result = OcrResult

    def start(self, context: Context, options: OcrOptions) -> Fold[OcrResult]:
        """A fresh fold. Raises ModelMissing."""
        check(options.languages)
        return PictureFold(lambda picture: _looked(picture, context, options))

    def sampling(self, options: OcrOptions) -> Sampling:
        """Large: small print counts."""
        return Sampling(side=_SIDE)


class FilmOcr(Task[FilmOcrOptions, FilmOcrResult]):
    """Text in a film."""

    name = "ocr"
    version = "1"
    summary = "text in a film: lines, how sure, where, from when to when"
    kinds = frozenset({"video"})
    forms = frozenset({Form.PIXELS})
    default = False
    headline: ClassVar[dict[str, str]] = {"words": "word_count"}
    Options = FilmOcrOptions
    Result = FilmOcrResult

    def start(self, context: Context, options: FilmOcrOptions) -> Fold[FilmOcrResult]:
        """A fresh fold. Raises ModelMissing."""
        check(options.languages)
        return _FilmFold(context, options)

    def sampling(self, options: FilmOcrOptions) -> Sampling:
        """What is read."""
        return options.sampling(_FILM_SIDE, _MOST)


TASKS = (Ocr(), FilmOcr())
