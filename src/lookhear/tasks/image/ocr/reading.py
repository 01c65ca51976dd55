"""From pixels to lines of text: find them, cut them out, read them, whichever way they are turned."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from lookhear.media.forms import Picture
from lookhear.tasks.image.ocr.ground import grounded
from lookhear.tasks.image.ocr.models import Models, load
from lookhear.tasks.image.ocr.order import quarter

Pixels = NDArray[np.uint8]
Corners = NDArray[np.float64]

_LEAST, _MOST = 640, 1600  # pixels on the longer side in which lines are looked for
_GROW = 4.0  # small pictures are enlarged up to so many times for that
_MARGIN, _WIDEST = 0.12, 64  # of the shorter side, and pixels at most: text that touches the edge is not found
_LINE = 48  # pixels of height that the recognizer takes
_LONGEST = 80  # heights: memory grows with the square of the length; what is longer is squeezed
_TILT = 0.12  # of its height, by which the ends of a level line may differ
_TALL = 1.5  # a box so many times as high as wide holds text that runs up or down
_SHORT = 2.5  # heights up to which a line may be a single character
_SURE = 0.85  # a line that is read with less than this is tried upside down too
_CERTAIN = 0.97  # one with less, and turned otherwise than most, is tried their way


@dataclass(frozen=True)
class Line:
    """``polygon``: (4, 2), x and y in pixels, clockwise from where the text begins."""

    text: str
    confidence: float
    polygon: Corners


def read(picture: Picture) -> list[Line]:
    """The lines of text, in no order. Raises ModelMissing."""
    models = load()
    bgr = np.ascontiguousarray(grounded(picture)[..., ::-1])
    boxes = _found(models, bgr)
    said = _recognize(models, [_cut(bgr, box) for box in boxes])
    best = [Line(text, sure, box) for (text, sure), box in zip(said, boxes, strict=True)]
    _retry(models, bgr, best, [(i, turn) for i, line in enumerate(best) for turn in _turns(line)])
    main = quarter([line.polygon for line in best])
    astray = [(i, turn) for i, line in enumerate(best) if (turn := (main - quarter([line.polygon])) % 4)]
    _retry(models, bgr, best, [(i, turn) for i, turn in astray if best[i].confidence < _CERTAIN])
    return [replace(line, text=line.text.strip()) for line in best if line.text.strip()]


def _retry(models: Models, bgr: Pixels, best: list[Line], turns: list[tuple[int, int]]) -> None:
    """Read line i from another corner on; keep what is read with more confidence."""
    boxes = [np.roll(best[i].polygon, -turn, axis=0) for i, turn in turns]
    said = _recognize(models, [_cut(bgr, box) for box in boxes])
    for (i, _), box, (text, sure) in zip(turns, boxes, said, strict=True):
        if sure > best[i].confidence:
            best[i] = Line(text, sure, box)


def _found(models: Models, bgr: Pixels) -> list[Corners]:
    """Boxes around lines, as the text in them may run: to the right or, in tall ones, down."""
    height, width = bgr.shape[:2]
    longest = max(height, width)
    scale = _MOST / longest if longest > _MOST else min(_GROW, max(1.0, _LEAST / longest))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    view = bgr if scale == 1 else cv2.resize(bgr, size, interpolation=way)
    margin = min(_WIDEST, max(16, round(_MARGIN * min(size))))
    edge = np.concatenate([view[0], view[-1], view[:, 0], view[:, -1]])
    color = [float(value) for value in np.median(edge, axis=0)]
    view = cv2.copyMakeBorder(view, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=color)
    found = models.detect(view).boxes
    boxes = [] if found is None else [(_level(np.asarray(box, np.float64)) - margin) / scale for box in found]
    return [np.roll(box, -1, axis=0) if _aspect(box) * _TALL <= 1 else box for box in boxes]


def _level(box: Corners) -> Corners:
    """Upright, if it is but for what the grid of the detector may tilt it."""
    (left, right), (top, bottom) = ((box[[0, 3], 0], box[[1, 2], 0]), (box[[0, 1], 1], box[[2, 3], 1]))
    drift = max(float(np.ptp(edge)) for edge in (left, right, top, bottom))
    if drift > _TILT * min(right.mean() - left.mean(), bottom.mean() - top.mean()):
        return box
    x, y = (left.mean(), right.mean()), (top.mean(), bottom.mean())
    return np.array([[x[0], y[0]], [x[1], y[0]], [x[1], y[1]], [x[0], y[1]]])


def _aspect(box: Corners) -> float:
    """Length along the text by height."""
    return float(np.linalg.norm(box[1] - box[0]) / max(1e-6, float(np.linalg.norm(box[3] - box[0]))))


def _turns(line: Line) -> tuple[int, ...]:
    """How else the text may run, in quarters: what is hardly read may stand on its head; a short line that seems to run
    down may be one upright character."""
    short = quarter([line.polygon]) == 1 and _aspect(line.polygon) < _SHORT
    return (2,) * (line.confidence < _SURE) + (3,) * short


def _cut(bgr: Pixels, box: Corners) -> Pixels:
    """What is in the box, its first corner at the upper left, as high as the recognizer takes it."""
    width = max(1, round(_LINE * min(_LONGEST, _aspect(box))))
    height = float(np.linalg.norm(box[3] - box[0]))
    fine = max(1, min(4, int(height / _LINE)))  # of large letters several pixels become one
    corners = np.array([[0, 0], [width, 0], [width, _LINE], [0, _LINE]], np.float32) * fine
    onto = cv2.getPerspectiveTransform(box.astype(np.float32), corners)
    size = width * fine, _LINE * fine
    line = cv2.warpPerspective(bgr, onto, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(line if fine == 1 else cv2.resize(line, (width, _LINE), interpolation=cv2.INTER_AREA))


def _recognize(models: Models, lines: list[Pixels]) -> list[tuple[str, float]]:
    from rapidocr.ch_ppocr_rec import TextRecInput

    if not lines:
        return []
    said = models.recognize(TextRecInput(img=lines))
    return [(text, float(sure)) for text, sure in zip(said.txts, said.scores, strict=True)]
