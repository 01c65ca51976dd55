"""Pictures made smaller: the mean over each cell of an even grid, whose edges may cut pixels.

Turning or mirroring the picture turns or mirrors the result: no corner is favoured.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LUMA = np.array([0.299, 0.587, 0.114])  #: of red, green, blue; ITU-R BT.601


def grey(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(height, width) luma of (height, width, 3) pixels, in levels."""
    return np.asarray(pixels @ LUMA.astype(np.float32))


def area_means(values: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """(rows, columns) or (rows, columns, channels) of (height, width) or (height, width, channels)."""
    across = np.tensordot(_shares(values.shape[0], rows), values, axes=(1, 0))
    return np.asarray(np.moveaxis(np.tensordot(_shares(values.shape[1], columns), across, axes=(1, 1)), 0, 1))


def _shares(size: int, cells: int) -> NDArray[np.float64]:
    """(cells, size): the share of each pixel in each cell's mean."""
    edges = np.linspace(0, size, cells + 1)
    at = np.arange(size)
    inside = np.minimum(at[None, :] + 1, edges[1:, None]) - np.maximum(at[None, :], edges[:-1, None])
    return np.asarray(np.maximum(inside, 0) / (size / cells))


def reduced_size(height: int, width: int, longest: int) -> tuple[int, int]:
    """(rows, columns) of a picture reduced to ``longest`` on its longer side; never more than it has."""
    scale = min(1.0, longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
