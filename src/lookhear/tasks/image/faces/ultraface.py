"""UltraFace: faces without landmarks, from a small picture of fixed size.

Linzaer, "Ultra-Light-Fast-Generic-Face-Detector-1MB" (2019). The picture is RGB, (x - 127) / 128, squeezed to the size of
the network; boxes come as fractions of it, already moved from their priors.
"""

from __future__ import annotations

from lookhear.models.shelf import Model
from lookhear.tasks.detections import Detected, Pixels, planes, resized


def detect(model: Model, pixels: Pixels, side: int, least: float) -> Detected:
    """The priors that are at least so sure. The network's size is fixed, whatever ``side``."""
    height, width = (int(length) for length in model.card.facts["size"])
    scores, boxes = model.run({"input": planes(resized(pixels, height, width), mean=127, scale=1 / 128)})
    sure = scores[0, :, 1] >= least
    return Detected(boxes[0, sure], scores[0, sure, 1]).scaled(pixels.shape[1], pixels.shape[0])
