"""Boxes in pictures: how much they overlap, and which of many say the same.

Boxes are (n, 4) float32: left, top, right, bottom, in any unit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def area(boxes: FloatArray) -> FloatArray:
    """(n,); 0 where a side is turned round."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def iou(one: FloatArray, other: FloatArray) -> FloatArray:
    """(n, m): intersection over union, 0 for boxes without area."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    sides = np.maximum(high - low, 0)
    shared = sides[..., 0] * sides[..., 1]
    union = area(one)[:, None] + area(other)[None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), np.float32)


def nms(
    boxes: FloatArray, scores: FloatArray, threshold: float, classes: NDArray[np.intp] | None = None
) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: the indexes that stay, the highest score first.

    A box goes if one with a higher score, of the same class where ``classes`` are given, overlaps it by more than
    ``threshold``. Equal scores stay in their order.
    """
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        first, order = order[0], order[1:]
        kept.append(first)
        gone = iou(boxes[first : first + 1], boxes[order])[0] > threshold
        if classes is not None:
            gone &= classes[order] == classes[first]
        order = order[~gone]
    return np.array(kept, np.intp)


def from_centres(boxes: FloatArray) -> FloatArray:
    """Centre x, centre y, width, height as corners."""
    half = boxes[:, 2:4] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def clipped(boxes: FloatArray, width: float, height: float) -> FloatArray:
    """Cut at the edges of the picture."""
    return np.clip(boxes, 0, np.array([width, height, width, height], np.float32))
