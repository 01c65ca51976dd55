"""From pixels to lines of text: find them, cut them out, turn them upright, read them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lookhear.tasks.image.ocr.models import Models, load

Pixels = NDArray[np.uint8]
Corners = NDArray[np.float64]

LEAST, MOST, GROW, MARGIN = 640, 1600, 3.0, 0.12
_LINE = 48  # pixels of height that the recognizer takes
_UPRIGHT = 1.5  # a box higher than so many widths holds text that runs up or down


@dataclass(frozen=True)
class Line:
    """``polygon``: (4, 2), x and y in pixels, clockwise from where the text begins."""

    text: str
    confidence: float
    polygon: Corners


@dataclass(frozen=True)
class _View:
    """The picture as lines are looked for: ``scale`` times as large, with a margin."""

    pixels: Pixels
    scale: float
    margin: int


def read(pixels: Pixels, least: float) -> list[Line]:
    """The lines of (height, width, 3) sRGB of at least that confidence, in no order. Raises ModelMissing."""
    models = load()
    bgr = np.ascontiguousarray(pixels[..., ::-1])
    best, sure = [], -1.0
    boxes = _found(models, bgr)
    if not boxes:
        return []
    tall = sum(_length(box) for box in boxes if _tall(box)) > 0.5 * sum(map(_length, boxes))
    lines, down = _read(models, bgr, boxes)
    return [line for line in lines if line.confidence >= least and line.text.strip()]


def _length(box: Corners) -> float:
    return float(max(np.linalg.norm(box[1] - box[0]), np.linalg.norm(box[3] - box[0])))


def _tall(box: Corners) -> bool:
    return bool(np.linalg.norm(box[3] - box[0]) >= _UPRIGHT * np.linalg.norm(box[1] - box[0]))


def _view(bgr: Pixels) -> _View:
    height, width = bgr.shape[:2]
    longest = max(height, width)
    scale = MOST / longest if longest > MOST else min(GROW, max(1.0, LEAST / longest))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = bgr if scale == 1 else cv2.resize(bgr, size, interpolation=way)
    margin = max(16, round(MARGIN * min(size)))
    edge = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    color = tuple(float(value) for value in np.median(edge, axis=0))
    framed = cv2.copyMakeBorder(small, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=color)
    return _View(np.asarray(framed, np.uint8), scale, margin)


def _found(models: Models, bgr: Pixels) -> list[Corners]:
    view = _view(bgr)
    boxes = models.detect(view.pixels).boxes
    if boxes is None:
        return []
    return [(np.asarray(box, np.float64) - view.margin) / view.scale for box in boxes]


def _cut(bgr: Pixels, box: Corners) -> Pixels:
    """The line, lying."""
    from rapidocr.utils.process_img import get_rotate_crop_image

    line: Pixels = get_rotate_crop_image(bgr, box.astype(np.float32))
    height, width = line.shape[:2]
    if height > 2 * _LINE:
        line = np.asarray(cv2.resize(line, (max(1, round(width * _LINE / height)), _LINE), interpolation=cv2.INTER_AREA))
    return np.ascontiguousarray(line)


def _read(models: Models, bgr: Pixels, boxes: list[Corners]) -> tuple[list[Line], Any]:
    cut = [_cut(bgr, box) for box in boxes]
    turned = models.turn(cut)
    said = _recognize(models, turned.img_list)
    return [Line(text, sure, box) for (text, sure), box in zip(said, boxes, strict=True)], turned.cls_res


def _recognize(models: Models, lines: list[Pixels]) -> list[tuple[str, float]]:
    from rapidocr.ch_ppocr_rec import TextRecInput

    said = models.recognize(TextRecInput(img=lines))
    return [(text, float(sure)) for text, sure in zip(said.txts, said.scores, strict=True)]
