"""YOLOX: anchor-free, three strides.

Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv 2107.08430. The picture is BGR, 0 to 255, fitted into the upper
left, the rest grey (114). A row of the output is a cell: centre from the cell in strides, size in logarithms of strides, how
sure that there is something, how sure of each class.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lookhear.dsp.boxes import from_centres
from lookhear.media.forms import FloatArray
from lookhear.models.shelf import Model
from lookhear.tasks.detections import Detected, Pixels, letterboxed, planes

_STRIDES = (8, 16, 32)
_GREY = 114


def detect(model: Model, pixels: Pixels, least: float) -> Detected:
    """The cells that are at least so sure of a class, in pixels of the picture."""
    height, width = (int(length) for length in model.card.facts["size"])
    canvas, scale, _, _ = letterboxed(pixels, height, width, _GREY)
    name = next(iter(model.card.inputs))
    output = model.run({name: planes(canvas, bgr=True)})[0]
    return decode(output[0], height, width, least).scaled(1 / scale, 1 / scale)


def decode(rows: FloatArray, height: int, width: int, least: float) -> Detected:
    """``rows``: (cells, 5 + classes), strides one after the other; boxes in pixels of what the network saw."""
    something = np.flatnonzero(rows[:, 4] >= least)
    found = rows[something]
    classes = found[:, 5:].argmax(axis=1)
    scores = found[:, 4] * found[np.arange(len(found)), 5 + classes]
    sure = scores >= least
    corners, steps = (facts[something[sure]] for facts in _cells(height, width))
    place = found[sure]
    placed = np.concatenate([(place[:, :2] + corners) * steps, np.exp(place[:, 2:4]) * steps], axis=1)
    return Detected(from_centres(placed), scores[sure], classes[sure])


@lru_cache(maxsize=8)
def _cells(height: int, width: int) -> tuple[FloatArray, FloatArray]:
    """Column and row of every cell, (n, 2), and its stride, (n, 1)."""
    corners, steps = [], []
    for stride in _STRIDES:
        across, down = width // stride, height // stride
        grid = np.stack(np.meshgrid(np.arange(across), np.arange(down)), axis=-1).reshape(-1, 2)
        corners.append(grid)
        steps.append(np.full((len(grid), 1), stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(steps).astype(np.float32)
