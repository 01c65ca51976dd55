"""YuNet: anchor-free, three strides, five landmarks.

Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20 (2023). The picture is BGR,
0 to 255. A cell of a grid says how sure it is (two factors), where the face's centre lies from the cell, and how large
it is in logarithms of strides.
"""

from __future__ import annotations

import numpy as np

from lookhear.dsp.boxes import from_centres
from lookhear.media.forms import FloatArray
from lookhear.models.shelf import Model
from lookhear.tasks.detections import Detected, Pixels, planes, resized

_STRIDES = (8, 16, 32)


def detect(model: Model, pixels: Pixels, side: int, least: float) -> Detected:
    """Cells that are at least so sure. ``side``: pixels on the longer side that the network sees at most."""
    fixed = model.card.facts.get("size")
    rows, columns = pixels.shape[:2]
    if fixed:
        height, width = (int(length) for length in fixed)
        scale = min(height / rows, width / columns)
    else:
        scale = min(1.0, side / max(rows, columns))
    small = resized(pixels, max(1, round(rows * scale)), max(1, round(columns * scale)))
    if not fixed:
        height, width = (-(-length // 32) * 32 for length in small.shape[:2])
    outputs = model.run({"input": planes(_padded(small, height, width), bgr=True)})
    found = decode(dict(zip(model.card.outputs, outputs, strict=False)), height, width, least)
    return found.scaled(columns / small.shape[1], rows / small.shape[0])


def _padded(pixels: Pixels, height: int, width: int) -> Pixels:
    """Black to the right and below."""
    if pixels.shape[:2] == (height, width):
        return pixels
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[: pixels.shape[0], : pixels.shape[1]] = pixels
    return canvas


def decode(outputs: dict[str, FloatArray], height: int, width: int, least: float) -> Detected:
    """Boxes, scores and landmarks of the cells that are at least so sure, in pixels of what the network saw."""
    boxes, scores, points = [], [], []
    for stride in _STRIDES:
        across = width // stride
        sure, there = (np.clip(outputs[f"{what}_{stride}"][0, :, 0], 0, 1) for what in ("cls", "obj"))
        places = np.flatnonzero(sure * there >= least * least)
        cells = np.stack([places % across, places // across], axis=1).astype(np.float32)
        place = outputs[f"bbox_{stride}"][0, places]
        boxes.append(np.concatenate([cells + place[:, :2], np.exp(place[:, 2:])], axis=1) * stride)
        scores.append(np.sqrt(sure[places] * there[places]))
        points.append((cells[:, None] + outputs[f"kps_{stride}"][0, places].reshape(-1, 5, 2)) * stride)
    return Detected(from_centres(np.concatenate(boxes)), np.concatenate(scores), None, np.concatenate(points))
