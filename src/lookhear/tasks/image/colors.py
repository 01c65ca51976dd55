"""Colours of a picture: the dominant ones, how bright, how contrasty, how colourful.

Aim: what colours a person would name first, and the figures designers sort pictures by.
Reference: dominant colours by k-means (Lloyd 1982, farthest-first start) in CIELAB (ISO/CIE 11664-4, D65) over a
coarse colour histogram, near ones joined; ``colorfulness`` of Hasler & Süsstrunk (SPIE 2003): 0 grey, 15 slightly, 33
moderately, 59 quite, 109 extremely colourful; luma of BT.601.
Conventions: sRGB, 8 bits; shares of the area, which add up to 1; ``brightness``, ``contrast`` (standard deviation) and
``saturation`` (HSV) 0..1; histograms are shares of 32 even steps from dark to bright. Transparent parts count as white.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.areas import LUMA, area_means, reduced_size
from lookhear.errors import InvalidOptions
from lookhear.tasks.base import Block, Context, Fold, Form, PictureFold, Sampling, Task
from lookhear.tasks.frames import FrameOptions

_SIDE = 256  # the picture is reduced to so many pixels on its longer side: colours need no more
_BITS = 5  # per channel of the histogram that is clustered
_STEPS = 32
_NEAR = 12.0  # delta E: closer colours have one name
_LEAST = 0.01  # share below which a colour is no dominant one
_ROUNDS = 24
_FILM_SIDE = 96
_MOST = 300  # frames of a film
_GREY = 4.0  # mean chroma (CIELAB) below which a picture is black and white

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class ColorsOptions:
    """``count``: how many dominant colours at most, 1 to 16."""

    count: int = 6

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 16:
            raise InvalidOptions("colors: 1 ≤ count ≤ 16 must hold.")


@dataclass(frozen=True)
class Color:
    """One dominant colour and the share of the area that is nearest to it."""

    hex: str
    rgb: tuple[int, int, int]
    share: float


@dataclass(frozen=True)
class Histogram:
    """Shares of 32 even steps of each channel."""

    red: tuple[float, ...]
    green: tuple[float, ...]
    blue: tuple[float, ...]


@dataclass(frozen=True)
class ColorsResult:
    """The strongest colour first."""

    dominant: tuple[Color, ...] = ()
    brightness: float | None = None  #: 0..1, mean luma
    contrast: float | None = None  #: 0..0.5, standard deviation of luma
    saturation: float | None = None  #: 0..1, mean of HSV
    colorfulness: float | None = None
    grayscale: bool | None = None
    histogram: Histogram | None = None


def lab(rgb: Rows) -> Rows:
    """(n, 3) CIELAB of (n, 3) sRGB in 0..1."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    xyz = linear @ to_xyz.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@dataclass(frozen=True)
class Counts:
    """Of the cells of a coarse colour histogram that have any pixels."""

    cell: NDArray[np.int64]
    weight: Rows  #: pixels
    sums: Rows  #: (cells, 3) of their levels

    @classmethod
    def of(cls, pixels: NDArray[np.uint8]) -> Counts:
        """Of (n, 3) pixels."""
        steps = (pixels >> (8 - _BITS)).astype(np.int64)
        index = (steps[:, 0] << (2 * _BITS)) | (steps[:, 1] << _BITS) | steps[:, 2]
        cell, member, weight = np.unique(index, return_inverse=True, return_counts=True)
        sums = np.stack([np.bincount(member, pixels[:, k]) for k in range(3)], axis=1)
        return cls(cell, weight.astype(np.float64), sums.astype(np.float64))

    @cached_property
    def places(self) -> Rows:
        """(cells, 3) their mean colours in CIELAB."""
        return lab(self.sums / self.weight[:, None] / 255)

    @property
    def chroma(self) -> float:
        """The mean of all."""
        return float(np.hypot(self.places[:, 1], self.places[:, 2]) @ self.weight / self.weight.sum())

    def dominant(self, count: int) -> tuple[Color, ...]:
        """Their dominant colours, at most so many."""
        member = _clusters(self.places, self.weight, count)
        found = []
        for cluster in np.unique(member):
            mine = member == cluster
            weight = self.weight[mine].sum()
            found.append((float(weight / self.weight.sum()), self.sums[mine].sum(axis=0) / weight))
        found.sort(key=lambda entry: -entry[0])
        kept = [entry for entry in found if entry[0] >= _LEAST] or found[:1]
        total = sum(share for share, _ in kept)
        return tuple(_color(rgb, share / total) for share, rgb in kept)


class Tally:
    """Counts of many pictures."""

    def __init__(self) -> None:
        self._weight = np.zeros(1 << (3 * _BITS))
        self._sums = np.zeros((len(self._weight), 3))

    def add(self, counts: Counts) -> None:
        """Of one picture more."""
        self._weight[counts.cell] += counts.weight
        self._sums[counts.cell] += counts.sums

    @property
    def counts(self) -> Counts:
        """Of all."""
        cell = np.flatnonzero(self._weight)
        return Counts(cell, self._weight[cell], self._sums[cell])


def _clusters(places: Rows, weight: Rows, count: int) -> NDArray[np.int64]:
    """The cluster of each of (n, 3) weighted places: k-means, then near centres joined."""
    chosen, away = [int(weight.argmax())], np.full(len(places), np.inf)
    while len(chosen) < min(count, len(places)):  # the next is where most area lies far from all centres
        away = np.minimum(away, ((places - places[chosen[-1]]) ** 2).sum(axis=1))
        chosen.append(int((away * np.sqrt(weight)).argmax()))
    centres, member = places[chosen], np.zeros(len(places), np.int64)
    weighted, names = np.column_stack([places, np.ones(len(places))]) * weight[:, None], np.arange(len(chosen))
    for _ in range(_ROUNDS):
        # squares of distances, less the places' own
        fresh = ((centres**2).sum(axis=1)[:, None] - 2 * centres @ places.T).argmin(axis=0)
        moved = (fresh == names[:, None]).astype(np.float64) @ weighted
        centres = np.where(moved[:, 3:] > 0, moved[:, :3] / np.maximum(moved[:, 3:], 1e-12), centres)
        if (fresh == member).all():
            break
        member = fresh
    for i in range(len(centres)):
        for j in range(i):
            if names[i] == i and np.linalg.norm(centres[i] - centres[j]) < _NEAR:
                names[i] = names[j]
    return np.asarray(names[member])


def _color(rgb: Rows, share: float) -> Color:
    red, green, blue = (round(float(value)) for value in rgb)
    return Color(f"#{red:02x}{green:02x}{blue:02x}", (red, green, blue), round(share, 4))


def measure(pixels: NDArray[np.uint8], count: int) -> ColorsResult:
    """All values of (height, width, 3)."""
    size = reduced_size(pixels.shape[0], pixels.shape[1], _SIDE)
    small = pixels if size == pixels.shape[:2] else np.rint(area_means(pixels.astype(np.float64), *size))
    rows = small.reshape(-1, 3).astype(np.uint8)
    return _measure(rows, Counts.of(rows), count)


def _measure(rows: NDArray[np.uint8], counts: Counts, count: int) -> ColorsResult:
    values = np.ascontiguousarray(rows.T) / 255.0
    red, green, blue = values
    luma = LUMA @ values
    top, low = values.max(axis=0), values.min(axis=0)
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    colorful = 255 * (spread + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean()))
    shares = [np.bincount(rows[:, k] // (256 // _STEPS), minlength=_STEPS) / len(rows) for k in range(3)]
    return ColorsResult(
        dominant=counts.dominant(count),
        brightness=round(float(luma.mean()), 4),
        contrast=round(float(luma.std()), 4),
        saturation=round(float(np.mean((top - low) / np.maximum(top, 1e-9))), 4),
        colorfulness=round(float(colorful), 2),
        grayscale=counts.chroma < _GREY,
        histogram=Histogram(*(tuple(np.round(channel, 5).tolist()) for channel in shares)),
    )


@dataclass(frozen=True)
class FilmColorsOptions(FrameOptions):
    """``count``: how many dominant colours at most, 1 to 16; and which frames, see FrameOptions."""

    seconds: float = 2.0
    count: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.count <= 16:
            raise InvalidOptions("colors: 1 ≤ count ≤ 16 must hold.")


@dataclass(frozen=True)
class FilmColor:
    """The strongest colour of a sampled frame."""

    time: float  #: s
    hex: str


@dataclass(frozen=True)
class FilmColorsResult(ColorsResult):
    """Of the film as a whole; means of the frames that were looked at."""

    over_time: tuple[FilmColor, ...] = ()  #: at most 300


class _FilmFold:
    def __init__(self, options: FilmColorsOptions) -> None:
        self._options = options
        self._tally = Tally()
        self._means: list[tuple[float, ...]] = []  # brightness, contrast, saturation, colourfulness, grey
        self._histogram = np.zeros((3, _STEPS))
        self._over_time: list[FilmColor] = []
        self._count, self._stride = 0, 1

    def add(self, block: Block) -> None:
        """A sampled frame."""
        if block.picture is None:
            return
        rows = block.picture.pixels.reshape(-1, 3)
        counts = Counts.of(rows)
        found = _measure(rows, counts, 3)
        self._tally.add(counts)
        values = (found.brightness, found.contrast, found.saturation, found.colorfulness, found.grayscale)
        self._means.append(tuple(float(value or 0) for value in values))
        assert found.histogram is not None
        self._histogram += (found.histogram.red, found.histogram.green, found.histogram.blue)
        if self._count % self._stride == 0:
            self._over_time.append(FilmColor(round(block.picture.time, 6), found.dominant[0].hex))
            if len(self._over_time) > _MOST:
                self._over_time, self._stride = self._over_time[::2], self._stride * 2
        self._count += 1

    def finish(self) -> FilmColorsResult:
        """Means, and the colours of all."""
        if not self._count:
            return FilmColorsResult()
        brightness, contrast, saturation, colorful, grey = np.mean(self._means, axis=0).tolist()
        shares = (tuple(np.round(channel / self._count, 5).tolist()) for channel in self._histogram)
        return FilmColorsResult(
            dominant=self._tally.counts.dominant(self._options.count),
            brightness=round(brightness, 4),
            contrast=round(contrast, 4),
            saturation=round(saturation, 4),
            colorfulness=round(colorful, 2),
            grayscale=grey > 0.9,
            histogram=Histogram(*shares),
            over_time=tuple(self._over_time),
        )


class Colors(Task[ColorsOptions, ColorsResult]):
    """Dominant colours, brightness, contrast, saturation."""

    name = "colors"
    version = "1"
    summary = "dominant colours, brightness, contrast, saturation, colourfulness, histogram"
    kinds = frozenset({"image"})
    forms = frozenset({Form.PIXELS})
    headline: ClassVar[dict[str, str]] = {"bright": "brightness", "colourful": "colorfulness"}
    Options = ColorsOptions
    Result = ColorsResult

    def start(self, context: Context, options: ColorsOptions) -> Fold[ColorsResult]:
        """A fresh fold."""
        return PictureFold(lambda picture: measure(picture.pixels, options.count) if picture else ColorsResult())


class FilmColors(Task[FilmColorsOptions, FilmColorsResult]):
    """The same of a film, from frames two seconds apart."""

    name = "colors"
    version = "1"
    summary = "dominant colours of a film, and over time; brightness, contrast, saturation, histogram"
    kinds = frozenset({"video"})
    forms = frozenset({Form.PIXELS})
    headline: ClassVar[dict[str, str]] = {"colourful": "colorfulness"}
    Options = FilmColorsOptions
    Result = FilmColorsResult

    def start(self, context: Context, options: FilmColorsOptions) -> Fold[FilmColorsResult]:
        """A fresh fold."""
        return _FilmFold(options)

    def sampling(self, options: FilmColorsOptions) -> Sampling:
        """Small frames; colours need no more."""
        return options.sampling(_FILM_SIDE, _MOST)


TASKS = (Colors(), FilmColors())
