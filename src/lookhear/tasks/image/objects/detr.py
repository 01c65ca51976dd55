"""Transformers that answer with a set of boxes: DETR, RT-DETR, D-FINE, RF-DETR. Nothing is left to suppress.

Carion et al., "End-to-End Object Detection with Transformers", ECCV 2020; Zhao et al., "DETRs Beat YOLOs on Real-time
Object Detection", CVPR 2024; Peng et al., "D-FINE", ICLR 2025. The picture is RGB, 0 to 1, squeezed to the network's size,
normalized where the card says so. A query gives centre and size as fractions of the picture, and logits: by softmax, the
last of them for "nothing" (DETR), or each on its own by sigmoid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.boxes import from_centres
from lookhear.media.forms import FloatArray
from lookhear.models.shelf import Model
from lookhear.tasks.detections import Detected, Pixels, planes, resized


def detect(model: Model, pixels: Pixels, least: float) -> Detected:
    """The queries that are at least so sure of a class, in pixels of the picture."""
    facts = model.card.facts
    height, width = (int(length) for length in facts["size"])
    picture = planes(resized(pixels, height, width), scale=1 / 255)
    if "mean" in facts:
        mean, deviation = (np.array(facts[name], np.float32).reshape(3, 1, 1) for name in ("mean", "std"))
        picture = (picture - mean) / deviation
    feeds: dict[str, NDArray[np.generic]] = {"pixel_values": picture}
    if "pixel_mask" in model.card.inputs:
        mask = model.card.inputs["pixel_mask"][1:]
        feeds["pixel_mask"] = np.ones((1, *(length if isinstance(length, int) else 64 for length in mask)), np.int64)
    by_name = dict(zip(model.card.outputs, model.run(feeds), strict=False))
    found = decode(by_name["logits"][0], by_name["pred_boxes"][0], least, softmax=bool(facts.get("softmax")))
    return found.scaled(pixels.shape[1], pixels.shape[0])


def decode(logits: FloatArray, boxes: FloatArray, least: float, *, softmax: bool = False) -> Detected:
    """``logits``: (queries, classes); ``boxes``: (queries, 4). Boxes as fractions of the picture."""
    if softmax:
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = (raised / raised.sum(axis=1, keepdims=True))[:, :-1]
    else:
        scores = 1 / (1 + np.exp(-logits.astype(np.float64)))
    classes = scores.argmax(axis=1)
    best = scores[np.arange(len(scores)), classes].astype(np.float32)
    sure = best >= least
    return Detected(from_centres(boxes[sure]), best[sure], classes[sure])
