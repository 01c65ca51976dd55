"""FastestDet: one grid of cells, a quarter of a million weights.

dog-qiuqiu, "FastestDet" (2022). The picture is BGR, 0 to 1, squeezed to the network's size. A cell gives how sure it is that
there is something, where its centre lies (tanh, in cells) and how large it is (sigmoid, of the picture), and the classes.
"""

from __future__ import annotations

import numpy as np

from lookhear.dsp.boxes import from_centres
from lookhear.media.forms import FloatArray
from lookhear.models.shelf import Model
from lookhear.tasks.detections import Detected, Pixels, planes


def detect(model: Model, pixels: Pixels, least: float) -> Detected:
    """The cells that are at least so sure of a class, in pixels of the picture."""
    import cv2

    height, width = (int(length) for length in model.card.facts["size"])
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    name = next(iter(model.card.inputs))
    output = model.run({name: planes(np.asarray(small, np.uint8), bgr=True, scale=1 / 255)})[0]
    return decode(output[0], least).scaled(pixels.shape[1], pixels.shape[0])


def decode(output: FloatArray, least: float) -> Detected:
    """``output``: (5 + classes, down, across); boxes as fractions of the picture."""
    _, down, across = output.shape
    flat = output.reshape(len(output), -1)
    classes = flat[5:].argmax(axis=0)
    scores = flat[0] * flat[5:][classes, np.arange(flat.shape[1])]
    sure = scores >= least
    rows, columns = np.divmod(np.flatnonzero(sure), across)
    kept = flat[:, sure]
    centres = np.stack([(columns + np.tanh(kept[1])) / across, (rows + np.tanh(kept[2])) / down], axis=1)
    sizes = 1 / (1 + np.exp(-kept[3:5].T))
    placed = np.concatenate([centres, sizes], axis=1).astype(np.float32)
    return Detected(from_centres(placed), scores[sure], classes[sure])
