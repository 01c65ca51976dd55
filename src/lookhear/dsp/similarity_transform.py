"""The turn, scale and shift that bring one set of points nearest to another.

Method: Umeyama, "Least-Squares Estimation of Transformation Parameters Between Two Point Patterns", IEEE PAMI 13 (1991).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def similarity(source: Doubles, target: Doubles) -> Doubles | None:
    """(2, 3): ``target`` is nearly the matrix times (x, y, 1) of ``source``, both (n, 2), without mirroring.

    None where all points of ``source`` are one.
    """
    means = source.mean(axis=0), target.mean(axis=0)
    moved = source - means[0], target - means[1]
    spread = float((moved[0] ** 2).sum()) / len(source)
    if spread < 1e-12:
        return None
    left, values, right = np.linalg.svd(moved[1].T @ moved[0] / len(source))
    signs = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right)) or 1.0])
    turn = left @ np.diag(signs) @ right
    scale = float((values * signs).sum()) / spread
    return np.column_stack([scale * turn, means[1] - scale * turn @ means[0]])
