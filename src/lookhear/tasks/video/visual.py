"""What a film looks like: brightness, contrast, saturation, colours, movement; over the whole and over time.

Aim: the figures by which films are compared and searched, and the curves that a time line shows.
Reference: luma of BT.601, saturation of HSV; movement from the codec's motion vectors where it gives them (MPEG-1, -2, -4,
H.264; of P frames, which point back to the latest I or P frame), else by block matching of successive frames.
Conventions: one frame a second is looked at in colour, at most 300 in all, 224 pixels on the longer side (options);
movement comes from all frames. ``brightness``, ``contrast`` (standard deviation), ``saturation`` 0..1;
``color_histogram``: shares of 16 steps of red, then of green, then of blue. Movement is in frame widths per second:
``motion`` the mean length of the vectors, ``motion_vectors`` the median (right, down) for each point of the time line,
which is what a moving camera does. ``scene_changes`` in s, where the task scenes runs; ``text_regions`` where ocr does,
``faces_detected`` where faces does; null otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.areas import LUMA
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

    def of(self, frames: Frames) -> list[tuple[float, float, float, float]]:
        """(time, length, right, down) for frames of which it is known."""
        found = []
        for index, time in enumerate(frames.times.tolist()):
            if frames.motion is not None and np.isfinite(frames.motion[index, 0]):
                self.codec = True
                right, down, length, share = frames.motion[index].tolist()
                found.append((time, length * share, right, down))
            elif not self.codec:
                found += self._matched(time, frames.yuv[index, 0])
        return found

    def _matched(self, time: float, luma: NDArray[np.uint8]) -> list[tuple[float, float, float, float]]:
        before, self._before = self._before, (time, luma)
        if before is None or time < self._due or time <= before[0]:
            return []
        self._due = (int((time + 1e-6) / _EVERY) + 1) * _EVERY
        moved = block_motion(before[1], luma)
        if not len(moved):
            return []
        speed = moved / np.float32(luma.shape[1] * (time - before[0]))
        right, down = np.median(speed, axis=0).tolist()
        return [(time, float(np.hypot(speed[:, 0], speed[:, 1]).mean()), right, down)]


class _VisualFold:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._motion = _Motion()
        self._pyramid = Pyramid(_MOST, _COLUMNS, mean)
        self._slot = 0
        self._sums = np.zeros(_COLUMNS)
        self._weights = np.zeros(_COLUMNS)
        self._last = np.zeros(_COLUMNS, np.float32)
        self._total = np.zeros(2)  # of motion, and how many
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
        luma = frames.yuv[:, 0].mean(axis=(1, 2)) / 255
        strong = (
            np.maximum(*(np.abs(frames.yuv[:, k, ::2, ::2].astype(np.int16) - 128) for k in (1, 2))).mean(axis=(1, 2))
            / 128
        )
        events: list[tuple[float, int, tuple[float, ...]]]
        events = [(time, 0, (value,)) for time, value in zip(frames.times.tolist(), luma.tolist(), strict=True)]
        events += [(time, 1, (value,)) for time, value in zip(frames.times.tolist(), strong.tolist(), strict=True)]
        events += [(found[0], 2, found[1:]) for found in self._motion.of(frames)]
        for time, column, values in sorted(events, key=lambda event: event[0]):
            self._to(int(time / _POINT))
            for offset, value in enumerate(values):
                self._sums[column + offset] += value
                self._weights[column + offset] += 1
            if column == 2:
                self._total += (values[0], 1)

    def _to(self, slot: int) -> None:
        while self._slot < slot:
            self._close()

    def _close(self) -> None:
        known = self._weights > 0
        self._last[known] = self._sums[known] / self._weights[known]
        self._pyramid.add(self._last[None].copy())
        self._sums[:], self._weights[:] = 0, 0
        self._slot += 1

    def _look(self, picture: Picture) -> None:
        values = picture.pixels.reshape(-1, 3)
        luma = values @ LUMA
        top, low = values.max(axis=1), values.min(axis=1)
        saturation = ((top - low) / np.maximum(top, 1).astype(np.float32)).mean()
        self._colors += (luma.mean() / 255, luma.std() / 255, saturation)
        shares = [np.bincount(values[:, k] >> 4, minlength=_STEPS) / len(values) for k in range(3)]
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
        moving = self._total[1] > 0
        return VisualResult(
            brightness=round(brightness, 4),
            contrast=round(contrast, 4),
            saturation=round(saturation, 4),
            color_histogram=tuple(np.round(self._histogram / count, 5).tolist()),
            motion=round(float(self._total[0] / self._total[1]), 5) if moving else None,
            motion_source=("codec" if self._motion.codec else "block matching") if moving else None,
            motion_vectors=tuple(zip(curves[3], curves[4], strict=True)) if moving else (),
            scene_changes=None if scenes is None else tuple(cut.time for cut in scenes.cuts),
            faces_detected=getattr(faces, "count", None),
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
