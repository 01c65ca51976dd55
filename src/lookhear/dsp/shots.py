"""How frames of a film differ: the curves in which transitions between shots show.

Frames are small, (n, 3, height, width) uint8, luma and chroma over the full range. Means over a grid of 9 x 16 cells
(turned for upright films) ignore grain and small movement; colour histograms ignore where things are; the plain
difference of pixels sees what both miss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.float32]
CELLS = (9, 16)  #: rows and columns of a film that is wider than high
_STEPS = (32, 12, 12)  # of luma and both chromas
_CHROMA = 4.0  # chroma spans less of its range than luma


@dataclass(frozen=True)
class Signals:
    """Of n frames, levels of 255."""

    cells: Cells  #: (n, 3 * 144) means of luma and chromas in cells
    histogram: Cells  #: (n, 56) shares of pixels, luma and chromas; each channel adds up to 1
    change: NDArray[np.float32]  #: (n,) mean absolute difference of luma to the frame before, 0 for the very first
    matched: NDArray[np.float32]  #: (n,) the same where the frame before is shifted to fit best
    columns: Cells  #: (n, about 64) means of luma in upright strips, without the mean of the frame
    rows: Cells  #: (n, about 36) the same in level strips
    detail: NDArray[np.float32]  #: (n,) mean absolute difference of neighbouring pixels
    spread: NDArray[np.float32]  #: (n,) standard deviation of luma

    @property
    def wide(self) -> bool:
        """Are the cells those of a film that is at least as wide as high?"""
        return bool(self.columns.shape[1] >= self.rows.shape[1])

    def __len__(self) -> int:
        return len(self.change)


def signals(yuv: NDArray[np.uint8], before: NDArray[np.uint8] | None) -> Signals:
    """Of a run of frames; ``before``: luma of the frame before it, None at the beginning."""
    count, _, height, width = yuv.shape
    luma = yuv[:, 0].astype(np.int16)
    previous = np.concatenate([luma[:1] if before is None else before[None].astype(np.int16), luma[:-1]])
    pixels = height * width
    change = (np.abs(luma - previous).sum(axis=(1, 2), dtype=np.int64) / pixels).astype(np.float32)
    return Signals(
        cells=_cells(yuv),
        histogram=_histogram(yuv),
        change=change,
        matched=_matched(luma, previous, change),
        columns=_strips(luma.mean(axis=1, dtype=np.float32)),
        rows=_strips(luma.mean(axis=2, dtype=np.float32)),
        detail=(np.abs(luma[:, :, 1:] - luma[:, :, :-1]).sum(axis=(1, 2), dtype=np.int64) / pixels).astype(np.float32),
        spread=luma.reshape(count, -1).std(axis=1, dtype=np.float64).astype(np.float32),
    )


def _matched(luma: NDArray[np.int16], previous: NDArray[np.int16], change: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean difference of the middle where the frame before is shifted as rows and columns fit best; at most ``change``.

    What a moving camera leaves. Shifts reach a sixth of the frame.
    """
    height, width = luma.shape[1:]
    down, across = height // 6, width // 6
    y = _shift(luma.mean(axis=2, dtype=np.float32), previous.mean(axis=2, dtype=np.float32), down)
    x = _shift(luma.mean(axis=1, dtype=np.float32), previous.mean(axis=1, dtype=np.float32), across)
    left = change.copy()
    for i in np.flatnonzero((x != 0) | (y != 0)).tolist():
        middle = luma[i, down : height - down, across : width - across]
        top, side = down + int(y[i]), across + int(x[i])
        other = previous[i, top : top + middle.shape[0], side : side + middle.shape[1]]
        left[i] = min(left[i], float(np.abs(middle - other).mean()))
    return left


def _strips(means: Cells) -> Cells:
    """Means of neighbouring pairs, less the mean of all."""
    pairs = means[:, : means.shape[1] // 2 * 2].reshape(len(means), -1, 2).mean(axis=2)
    return np.asarray(pairs - pairs.mean(axis=1, keepdims=True))


def _shift(now: Cells, then: Cells, most: int) -> NDArray[np.intp]:
    """(n,) by how much ``then``, (n, length), is to be shifted to fit the middle of ``now`` best."""
    if most < 1:
        return np.zeros(len(now), np.intp)
    length = now.shape[1] - 2 * most
    windows = np.lib.stride_tricks.sliding_window_view(then, length, axis=1)
    apart = windows - now[:, None, most : most + length]
    apart -= apart.mean(axis=2, keepdims=True)
    return np.asarray(np.abs(apart).mean(axis=2).argmin(axis=1) - most)


def _cells(yuv: NDArray[np.uint8]) -> Cells:
    count, _, height, width = yuv.shape
    rows, columns = CELLS if width >= height else CELLS[::-1]
    chroma = _means(yuv[:, 1:, ::2, ::2], rows, columns)  # which is half as fine in nearly all films
    means = np.concatenate([_means(yuv[:, :1], rows, columns), chroma], axis=1)
    return np.asarray(means.reshape(count, -1), np.float32)


def _means(planes: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.floating]:
    """(n, planes, rows, columns); of planes with less of either, neighbouring cells share pixels."""
    height, width = planes.shape[2:]
    top, left = (np.arange(count) * length // count for count, length in ((rows, height), (columns, width)))
    sums = np.add.reduceat(planes, top, axis=2, dtype=np.uint16)
    sums = np.add.reduceat(sums, left, axis=3, dtype=np.uint32)
    tall, wide = np.diff(top, append=height).clip(1), np.diff(left, append=width).clip(1)
    return np.asarray(sums / (tall[:, None] * wide[None, :]).astype(np.float32))


def _histogram(yuv: NDArray[np.uint8]) -> Cells:
    count = len(yuv)
    parts = []
    for channel, steps in enumerate(_STEPS):
        values = yuv[:, channel, ::2, ::2].reshape(count, -1)  # a quarter of the pixels tells as much
        if channel:  # chroma keeps to the middle of its range
            bins = np.clip((values.astype(np.int16) - 128) * int(_CHROMA) // (256 // steps) + steps // 2, 0, steps - 1)
        else:
            bins = values >> 3
        index = bins + (np.arange(count) * steps)[:, None]
        found = np.bincount(index.ravel(), minlength=count * steps).reshape(count, steps)
        parts.append(found.astype(np.float32) / values.shape[1])
    return np.concatenate(parts, axis=1)
