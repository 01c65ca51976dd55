"""Frames that are wanted as pictures: which, and in which colours and size."""

from __future__ import annotations

import numpy as np
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from lookhear.media.forms import Picture, Sampling
from lookhear.media.planes import UNSPECIFIED, apart, middle
from lookhear.media.seen import Seen

_CROP = (480, 640)
_HD = 720  # lines from which colours that are not labelled are taken for BT.709, as players do
_PATIENCE = 0.25  # of the time between two pictures, for one that encoders do not save at


class Sampler:
    """Picks frames and turns them into RGB."""

    def __init__(self, sampling: Sampling, duration: float | None) -> None:
        self.sampling = sampling
        self._every = max(sampling.seconds, 1e-3)
        if sampling.most and duration:
            self._every = max(self._every, duration / sampling.most)
        self._due = 0
        self._chosen = frozenset(sampling.at or ())
        self._last = max(sampling.at) if sampling.at else None
        self._reformatter = VideoReformatter()

    def over(self, index: int) -> bool:
        """Is none of the frames from this one on wanted?"""
        return self._last is not None and index > self._last

    def due(self, index: int, time: float, frame: VideoFrame) -> bool:
        """Is this frame one of those wanted?"""
        if self.sampling.at is not None:
            return index in self._chosen
        if self.sampling.frames is not None:
            return index % self.sampling.frames == 0
        late = time - self._due * self._every
        if late < -1e-6:
            return False
        if self.sampling.side is None and frame.pict_type == PictureType.B and late < _PATIENCE * self._every:
            return False
        self._due = int((time + 1e-6) // self._every) + 1
        return True

    def picture(self, index: int, time: float, frame: VideoFrame, seen: Seen) -> Picture:
        """Upright."""
        pixels = np.ascontiguousarray(np.rot90(self._convert(frame, seen), -seen.rotation // 90))
        pixels.flags.writeable = False
        return Picture(pixels, False, index, time)

    def _convert(self, frame: VideoFrame, seen: Seen) -> NDArray[np.uint8]:
        """(height, width, 3) as stored: not yet turned."""
        hd = frame.height >= _HD and frame.colorspace == UNSPECIFIED
        side = self.sampling.side
        if side is None and apart(frame):
            frame = middle(frame, *_CROP[::-1])
        width, height = frame.width, frame.height
        if side is not None:
            width = max(1, round(width * seen.sample_aspect_ratio))
            scale = min(1.0, side / max(width, height))
            width, height = max(1, round(width * scale)), max(1, round(height * scale))
        rgb: NDArray[np.uint8] = self._reformatter.reformat(
            frame,
            width,
            height,
            "rgb24",
            src_colorspace=Colorspace.ITU709 if hd else None,
            interpolation=Interpolation.AREA,
            threads=1,
        ).to_ndarray()  # type: ignore[assignment]
        if side is not None:
            return rgb
        top, left = max(0, (height - _CROP[0]) // 2), max(0, (width - _CROP[1]) // 2)
        return np.asarray(rgb[top : top + _CROP[0], left : left + _CROP[1]])
