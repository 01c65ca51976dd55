"""Frames as the decoder left them: planes of luma and chroma, of numbers of one or two bytes."""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame

_COARSEST = 4  # pixels that share a chroma, across or down


def apart(frame: VideoFrame) -> bool:
    """Are luma and both chromas planes by themselves, which begin with the top line?"""
    layout = frame.format
    if layout.is_rgb or layout.is_big_endian or [part.plane for part in layout.components[:3]] != [0, 1, 2]:
        return False
    return all(plane.line_size > 0 for plane in frame.planes)


def bytes_of(frame: VideoFrame) -> int:
    """Of each number."""
    return 1 if frame.format.components[0].bits == 8 else 2


def middle(frame: VideoFrame, width: int, height: int) -> VideoFrame:
    """The middle of a frame whose planes lie apart, at most so large; whole groups of 4 x 4 pixels are left out."""
    width, height = min(width, frame.width), min(height, frame.height)
    left, top = ((whole - part) // 2 & -_COARSEST for whole, part in ((frame.width, width), (frame.height, height)))
    cut = VideoFrame(width, height, frame.format.name)
    cut.colorspace, cut.color_range = frame.colorspace, frame.color_range
    size = bytes_of(frame)
    for plane, to in zip(frame.planes, cut.planes, strict=True):
        across, down = -(-frame.width // plane.width), -(-frame.height // plane.height)  # pixels that share a number
        lines = np.frombuffer(plane, np.uint8).reshape(plane.height, -1)  # type: ignore[call-overload]
        part = lines[top // down :, left // across * size :][: to.height, : to.width * size]
        np.frombuffer(to, np.uint8).reshape(to.height, -1)[:, : to.width * size] = part  # type: ignore[call-overload]
    return cut
