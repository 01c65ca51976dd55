"""SCRFD: faces with five landmarks, distances from a grid of anchors to the four edges.

Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", ICLR 2022. The picture is RGB,
(x - 127.5) / 128, fitted into the upper left of a square. Outputs come in threes for the strides 8, 16, 32: scores, edges,
landmarks; two anchors per cell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lookhear.media.forms import FloatArray
from lookhear.models.shelf import Model
from lookhear.tasks.detections import Detected, Pixels, letterboxed, planes

_STRIDES = (8, 16, 32)
_ANCHORS = 2


def detect(model: Model, pixels: Pixels, side: int, least: float) -> Detected:
    """The anchors that are at least so sure; the network sees a square of ``side`` pixels, or of its fixed size."""
    fixed = model.card.facts.get("size")
    height, width = (int(length) for length in fixed) if fixed else (side, side)
    canvas, scale, _, _ = letterboxed(pixels, height, width, 0)
    name = next(iter(model.card.inputs))
    outputs = model.run({name: planes(canvas, mean=127.5, scale=1 / 128)})
    return decode(outputs, width, least).scaled(1 / scale, 1 / scale)


def decode(outputs: Sequence[FloatArray], width: int, least: float) -> Detected:
    """Boxes, scores and landmarks of the anchors that are at least so sure, in pixels of what the network saw."""
    flat = [output.reshape(-1, output.shape[-1]) for output in outputs]
    boxes, scores, points = [], [], []
    for level, stride in enumerate(_STRIDES):
        places = np.flatnonzero(flat[level][:, 0] >= least)
        rows, columns = np.divmod(places // _ANCHORS, width // stride)
        centres = np.stack([columns, rows], axis=1).astype(np.float32) * stride
        edges, marks = flat[3 + level][places] * stride, flat[6 + level][places].reshape(-1, 5, 2) * stride
        boxes.append(np.concatenate([centres - edges[:, :2], centres + edges[:, 2:]], axis=1))
        scores.append(flat[level][places, 0])
        points.append(centres[:, None] + marks)
    return Detected(np.concatenate(boxes), np.concatenate(scores), None, np.concatenate(points))
