"""Every frame of a film, small: scaled at once, handed on in runs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

from lookhear.media.few import FewPixels
from lookhear.media.forms import Frames
from lookhear.media.planes import lines
from lookhear.media.seen import Seen
from lookhear.media.vectors import Vectors

BATCH = 32
_AREA = 128 * 72  # pixels of a small frame, about
_LARGE = 500_000  # pixels of a frame from which a few are enough


class SmallFrames:
    """Collects small frames until a batch is full; the last waits for the next, which tells how long it is shown."""

    def __init__(self, seen: Seen, motion: bool) -> None:
        self._seen = seen
        self._vectors = Vectors(seen, BATCH) if motion else None
        self._start = 0
        self._times: list[float] = []
        self._reformatter = VideoReformatter()
        self._few: dict[object, FewPixels | None] = {}  # by layout
        self._size = (0, 0)

    def add(self, index: int, time: float, frame: VideoFrame, settled: bool = True) -> Iterator[Frames]:
        """Take a frame; a full batch where it begins another. ``settled``: may its motion vectors be trusted?"""
        if not index:
            self._measure()
            self._begin()
        if len(self._times) == BATCH:
            yield self._batch(time)
            self._start = index
            self._begin()
        place = len(self._times)
        self._reduce(frame, self._luma[place], self._chroma[place])
        self._times.append(time)
        if self._vectors is not None:
            self._vectors.add(frame, time, settled)

    def finish(self, end: float) -> Iterator[Frames]:
        """The rest."""
        if self._times:
            yield self._batch(end)

    def _measure(self) -> None:
        """How large frames become."""
        width, height = self._seen.size
        if self._seen.rotation % 180:
            width, height = height, width
        scale = (_AREA / (width * height)) ** 0.5
        self._size = max(8, round(width * scale)), max(8, round(height * scale))

    def _begin(self) -> None:
        width, height = self._size
        self._luma = np.empty((BATCH, height, width), np.uint8)
        self._chroma = np.empty((BATCH, 2, (height + 1) // 2, (width + 1) // 2), np.uint8)
        self._times = []

    def _reduce(self, frame: VideoFrame, luma: NDArray[np.uint8], chroma: NDArray[np.uint8]) -> None:
        """Write luma and chromas as stored."""
        few = self._few_of(frame) if frame.width * frame.height > _LARGE else None
        if few is not None:
            few.reduce(frame, luma, chroma)
            return
        scaled = self._reformatter.reformat(
            frame,
            *self._size,
            "yuv420p",
            interpolation=Interpolation.AREA,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        for plane, to in zip(scaled.planes, (luma, *chroma), strict=True):
            to[:] = lines(plane)[:, : plane.width]

    def _few_of(self, frame: VideoFrame) -> FewPixels | None:
        """What fits the frame's layout, which may change; None where nothing does."""
        layout = FewPixels.layout(frame)
        if layout not in self._few:
            sizes = self._luma.shape[1:], self._chroma.shape[2:]
            self._few = {layout: FewPixels(frame, *sizes) if FewPixels.suits(frame) else None}
        return self._few[layout]

    def _batch(self, end: float) -> Frames:
        times = np.array(self._times)
        count, turns = len(times), -self._seen.rotation // 90
        luma, chroma = (
            np.ascontiguousarray(np.rot90(planes[:count], turns, axes=(-2, -1)))
            for planes in (self._luma, self._chroma)
        )
        luma.flags.writeable = chroma.flags.writeable = False
        motion = None if self._vectors is None else self._vectors.finish()
        seconds = np.diff(times, append=max(end, self._times[-1]))
        return Frames(self._start, times, seconds, luma, chroma, motion)
