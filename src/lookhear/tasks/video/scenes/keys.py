"""The frame that shows a scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_EDGE = 0.1  # share of a scene at either end that is still settling


def key_frame(change: NDArray[np.floating], detail: NDArray[np.floating], first: int, last: int) -> int:
    """Of frames ``first`` to before ``last``: one with much detail and little movement, rather near the middle.

    ``change``: (n,) mean difference of each frame to the one before, ``detail``: (n,) of neighbouring pixels, in levels.
    """
    margin = int((last - first) * _EDGE)
    low, high = first + margin, max(first + margin + 1, last - margin)
    place = (np.arange(low, high) - (low + high - 1) / 2) / max(1, high - low)
    before, sharp = change[low:high].astype(np.float32), detail[low:high].astype(np.float32)
    moved = np.maximum(before, np.append(before[1:], 0))  # from the frame before, to the next
    worth = np.log(sharp + 1) - 0.3 * np.log(moved + 1) - place**2
    return low + int(np.argmax(worth))
