"""Every frame of a film, small: scaled at once, handed on in runs.

FFmpeg's exact scaling of large frames costs a tenth of decoding. Of those it gives a few times the size by sampling, and
means of that are taken: of a film of 1280 x 720, of 4 pixels in 100.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

from lookhear.media.forms import Frames
from lookhear.media.seen import Seen
from lookhear.media.vectors import Vectors

BATCH = 32
_AREA = 128 * 72  # pixels of a small frame, about
_EXACT = 500_000  # pixels of a frame up to which all are taken
_WIDEST = 6  # pixels of the film between those that are sampled


class SmallFrames:
    """Collects small frames until a batch is full; the last waits for the next, which tells how long it is shown."""

    def __init__(self, seen: Seen, motion: bool) -> None:
        self._seen = seen
        self._vectors = Vectors() if motion else None
        self._start = 0
        self._times: list[float] = []
        self._frames: list[NDArray[np.uint8]] = []
        self._motion: list[NDArray[np.float32]] = []
        self._reformatter = VideoReformatter()
        self._size = (0, 0)
        self._finer = 1

    def add(self, index: int, time: float, frame: VideoFrame) -> Iterator[Frames]:
        """Take a frame; a full batch where it begins another."""
        if not index:
            self._measure()
        if len(self._frames) == BATCH:
            yield self._batch(time)
            self._start = index
        self._times.append(time)
        self._frames.append(self._reduce(frame))
        if self._vectors is not None:
            self._motion.append(self._vectors.of(frame, time, self._seen))

    def finish(self, end: float) -> Iterator[Frames]:
        """The rest."""
        if self._frames:
            yield self._batch(end)

    def _measure(self) -> None:
        """How large frames become, and how many times larger they are sampled."""
        width, height = self._seen.size
        if self._seen.rotation % 180:
            width, height = height, width
        scale = (_AREA / (width * height)) ** 0.5
        self._size = max(8, round(width * scale)), max(8, round(height * scale))
        if self._seen.width * self._seen.height > _EXACT:
            apart = max(self._seen.width / self._size[0], self._seen.height / self._size[1])
            self._finer = 2 if apart <= 2 * _WIDEST else 4

    def _reduce(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """(3, height, width) as stored."""
        width, height = self._size
        finer = self._finer
        sampled = self._reformatter.reformat(
            frame,
            finer * width,
            finer * height,
            "yuv444p" if finer == 1 else "yuv420p",
            interpolation=Interpolation.AREA if finer == 1 else Interpolation.FAST_BILINEAR,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        small = np.empty((3, height, width), np.uint8)
        for plane, to in zip(sampled.planes, small, strict=True):
            values = np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width]  # type: ignore[call-overload]
            while values.shape != to.shape:
                values = _halved(values)
            to[:] = values
        return small

    def _batch(self, end: float) -> Frames:
        times = np.array(self._times)
        turned = np.rot90(np.stack(self._frames), -self._seen.rotation // 90, axes=(2, 3))
        yuv = np.ascontiguousarray(turned)
        yuv.flags.writeable = False
        motion = None if self._vectors is None else np.stack(self._motion)
        seconds = np.diff(times, append=max(end, self._times[-1]))
        self._times, self._frames, self._motion = [], [], []
        return Frames(self._start, times, seconds, yuv, motion)


def _halved(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Means of 2 x 2 pixels of a plane whose sides are even."""
    pairs = plane.view(np.uint16)  # of two neighbours
    across = pairs & 255
    across += pairs >> 8
    both = across[::2] + across[1::2]
    both += 2
    both >>= 2
    return both.astype(np.uint8)
