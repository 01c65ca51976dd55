"""YOLOX: anchor-free, three strides.

Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv 2107.08430. The picture is BGR, 0 to 255, fitted into the upper
left, the rest grey (114). A row of the output is a cell: centre from the cell in strides, size in logarithms of strides, how
sure that there is something, how sure of each class.
"""

from __future__ import annotations

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
    cells, strides = [], []
    for stride in _STRIDES:
        across, down = width // stride, height // stride
        grid = np.stack(np.meshgrid(np.arange(across), np.arange(down)), axis=-1).reshape(-1, 2)
        cells.append(grid)
        strides.append(np.full((len(grid), 1), stride))
    corner, step = np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
    scores = rows[:, 4:5] * rows[:, 5:]
    classes = scores.argmax(axis=1)
    best = scores[np.arange(len(scores)), classes]
    sure = best >= least
    placed = np.concatenate(
        [(rows[sure, :2] + corner[sure]) * step[sure], np.exp(rows[sure, 2:4]) * step[sure]], axis=1
    )
    return Detected(from_centres(placed), best[sure], classes[sure])
