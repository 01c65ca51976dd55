"""What detectors have in common: pictures as networks take them, and what comes out in pixels of the original."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.boxes import clipped, nms
from lookhear.errors import InvalidCard
from lookhear.media.forms import FloatArray, Picture

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class BoundingBox:
    """Pixels of the upright original, from its upper left corner, as COCO writes boxes."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Detected:
    """n boxes: left, top, right, bottom. ``classes``: (n,) places in the labels; ``points``: (n, 5, 2) x and y."""

    boxes: FloatArray
    scores: FloatArray
    classes: NDArray[np.intp] | None = None
    points: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, places: NDArray[Any]) -> Detected:
        """Those at ``places``, or where it is true."""
        parts = (self.boxes, self.scores, self.classes, self.points)
        return Detected(*(None if part is None else part[places] for part in parts))  # type: ignore[arg-type]

    def scaled(self, x: float, y: float) -> Detected:
        """In other pixels: x and y times as many."""
        by = np.array([x, y], np.float32)
        points = None if self.points is None else self.points * by
        return Detected(self.boxes * np.tile(by, 2), self.scores, self.classes, points)

    def best(self, least: float, overlap: float, most: int) -> Detected:
        """The sure ones, of those that overlap the surest; at most ``most``, the surest first."""
        sure = self.take(self.scores >= least)
        return sure.take(nms(sure.boxes, sure.scores, overlap, sure.classes)[:most])


def reader(package: str, family: str) -> Any:
    """What finds things by a family of models: ``detect`` of its module in ``package``. Raises InvalidCard."""
    try:
        return import_module(f"{package}.{family}").detect
    except ModuleNotFoundError as error:
        task = package.rpartition(".")[2]
        raise InvalidCard(
            f"Nothing here reads the answers of '{family}' for {task}. See: lookhear models families"
        ) from error


def fitted(picture: Picture, found: Detected, width: int, height: int) -> Detected:
    """From the pixels of ``picture`` to those of the original, cut at its edges."""
    rows, columns = picture.pixels.shape[:2]
    moved = found.scaled(width / columns, height / rows)
    return Detected(clipped(moved.boxes, width, height), moved.scores, moved.classes, moved.points)


def bounding(box: FloatArray) -> BoundingBox:
    """Rounded to hundredths of a pixel."""
    left, top, right, bottom = (float(edge) for edge in box)
    return BoundingBox(round(left, 2), round(top, 2), round(right - left, 2), round(bottom - top, 2))


def resized(pixels: Pixels, height: int, width: int) -> Pixels:
    """Bilinear, as OpenCV does it, which these networks were trained with."""
    import cv2

    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def letterboxed(
    pixels: Pixels, height: int, width: int, fill: int, *, centred: bool = False
) -> tuple[Pixels, float, int, int]:
    """The whole picture within (height, width), the rest filled: picture, scale, and where it lies (left, top)."""
    rows, columns = pixels.shape[:2]
    scale = min(height / rows, width / columns)
    inner = resized(pixels, max(1, int(rows * scale)), max(1, int(columns * scale)))
    canvas = np.full((height, width, 3), fill, np.uint8)
    left, top = ((width - inner.shape[1]) // 2, (height - inner.shape[0]) // 2) if centred else (0, 0)
    canvas[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return canvas, scale, left, top


def planes(pixels: Pixels, *, bgr: bool = False, mean: float = 0.0, scale: float = 1.0) -> FloatArray:
    """(1, 3, height, width): (value - mean) * scale, of values from 0 to 255."""
    import cv2

    made: FloatArray = np.empty((1, 3, *pixels.shape[:2]), np.float32)
    channels = cv2.split(pixels)  # OpenCV's blobFromImage takes three to ten times as long
    for plane, channel in zip(made[0], channels[::-1] if bgr else channels, strict=True):
        np.subtract(channel, mean, out=plane, dtype=np.float32)
    if scale != 1.0:
        made *= np.float32(scale)
    return made
