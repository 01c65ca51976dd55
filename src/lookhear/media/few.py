"""Large frames made small by a few of their pixels, taken from where the decoder left them.

To read all pixels of large frames costs a sixth of decoding them. Of each cell every pixel of a few short runs is taken:
of films of 1280 x 720, eight in a hundred.
"""

from __future__ import annotations

import math

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from lookhear.media.planes import apart, bytes_of, lines

_RUN = 4  # pixels, which are read as one number
_APART = 6, 13  # pixels between lines, and between runs in a line
_MOST = 5, 3  # lines and runs of a cell: sums of 12 bits stay within 16
_DEPTHS = range(8, 13)  # bits
_EVEN = np.uint32(0x00FF00FF)  # bytes of a run

Bytes = NDArray[np.uint8]


class FewPixels:
    """Makes frames of one layout small: luma and either chroma of the sizes (height, width), over the full range."""

    def __init__(self, frame: VideoFrame, luma: tuple[int, int], chroma: tuple[int, int]) -> None:
        bits = frame.format.components[0].bits
        self._kind = np.dtype(f"<u{_RUN * bytes_of(frame)}")
        most = min(_MOST[0], math.ceil(frame.height / luma[0] / _APART[0]))
        runs = min(_MOST[1], math.ceil(frame.width / luma[1] / _APART[1]))
        places: list[NDArray[np.intp]] = []
        self._tops, stored = [], 0
        for plane, (rows, columns) in zip(frame.planes, (luma, chroma, chroma), strict=False):
            down = -(-most // 2) if places else most  # lines of a cell: of chroma half as many
            top, left = _middles(rows * down, plane.height), _middles(columns * runs, plane.width // _RUN)
            line = plane.line_size // self._kind.itemsize
            here = stored + np.arange(len(top))[:, None] * line + left
            by_turns = here.reshape(rows, down, columns, runs).transpose(1, 3, 0, 2)
            places.append(by_turns.reshape(down * runs, rows * columns))
            self._tops.append((top, slice(stored, stored := stored + len(top) * line), line))
        self._lines = np.empty(stored, self._kind)
        both = np.concatenate(places[1:], axis=1)
        self._places = np.concatenate([places[0].ravel(), both.ravel()])
        self._taken = np.empty(self._places.shape, self._kind)
        self._parts = (
            self._taken[: places[0].size].reshape(places[0].shape),
            self._taken[places[0].size :].reshape(both.shape),
        )
        full = frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG
        self._meanings = [_meaning(_RUN * len(part), bits, full, number > 0) for number, part in enumerate(self._parts)]

    @staticmethod
    def layout(frame: VideoFrame) -> object:
        """What must be the same of frames to be read alike."""
        lines = tuple(plane.line_size for plane in frame.planes)
        return frame.format.name, frame.width, frame.height, int(frame.color_range), lines

    @staticmethod
    def suits(frame: VideoFrame) -> bool:
        """Can its numbers be read so?"""
        if not apart(frame) or frame.format.components[0].bits not in _DEPTHS or "msb" in frame.format.name:
            return False
        run = _RUN * bytes_of(frame)
        return all(plane.line_size % run == 0 and plane.width >= _RUN for plane in frame.planes[:3])

    def reduce(self, frame: VideoFrame, luma: Bytes, chroma: Bytes) -> None:
        """Write (height, width) and (2, rows, columns), as stored."""
        for plane, (top, here, line) in zip(frame.planes, self._tops, strict=False):
            to = self._lines[here].reshape(-1, line)
            lines(plane, self._kind).take(top, axis=0, out=to, mode="clip")  # in order: memory is slow
        taken = self._lines.take(self._places, out=self._taken, mode="clip")
        if self._kind.itemsize == _RUN:  # neighbours into 16 bits each
            odd = (taken >> 8) & _EVEN
            taken &= _EVEN
            taken += odd
        for part, meaning, to in zip(self._parts, self._meanings, (luma, chroma), strict=True):
            for other in part[1:]:
                part[0] += other
            halves = part[0].view(np.uint16)
            each = self._kind.itemsize // 2
            sums = halves[::each].astype(np.intp)
            for number in range(1, each):
                sums += halves[number::each]
            meaning.take(sums.reshape(to.shape), out=to, mode="clip")


def _middles(count: int, length: int) -> NDArray[np.intp]:
    """Of so many even parts of a length."""
    return np.asarray(((np.arange(count) + 0.5) * length / count).astype(np.intp))


def _meaning(count: int, bits: int, full: bool, chroma: bool) -> Bytes:
    """What sums of so many stored numbers mean, of 255: ITU-R BT.601 and BT.2100."""
    step, highest, middle = 1 << (bits - 8), (1 << bits) - 1, 128 if chroma else 0
    zero = middle * step if chroma or full else 16 * step
    span = highest if full else (224 if chroma else 219) * step
    means = np.arange(count * highest + 1) / count
    return np.clip(np.rint((means - zero) * 255 / span + middle), 0, 255).astype(np.uint8)
