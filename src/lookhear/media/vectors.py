"""What the codec's motion vectors say of a frame."""

from __future__ import annotations

import numpy as np
from av.sidedata.motionvectors import MotionVectors
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import PictureType, VideoFrame
from numpy.typing import NDArray

from lookhear.media.seen import Seen

_MOST = 240  # of a frame
_UNKNOWN = np.full(4, np.nan, np.float32)


class Vectors:
    """Of P frames, which point back to the latest I or P frame; how far B frames point is not told."""

    def __init__(self) -> None:
        self._anchor: float | None = None  # s, of the latest frame that others are predicted from

    def of(self, frame: VideoFrame, time: float, seen: Seen) -> NDArray[np.float32]:
        """(4,) as Frames.motion; vectors are about the frame as stored: turned upright here, with square pixels."""
        if frame.pict_type == PictureType.B:
            return _UNKNOWN
        anchor, self._anchor = self._anchor, time
        if frame.pict_type != PictureType.P or anchor is None or time <= anchor:
            return _UNKNOWN
        # one of our own: the frame's would refer to it, and keep it until garbage is collected
        found = SideDataContainer(frame).get("MOTION_VECTORS")  # type: ignore[call-arg]
        if not isinstance(found, MotionVectors):
            return _UNKNOWN
        vectors = found.to_ndarray()
        stride = 1 + len(vectors) // _MOST  # they come row by row: every so many of them say as much
        vectors = vectors[::stride][vectors["source"][::stride] < 0]
        if not len(vectors):
            return np.array([0, 0, 0, 0], np.float32)
        scale = -1 / (vectors["motion_scale"].astype(np.float32) * np.float32(seen.size[0] * (time - anchor)))
        across, down = vectors["motion_x"] * scale * np.float32(seen.sample_aspect_ratio), vectors["motion_y"] * scale
        for _ in range(seen.rotation // 90):
            across, down = -down, across
        area = vectors["w"].astype(np.float32) * vectors["h"]
        total = float(area.sum())
        mean = float((np.hypot(across, down) * area).sum()) / total
        share = min(1.0, stride * total / (frame.width * frame.height))
        return np.array([_median(across), _median(down), mean, share], np.float32)


def _median(values: NDArray[np.floating]) -> float:
    """As np.median, without what that takes for a few hundred numbers."""
    ordered = np.sort(values)
    middle = len(ordered) // 2
    return float(ordered[middle] + ordered[~middle]) / 2
