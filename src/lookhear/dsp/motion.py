"""Movement between two small frames, for codecs that give no motion vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCK = 12  # pixels
_REACH = 5
_RESTING = 0.3  # levels per pixel of shift: flat blocks stay where they are


def block_motion(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(blocks, 2): how far, in pixels (right, down), each block of 12 x 12 came, at most 5 pixels each way.

    Full search by the sum of absolute differences (Jain and Jain, IEEE Trans. Commun. 1981) over (height, width) luma;
    empty for frames too small.
    """
    rows, columns = (after.shape[0] - 2 * _REACH) // _BLOCK, (after.shape[1] - 2 * _REACH) // _BLOCK
    if rows < 1 or columns < 1:
        return np.zeros((0, 2), np.float32)
    height, width = rows * _BLOCK, columns * _BLOCK
    here = after[_REACH : _REACH + height, _REACH : _REACH + width].astype(np.int16)
    there = before.astype(np.int16)
    shifts = [(x, y) for y in range(-_REACH, _REACH + 1) for x in range(-_REACH, _REACH + 1)]
    costs = np.empty((len(shifts), rows, columns), np.float32)
    for index, (x, y) in enumerate(shifts):
        other = there[_REACH - y : _REACH - y + height, _REACH - x : _REACH - x + width]
        gap = np.abs(here - other).reshape(rows, _BLOCK, columns, _BLOCK).sum(axis=(1, 3), dtype=np.int32)
        costs[index] = gap / (_BLOCK * _BLOCK) + _RESTING * (abs(x) + abs(y))
    return np.asarray(np.array(shifts, np.float32)[costs.argmin(axis=0).ravel()])
