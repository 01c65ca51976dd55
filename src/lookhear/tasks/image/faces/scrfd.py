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


def detect(model: Model, pixels: Pixels, side: int) -> Detected:
    """All anchors with their scores; the network sees a square of ``side`` pixels, or of its fixed size."""
    fixed = model.card.facts.get("size")
    height, width = (int(length) for length in fixed) if fixed else (side, side)
    canvas, scale, _, _ = letterboxed(pixels, height, width, 0)
    name = next(iter(model.card.inputs))
    outputs = model.run({name: (planes(canvas) - 127.5) / 128})
    return decode(outputs, height, width).scaled(1 / scale, 1 / scale)


def decode(outputs: Sequence[FloatArray], height: int, width: int) -> Detected:
    """Boxes, scores and landmarks of all anchors, in pixels of what the network saw."""
    flat = [output.reshape(-1, output.shape[-1]) for output in outputs]
    boxes, points = [], []
    for level, stride in enumerate(_STRIDES):
        across, down = width // stride, height // stride
        cells = np.stack(np.meshgrid(np.arange(across), np.arange(down)), axis=-1).reshape(-1, 2)
        centres = np.repeat(cells, _ANCHORS, axis=0).astype(np.float32) * stride
        edges, marks = flat[3 + level] * stride, flat[6 + level].reshape(-1, 5, 2) * stride
        boxes.append(np.concatenate([centres - edges[:, :2], centres + edges[:, 2:]], axis=1))
        points.append(centres[:, None] + marks)
    scores = np.concatenate(flat[:3])[:, 0]
    return Detected(np.concatenate(boxes), scores, None, np.concatenate(points))
