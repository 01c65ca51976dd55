"""How frames of a film differ: the curves in which transitions between shots show.

Frames are small, as in lookhear.media.forms.Frames. Means over a grid of 9 x 16 cells
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


def signals(levels: NDArray[np.uint8], chroma: NDArray[np.uint8], before: NDArray[np.uint8] | None) -> Signals:
    """Of a run of frames, (n, height, width) luma and (n, 2, rows, columns) chroma of half as many, over the full range.

    ``before``: luma of the frame before it, None at the beginning.
    """
    count, height, width = levels.shape
    both = np.empty((count + 1, height, width), np.int16)
    both[0], both[1:] = levels[0] if before is None else before, levels
    luma, previous = both[1:], both[:-1]
    pixels = height * width
    change = (np.abs(luma - previous).sum(axis=(1, 2), dtype=np.int32) / pixels).astype(np.float32)
    columns, rows = (both.mean(axis=axis, dtype=np.float32) for axis in (1, 2))
    return Signals(
        cells=_cells(levels, chroma),
        histogram=_histogram(levels, chroma),
        change=change,
        matched=_matched(luma, previous, change, columns, rows),
        columns=_strips(columns[1:]),
        rows=_strips(rows[1:]),
        detail=(np.abs(luma[:, :, 1:] - luma[:, :, :-1]).sum(axis=(1, 2), dtype=np.int32) / pixels).astype(np.float32),
        spread=_spread(luma.reshape(count, -1)),
    )


def _spread(luma: NDArray[np.int16]) -> NDArray[np.float32]:
    """Standard deviations of rows; squares of what lies about a whole number near the mean add up exactly enough."""
    apart = luma - np.rint(luma.mean(axis=1, dtype=np.float32)).astype(np.int16)[:, None]
    values = apart.astype(np.float32)
    square = np.einsum("ij,ij->i", values, values) / values.shape[1]
    return np.asarray(np.sqrt(np.maximum(square - values.mean(axis=1) ** 2, 0)))


def _matched(
    luma: NDArray[np.int16],
    previous: NDArray[np.int16],
    change: NDArray[np.float32],
    columns: Cells,
    rows: Cells,
) -> NDArray[np.float32]:
    """Mean difference of the middle where the frame before is shifted as rows and columns fit best; at most ``change``.

    What a moving camera leaves. Shifts reach a sixth of the frame. ``columns``, ``rows``: means, (n + 1), from the frame
    before on.
    """
    height, width = luma.shape[1:]
    down, across = height // 6, width // 6
    y, x = _shift(rows, down), _shift(columns, across)
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


def _shift(means: Cells, most: int) -> NDArray[np.intp]:
    """(n,) by how much each row of (n + 1, length) is to be shifted to fit the middle of the next best."""
    if most < 1:
        return np.zeros(len(means) - 1, np.intp)
    length = means.shape[1] - 2 * most
    windows = np.lib.stride_tricks.sliding_window_view(means[:-1], length, axis=1)
    apart = windows - means[1:, None, most : most + length]
    apart -= apart.mean(axis=2, keepdims=True)
    return np.asarray(np.abs(apart, out=apart).sum(axis=2).argmin(axis=1) - most)


def _cells(luma: NDArray[np.uint8], chroma: NDArray[np.uint8]) -> Cells:
    count, height, width = luma.shape
    rows, columns = CELLS if width >= height else CELLS[::-1]
    means = np.concatenate([_means(planes, rows, columns) for planes in (luma[:, None], chroma)], axis=1)
    return np.asarray(means.reshape(count, -1), np.float32)


def _means(planes: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.floating]:
    """(n, planes, rows, columns); of planes with less of either, neighbouring cells share pixels."""
    height, width = planes.shape[2:]
    top, left = (np.arange(count) * length // count for count, length in ((rows, height), (columns, width)))
    tall, wide = np.diff(top, append=height).clip(1), np.diff(left, append=width).clip(1)
    kind = np.uint16 if tall.max() <= 257 else np.uint32  # levels of so many rows
    bands = [planes[:, :, y : y + high].sum(axis=2, dtype=kind) for y, high in zip(top, tall, strict=True)]
    edges = np.zeros((*planes.shape[:2], rows, width + 1), np.uint32)
    np.cumsum(np.stack(bands, axis=2), axis=3, out=edges[..., 1:])
    sums = edges[..., left + wide] - edges[..., left]
    return np.asarray(sums / (tall[:, None] * wide[None, :]).astype(np.float32))


def _bins(channel: int, steps: int) -> NDArray[np.intp]:
    """(256,) the step that a level belongs to; chroma keeps to the middle of its range."""
    levels = np.arange(256)
    if not channel:
        return levels * steps // 256
    return np.clip((levels - 128) * int(_CHROMA) // (256 // steps) + steps // 2, 0, steps - 1)


_EDGES = [np.flatnonzero(np.diff(_bins(channel, steps), prepend=-1)) for channel, steps in enumerate(_STEPS)]


def _histogram(luma: NDArray[np.uint8], chroma: NDArray[np.uint8]) -> Cells:
    count = len(luma)
    frame = np.arange(0, 256 * count, 256)[:, None]
    parts = []
    planes = luma[:, ::4, ::4], chroma[:, 0, ::2, ::2], chroma[:, 1, ::2, ::2]  # a quarter of the pixels tells as much
    for plane, edges in zip(planes, _EDGES, strict=True):
        values = plane.reshape(count, -1)
        found = np.bincount((values + frame).ravel(), minlength=256 * count).reshape(count, 256)
        parts.append(np.add.reduceat(found, edges, axis=1).astype(np.float32) / values.shape[1])
    return np.concatenate(parts, axis=1)
