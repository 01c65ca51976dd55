"""How good the pictures of a film are technically: black, frozen, interlaced, bars; sharpness, noise, compression.

Aim: what a person checking a delivery or sorting an archive would reject.
Reference: black and frozen as FFmpeg's blackdetect (98 % of the picture below a tenth of full luma) and freezedetect
define them, on frames of about 9,000 pixels; combing as decomb filters count it, on frames at their own size; blur of
Crété-Roffet et al. (SPIE 2007), noise of Immerkær (CVIU 1996), blocks after Wang, Sheikh & Bovik (ICIP 2002), each the
median over frames four seconds apart, or about thirty of a longer film.
Conventions: seconds; ``sharpness`` 0..1, ``noise`` in levels of 255, ``blockiness`` 1 = none, all of the middle 640 x 480
pixels, not scaled. ``bars``: black rows or columns that stay all through the film, as shares of height or width.
quality_score: 1 down to 0.3 as sharpness falls from 0.65 to 0.15, times 0.95, 0.8 or 0.5 for each low, medium or high
problem but blur. The sound track has a task of its own, sound_quality.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.areas import grey
from lookhear.dsp.picture_quality import blockiness, blur, combing, noise
from lookhear.tasks.base import Block, Context, Fold, Form, Frames, NoOptions, Sampling, Task

_FACTORS = {"low": 0.95, "medium": 0.8, "high": 0.5}
_BLACK, _SHARE = 26, 0.98  # level below which a pixel is black; share of them in a black frame
_SHORTEST_BLACK, _SHORTEST_FROZEN = 0.5, 2.0  # s
_STILL = 0.12  # levels by which frozen pictures may differ
_ROWS = 8  # of which one is compared first
_BAR = 40  # level below which bars stay
_MOST = 1000  # segments that are kept
_COMBED = 0.02  # share of pixels from which a frame is combed
_SECONDS = 4.0
_MOST_LOOKS = 30


@dataclass(frozen=True)
class FilmProblem:
    """Something to know before use, in plain words."""

    code: str
    severity: str  #: "low", "medium" or "high"
    message: str


@dataclass(frozen=True)
class Segment:
    """Seconds."""

    start: float
    end: float


@dataclass(frozen=True)
class Bars:
    """Shares of the height or the width."""

    top: float
    bottom: float
    left: float
    right: float


@dataclass(frozen=True)
class FilmQuality:
    """Null where there is too little to measure."""

    quality_score: float | None = None  #: 0..1
    sharpness: float | None = None  #: 0..1
    noise: float | None = None  #: levels of 255
    blockiness: float | None = None  #: 1 = none
    black: tuple[Segment, ...] = ()
    frozen: tuple[Segment, ...] = ()
    black_ratio: float | None = None  #: share of the time
    frozen_ratio: float | None = None
    combed_ratio: float | None = None  #: share of the frames looked at
    interlaced: bool | None = None  #: do frames show two moments at once?
    bars: Bars | None = None
    problems: tuple[FilmProblem, ...] = ()


class _Stretches:
    """Runs of frames for which something holds, long enough to tell."""

    def __init__(self, shortest: float) -> None:
        self._shortest = shortest
        self._start: float | None = None
        self.found: list[Segment] = []
        self.seconds = 0.0

    def add(self, start: float, holds: bool) -> None:
        """The frame that begins at ``start``."""
        if holds and self._start is None:
            self._start = start
        elif not holds and self._start is not None:
            self.end(start)

    def end(self, time: float) -> None:
        """What runs ends here."""
        if self._start is not None and time - self._start >= self._shortest:
            self.seconds += time - self._start
            if len(self.found) < _MOST:
                self.found.append(Segment(round(self._start, 6), round(time, 6)))
        self._start = None


class _QualityFold:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._black = _Stretches(_SHORTEST_BLACK)
        self._frozen = _Stretches(_SHORTEST_FROZEN)
        self._reference: NDArray[np.int16] | None = None  # since which nothing has moved
        self._since = 0.0
        self._rows: NDArray[np.uint8] | None = None  # the brightest of each row and column so far
        self._columns: NDArray[np.uint8] | None = None
        self._end = 0.0
        self._looked: list[tuple[float, float, float, float]] = []

    def add(self, block: Block) -> None:
        """All frames for black and frozen ones, sampled ones for the rest."""
        if block.frames is not None:
            self._watch(block.frames)
        if block.picture is not None:
            self._look(block.picture.pixels)

    def _watch(self, frames: Frames) -> None:
        luma = frames.luma
        dark = np.sum(luma < _BLACK, axis=(1, 2), dtype=np.uint32) >= _SHARE * luma[0].size
        signed = luma.astype(np.int16)
        some = np.abs(signed[1:, ::_ROWS] - signed[:-1, ::_ROWS]).sum(axis=(1, 2), dtype=np.int64)
        moves = [False, *(some >= _STILL * luma[0].size).tolist()]  # since the frame before, for certain
        before = None
        for time, seconds, frame, black, moving in zip(
            frames.times.tolist(), frames.seconds.tolist(), signed, dark.tolist(), moves, strict=True
        ):
            self._black.add(time, black)
            known = moving and self._reference is before
            if self._reference is None or known or not _still(frame, self._reference):
                self._frozen.add(time, False)
                self._reference, self._since = frame, time
            else:
                self._frozen.add(self._since, True)
            self._end, before = time + seconds, frame
        brightest = luma.max(axis=0)
        rows, columns = brightest.max(axis=1), brightest.max(axis=0)
        self._rows = rows if self._rows is None else np.maximum(self._rows, rows)
        self._columns = columns if self._columns is None else np.maximum(self._columns, columns)

    def _look(self, pixels: NDArray[np.uint8]) -> None:
        luma = grey(pixels)
        if float(luma.std()) < 4:
            return
        values = (blur(luma), noise(luma), blockiness(luma), combing(luma))
        self._looked.append(tuple(np.nan if value is None else value for value in values))  # type: ignore[arg-type]

    def finish(self) -> FilmQuality:
        """Measures, problems, the score."""
        if self._rows is None or self._columns is None:
            return FilmQuality()
        self._black.end(self._end)
        self._frozen.end(self._end)
        seen = self._context.seen
        length = max(1e-9, self._end - seen.first)
        table = np.array(self._looked or [(np.nan,) * 4])
        medians = [
            float(np.median(column[np.isfinite(column)])) if np.isfinite(column).any() else None for column in table.T
        ]
        combed = np.isfinite(table[:, 3])
        ratio = float((table[combed, 3] > _COMBED).mean()) if combed.any() else None
        labelled = 2 * seen.interlaced > seen.frames
        found = FilmQuality(
            sharpness=None if medians[0] is None else round(1 - medians[0], 4),
            noise=_short(medians[1]),
            blockiness=_short(medians[2]),
            black=tuple(self._black.found),
            frozen=tuple(self._frozen.found),
            black_ratio=_short(min(1.0, self._black.seconds / length)),
            frozen_ratio=_short(min(1.0, self._frozen.seconds / length)),
            combed_ratio=_short(ratio),
            interlaced=None if ratio is None else ratio > 0.3 or (labelled and ratio > 0.1),
            bars=_bars(self._rows, self._columns),
        )
        problems = tuple(sorted(_problems(found), key=lambda problem: _FACTORS[problem.severity]))
        return FilmQuality(**{**vars(found), "problems": problems, "quality_score": _score(found.sharpness, problems)})


def _still(frame: NDArray[np.int16], reference: NDArray[np.int16]) -> bool:
    limit = _STILL * frame.size
    some = np.abs(frame[::_ROWS] - reference[::_ROWS]).sum(dtype=np.int64)
    return bool(some < limit) and bool(np.abs(frame - reference).sum(dtype=np.int64) < limit)  # the rest only adds


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _bars(rows: NDArray[np.uint8], columns: NDArray[np.uint8]) -> Bars | None:
    """Bars all through the film, of at least 2 % on opposite sides."""
    edges = []
    for lit in (rows >= _BAR, columns >= _BAR):
        if not lit.any():
            return None
        edges += [int(lit.argmax()) / len(lit), int(lit[::-1].argmax()) / len(lit)]
    high, wide = min(edges[:2]) >= 0.02, min(edges[2:]) >= 0.02
    if not (high or wide):
        return None
    shares = [round(edge, 4) if kept else 0.0 for edge, kept in zip(edges, (high, high, wide, wide), strict=True)]
    return Bars(*shares)


def _score(sharpness: float | None, problems: tuple[FilmProblem, ...]) -> float | None:
    if sharpness is None:
        return None
    value = 1 - 0.7 * float(np.clip((0.65 - sharpness) / 0.5, 0, 1))
    for problem in problems:
        value *= 1.0 if problem.code == "blurred" else _FACTORS[problem.severity]
    return round(value, 4)


def _problems(found: FilmQuality) -> list[FilmProblem]:
    problems = []

    def judge(code: str, value: float | None, bounds: tuple[float, float, float], message: str) -> None:
        passed = [] if value is None else [name for name, bound in zip(_FACTORS, bounds, strict=True) if value > bound]
        if passed:
            problems.append(FilmProblem(code, passed[-1], message))

    black, frozen = found.black_ratio or 0.0, found.frozen_ratio or 0.0
    judge("black", black, (0.05, 0.2, 0.6), f"It is black for {black:.0%} of its time.")
    judge("frozen", frozen - black, (0.2, 0.5, 0.8), f"Its picture stands still for {frozen:.0%} of its time.")
    if found.interlaced:
        problems.append(
            FilmProblem("interlaced", "medium", "It is interlaced: moving edges show combs. Deinterlace it.")
        )
    if found.bars is not None:
        share = found.bars.top + found.bars.bottom, found.bars.left + found.bars.right
        problems.append(FilmProblem("bars", "low", f"Black bars take {max(share):.0%} of its height or width."))
    blurred = None if found.sharpness is None else 1 - found.sharpness
    judge("blurred", blurred, (0.55, 0.66, 0.78), "It is blurred: out of focus, or enlarged from a smaller film.")
    judge("noisy", found.noise, (6.0, 10.0, 18.0), f"It is noisy, by about {found.noise or 0:.0f} of 255 levels.")
    judge("compressed", found.blockiness, (1.5, 2.0, 2.8), "It is compressed so much that blocks show.")
    return problems


class FilmQualityTask(Task[NoOptions, FilmQuality]):
    """Technical quality of a film's pictures."""

    name = "quality"
    version = "1"
    summary = "black, frozen and interlaced stretches, bars, sharpness, noise, compression; problems and a score"
    kinds = frozenset({"video"})
    forms = frozenset({Form.FRAMES, Form.PIXELS})
    headline: ClassVar[dict[str, str]] = {"quality": "quality_score"}
    Result = FilmQuality

    def start(self, context: Context, options: NoOptions) -> Fold[FilmQuality]:
        """A fresh fold."""
        return _QualityFold(context)

    def sampling(self, options: NoOptions) -> Sampling:
        """The middle of a frame every four seconds or fewer, not scaled."""
        return Sampling(seconds=_SECONDS, most=_MOST_LOOKS, side=None)


TASKS = (FilmQualityTask(),)
