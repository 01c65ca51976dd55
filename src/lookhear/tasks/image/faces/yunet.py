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


def detect(model: Model, pixels: Pixels, side: int) -> Detected:
    """All cells with their scores. ``side``: pixels on the longer side that the network sees at most."""
    fixed = model.card.inputs["input"][2:]
    rows, columns = pixels.shape[:2]
    scale = min(1.0, side / max(rows, columns))
    if all(isinstance(length, int) for length in fixed):
        height, width = (int(length) for length in fixed)
        scale = min(height / rows, width / columns)
    small = resized(pixels, max(1, round(rows * scale)), max(1, round(columns * scale)))
    if not isinstance(fixed[0], int):
        height, width = (-(-length // 32) * 32 for length in small.shape[:2])
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    outputs = model.run({"input": planes(canvas, bgr=True)})
    found = decode(dict(zip(model.card.outputs, outputs, strict=False)), height, width)
    return found.scaled(columns / small.shape[1], rows / small.shape[0])


def decode(outputs: dict[str, FloatArray], height: int, width: int) -> Detected:
    """Boxes, scores and landmarks of all cells, in pixels of what the network saw."""
    boxes, scores, points = [], [], []
    for stride in _STRIDES:
        down, across = height // stride, width // stride
        cells = np.stack(np.meshgrid(np.arange(across), np.arange(down)), axis=-1).reshape(-1, 2).astype(np.float32)
        sure, there = (np.clip(outputs[f"{what}_{stride}"][0, :, 0], 0, 1) for what in ("cls", "obj"))
        place = outputs[f"bbox_{stride}"][0]
        boxes.append(np.concatenate([cells + place[:, :2], np.exp(place[:, 2:])], axis=1) * stride)
        scores.append(np.sqrt(sure * there))
        points.append((cells[:, None] + outputs[f"kps_{stride}"][0].reshape(-1, 5, 2)) * stride)
    return Detected(from_centres(np.concatenate(boxes)), np.concatenate(scores), None, np.concatenate(points))
