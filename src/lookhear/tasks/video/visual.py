"""What a film looks like: brightness, contrast, saturation, colours, movement; over the whole and over time.

Aim: the figures by which films are compared and searched, and the curves that a time line shows.
Reference: luma of BT.601, saturation of HSV; movement from the codec's motion vectors where it gives them (MPEG-1, -2, -4,
H.264; of P frames, which point back to the latest I or P frame, but of the last ten or so, whose vectors come too early
to be sure), else by block matching of successive frames.
Conventions: one frame a second is looked at in colour, at most 300 in all, 224 pixels on the longer side (options);
movement comes from all frames. ``brightness``, ``contrast`` (standard deviation), ``saturation`` 0..1;
``color_histogram``: shares of 16 steps of red, then of green, then of blue. Movement is in frame widths per second:
``motion`` the mean length of the vectors, ``motion_vectors`` the median (right, down) for each point of the time line,
which is what a moving camera does. ``scene_changes`` in s, where the task scenes runs; ``text_regions`` where ocr does,
``faces_detected`` where faces does; null otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.areas import grey
from lookhear.dsp.motion import block_motion
from lookhear.dsp.pyramid import Pyramid, mean
from lookhear.errors import InvalidOptions
from lookhear.tasks.base import Block, Context, Fold, Form, Frames, Picture, Sampling, Task
from lookhear.tasks.frames import FrameOptions

_STEPS = 16
_POINT = 0.5  # s, of the finest time line
_MOST = 600  # points
_EVERY = 0.2  # s between frames that are matched
_COLUMNS = 5  # brightness, saturation, motion, right, down


@dataclass(frozen=True)
class VisualOptions(FrameOptions):
    """Which frames are looked at in colour: see FrameOptions; ``most`` of them in all, ``side``: pixels, longer side."""

    most: int = 300
    side: int = 224

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.most > 0 and 16 <= self.side <= 1600):
            raise InvalidOptions("visual: most > 0 and 16 ≤ side ≤ 1600 must hold.")


@dataclass(frozen=True)
class Timeline:
    """Curves of equal length, a value for each ``seconds_per_point``."""

    seconds_per_point: float
    brightness: tuple[float, ...]
    saturation: tuple[float, ...]
    motion: tuple[float, ...]


@dataclass(frozen=True)
class VisualResult:
    """Null where there is nothing to measure."""

    brightness: float | None = None  #: 0..1
    contrast: float | None = None  #: 0..0.5
    saturation: float | None = None  #: 0..1
    color_histogram: tuple[float, ...] = ()  #: 48 shares
    motion: float | None = None  #: frame widths per second
    motion_source: str | None = None  #: "codec" or "block matching"
    motion_vectors: tuple[tuple[float, float], ...] = ()
    scene_changes: tuple[float, ...] | None = None  #: s
    faces_detected: int | None = None
    text_regions: tuple[dict[str, Any], ...] | None = None
    frames_sampled: int = 0
    timeline: Timeline | None = None


class _Motion:
    """Movement of all frames, by the codec's vectors as long as it gives any."""

    def __init__(self) -> None:
        self.codec = False
        self._before: tuple[float, NDArray[np.uint8]] | None = None
        self._due = 0.0

    def of(self, frames: Frames) -> list[tuple[float, float, float] | None]:
        """(length, right, down) of each frame; None where it is not known."""
        told = [(math.nan,) * 4] * len(frames.times) if frames.motion is None else frames.motion.tolist()
        found: list[tuple[float, float, float] | None] = []
        for index, (time, (right, down, length, share)) in enumerate(zip(frames.times.tolist(), told, strict=True)):
            if math.isfinite(right):
                self.codec = True
                found.append((length * share, right, down))
            else:
                found.append(None if self.codec else self._matched(time, frames.luma[index]))
        return found

    def _matched(self, time: float, luma: NDArray[np.uint8]) -> tuple[float, float, float] | None:
        before, self._before = self._before, (time, luma)
        if before is None or time < self._due or time <= before[0]:
            return None
        self._due = (int((time + 1e-6) / _EVERY) + 1) * _EVERY
        moved = block_motion(before[1], luma)
        if not len(moved):
            return None
        speed = moved / np.float32(luma.shape[1] * (time - before[0]))
        right, down = np.median(speed, axis=0).tolist()
        return float(np.hypot(speed[:, 0], speed[:, 1]).mean()), right, down


class _VisualFold:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._motion = _Motion()
        self._pyramid = Pyramid(_MOST, _COLUMNS, mean)
        self._slot = 0
        self._sums = [0.0] * _COLUMNS  # of the point under way
        self._weights = [0] * _COLUMNS
        self._last = np.zeros(_COLUMNS, np.float32)
        self._total = 0.0  # of motion
        self._moving = 0  # frames of which it is known
        self._colors = np.zeros(3)  # sums of luma, its square and saturation, over pictures
        self._histogram = np.zeros(3 * _STEPS)
        self._pictures = 0
        self._any = False

    def add(self, block: Block) -> None:
        """All frames to the curves, sampled ones to the colours."""
        if block.frames is not None:
            self._watch(block.frames)
        if block.picture is not None:
            self._look(block.picture)

    def _watch(self, frames: Frames) -> None:
        self._any = True
        pixels = frames.luma.reshape(len(frames.luma), -1)
        luma = pixels.sum(axis=1, dtype=np.uint32) / (255 * pixels.shape[1])
        chroma = np.abs(frames.chroma.astype(np.int16) - 128)
        strong = np.maximum(chroma[:, 0], chroma[:, 1]).mean(axis=(1, 2)) / 128
        moved = self._motion.of(frames)
        for time, *levels, moving in zip(frames.times.tolist(), luma.tolist(), strong.tolist(), moved, strict=True):
            self._to(int(time / _POINT))
            for column, value in enumerate((*levels, *(moving or ()))):
                self._sums[column] += value
                self._weights[column] += 1
            if moving:
                self._total += moving[0]
                self._moving += 1

    def _to(self, slot: int) -> None:
        while self._slot < slot:
            self._close()

    def _close(self) -> None:
        for column, (value, weight) in enumerate(zip(self._sums, self._weights, strict=True)):
            if weight:
                self._last[column] = value / weight
        self._pyramid.add(self._last[None].copy())
        self._sums, self._weights = [0.0] * _COLUMNS, [0] * _COLUMNS
        self._slot += 1

    def _look(self, picture: Picture) -> None:
        luma = grey(picture.pixels)
        channels = [np.ascontiguousarray(picture.pixels[:, :, k]).ravel() for k in range(3)]
        red, green, blue = channels
        top, low = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
        saturation = ((top - low) / np.maximum(top, 1).astype(np.float32)).mean()
        self._colors += (luma.mean() / 255, luma.std() / 255, saturation)
        shares = [np.bincount(channel >> 4, minlength=_STEPS) / len(channel) for channel in channels]
        self._histogram += np.concatenate(shares)
        self._pictures += 1

    def finish(self) -> VisualResult:
        """Means and curves."""
        if not self._any:
            return VisualResult()
        self._close()
        rows = self._pyramid.finish()
        count = max(1, self._pictures)
        brightness, contrast, saturation = (self._colors / count).tolist()
        results = self._context.results
        scenes, text, faces = (results.get(name) for name in ("scenes", "ocr", "faces"))
        if faces is None:
            self._context.warn("faces_detected is null: it needs the task faces, which needs a model.")
        curves = [tuple(np.round(rows[:, k].astype(np.float64), 4).tolist()) for k in range(_COLUMNS)]
        moving = self._moving > 0
        return VisualResult(
            brightness=round(brightness, 4),
            contrast=round(contrast, 4),
            saturation=round(saturation, 4),
            color_histogram=tuple(np.round(self._histogram / count, 5).tolist()),
            motion=round(self._total / self._moving, 5) if moving else None,
            motion_source=("codec" if self._motion.codec else "block matching") if moving else None,
            motion_vectors=tuple(zip(curves[3], curves[4], strict=True)) if moving else (),
            scene_changes=None if scenes is None else tuple(cut.time for cut in scenes.cuts),
            faces_detected=None if faces is None else faces.face_count,
            text_regions=None if text is None else tuple(vars(region) for region in text.appearances),
            frames_sampled=self._pictures,
            timeline=Timeline(self._pyramid.span * _POINT, *curves[:3]),
        )


class Visual(Task[VisualOptions, VisualResult]):
    """Brightness, contrast, saturation, colours and movement over time."""

    name = "visual"
    version = "1"
    summary = "brightness, contrast, saturation, colour histogram, movement, and their time line"
    kinds = frozenset({"video"})
    forms = frozenset({Form.FRAMES, Form.MOTION, Form.PIXELS})
    after = ("scenes", "ocr", "faces")
    headline: ClassVar[dict[str, str]] = {"bright": "brightness", "motion": "motion"}
    Options = VisualOptions
    Result = VisualResult

    def start(self, context: Context, options: VisualOptions) -> Fold[VisualResult]:
        """A fresh fold."""
        return _VisualFold(context)

    def sampling(self, options: VisualOptions) -> Sampling:
        """As the options say."""
        return options.sampling(options.side, options.most)


TASKS = (Visual(),)
