"""Frames as the decoder left them: planes of luma and chroma, of numbers of one or two bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import DTypeLike, NDArray

_COARSEST = 4  # pixels that share a chroma, across or down
# of ISO/IEC 23091-2
UNSPECIFIED, _BT2020 = 2, 9
_MATRICES = frozenset({0, 1, 2, 4, 5, 6, 7, 9})  # those that FFmpeg's scaler knows
_NEAREST = {10: _BT2020, 14: _BT2020}  # of constant luminance, of ICtCp


def relabel(frame: VideoFrame) -> None:
    """Give a frame whose matrix FFmpeg's scaler refuses the nearest that it knows."""
    if int(frame.colorspace) not in _MATRICES:
        frame.colorspace = _NEAREST.get(int(frame.colorspace), UNSPECIFIED)


def lines(plane: VideoPlane, kind: DTypeLike = np.uint8) -> NDArray[Any]:
    """(lines, numbers) of a plane, not copied; with what pads lines at their ends."""
    return np.frombuffer(plane, kind).reshape(plane.height, -1)  # type: ignore[call-overload,no-any-return]


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
        part = lines(plane)[top // down :, left // across * size :]
        lines(to)[:, : to.width * size] = part[: to.height, : to.width * size]
    return cut
