"""How the coarse pictures of frames are compared: cells as in Signals, at frames that are held within the film."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]
Floats = NDArray[np.float32]
Index = NDArray[np.intp]


def at(values: Floats, index: Index) -> Floats:
    """Values at an index that is held within the film."""
    return np.asarray(values[np.clip(index, 0, len(values) - 1)])


def apart(values: Floats, one: Index, other: Index) -> Floats:
    """Mean differences of rows of values."""
    return np.asarray(np.abs(at(values, one) - at(values, other)).mean(axis=-1))


def level(cells: Floats) -> Floats:
    """Cells without the brightness of the whole, so that a change of light is none."""
    luma = cells[:, :144]
    return np.asarray(np.concatenate([luma - luma.mean(axis=1, keepdims=True), 2 * cells[:, 144:]], axis=1))


def shape_of(cells: Floats) -> Floats:
    """Luma of the cells as if all pictures were equally bright and rich in contrast: a change of light is hardly any."""
    luma = cells[:, :144]
    spread = luma.std(axis=1, keepdims=True)
    return np.asarray((luma - luma.mean(axis=1, keepdims=True)) * (30 / (spread + 3)))
