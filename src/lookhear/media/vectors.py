"""What the codec's motion vectors say of frames."""

from __future__ import annotations

import numpy as np
from av.sidedata.motionvectors import MotionVectors
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import PictureType, VideoFrame
from numpy.typing import NDArray

from lookhear.media.seen import Seen

_MOST = 240  # of a frame
_LAYOUT = np.dtype(  # AVMotionVector
    [
        ("source", "i4"),
        ("w", "u1"),
        ("h", "u1"),
        *((name, "i2") for name in ("src_x", "src_y", "dst_x", "dst_y")),
        ("flags", "u8"),
        ("motion_x", "i4"),
        ("motion_y", "i4"),
        ("motion_scale", "u2"),
    ],
    align=True,
)


class Vectors:
    """Of P frames, which point back to the latest I or P frame; how far B frames point is not told."""

    def __init__(self, seen: Seen, most: int) -> None:
        self._seen = seen
        self._most = most  # frames between two calls of ``finish``
        self._anchor: float | None = None  # s, of the latest frame that others are predicted from
        self._begin()

    def _begin(self) -> None:
        self._frames = 0
        self._taken = np.zeros((self._most, _MOST), _LAYOUT)
        self._told: list[
            tuple[int, float, float]
        ] = []  # frame, s back to what it points to, its area by a vector taken

    def add(self, frame: VideoFrame, time: float, settled: bool) -> None:
        """The next frame: keep some of its vectors, if they are ``settled``."""
        place, self._frames = self._frames, self._frames + 1
        if frame.pict_type == PictureType.B:
            return
        anchor, self._anchor = self._anchor, time
        if not settled or frame.pict_type != PictureType.P or anchor is None or time <= anchor:
            return
        # one of our own: the frame's would refer to it, and keep it until garbage is collected
        found = SideDataContainer(frame).get("MOTION_VECTORS")  # type: ignore[call-arg]
        if not isinstance(found, MotionVectors):
            return
        vectors = np.frombuffer(found, _LAYOUT)  # type: ignore[call-overload]
        stride = 1 + len(vectors) // _MOST  # they come row by row: every so many of them say as much
        some = vectors[::stride]
        self._taken[len(self._told), : len(some)] = some
        self._told.append((place, time - anchor, frame.width * frame.height / stride))

    def finish(self) -> NDArray[np.float32]:
        """(n, 4) as Frames.motion, of the frames since the last call."""
        motion = np.full((self._frames, 4), np.nan, np.float32)
        if self._told:
            places, gaps, areas = zip(*self._told, strict=True)
            motion[list(places)] = self._measure(np.array(gaps)[:, None], np.array(areas))
        self._begin()
        return motion

    def _measure(self, gaps: NDArray[np.float64], areas: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 4). Vectors are about frames as stored: turned upright here, with square pixels."""
        vectors = self._taken[: len(gaps)]
        back = vectors["source"] < 0
        scale = -1 / (np.maximum(vectors["motion_scale"], 1) * (self._seen.size[0] * gaps))
        across, down = vectors["motion_x"] * scale * self._seen.sample_aspect_ratio, vectors["motion_y"] * scale
        for _ in range(self._seen.rotation // 90):
            across, down = -down, across
        area = np.where(back, vectors["w"].astype(np.float64) * vectors["h"], 0)
        total = area.sum(axis=1)
        mean = (np.hypot(across, down) * area).sum(axis=1) / np.maximum(total, 1)
        return np.stack([_medians(across, back), _medians(down, back), mean, (total / areas).clip(max=1)], axis=1)


def _medians(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of what is known in each row; 0 where nothing is."""
    ordered = np.sort(np.where(known, values, np.inf), axis=1)
    many, row = known.sum(axis=1), np.arange(len(values))
    middle = (ordered[row, (many - 1).clip(0) // 2] + ordered[row, many // 2]) / 2
    return np.where(many > 0, middle, 0)
