"""YOLOv8, YOLO11 and what else is exported like them: no objectness, boxes in pixels.

Layout of Ultralytics' ONNX exports: (1, 4 + classes, cells), centre and size, then how sure of each class. The picture is
RGB, 0 to 1, in the middle of the network's square, the rest grey (114). Exports that end with suppression give (1, n, 6):
corners, score, class.
"""

from __future__ import annotations

import numpy as np

from lookhear.dsp.boxes import from_centres
from lookhear.media.forms import FloatArray
from lookhear.models.shelf import Model
from lookhear.tasks.detections import Detected, Pixels, letterboxed, planes

_GREY = 114
_SIDE = 640  # where the export leaves it open


def detect(model: Model, pixels: Pixels, least: float) -> Detected:
    """What is at least so sure of a class, in pixels of the picture."""
    height, width = (int(length) for length in model.card.facts.get("size", (_SIDE, _SIDE)))
    canvas, scale, left, top = letterboxed(pixels, height, width, _GREY, centred=True)
    name = next(iter(model.card.inputs))
    found = decode(model.run({name: planes(canvas, scale=1 / 255)})[0][0], least)
    moved = found.boxes - np.array([left, top, left, top], np.float32)
    return Detected(moved, found.scores, found.classes).scaled(1 / scale, 1 / scale)


def decode(output: FloatArray, least: float) -> Detected:
    """``output``: (4 + classes, cells) or (n, 6); boxes in pixels of what the network saw."""
    if output.shape[1] == 6 and output.shape[0] > 6:
        sure = output[output[:, 4] >= least]
        return Detected(sure[:, :4], sure[:, 4], sure[:, 5].astype(np.intp))
    scores = output[4:]
    classes = scores.argmax(axis=0)
    best = scores[classes, np.arange(scores.shape[1])]
    keep = best >= least
    return Detected(from_centres(output[:4, keep].T), best[keep], classes[keep])
