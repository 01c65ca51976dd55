"""How sharp, noisy, blocky and well exposed a grey picture is. Levels are 0..255."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]

_BLUR = 11  # pixels of the box that blurs again
_BLOCK = 16  # pixels of a block whose noise is looked at
_FLAT = 0.1  # share of blocks taken to be flat
_GRID = 8  # of JPEG
_STICKS, _AGREES = 15.0, 12.0  # levels


def blur(luma: Grey) -> float | None:
    """0 sharp .. 1 blurred: how little another blur takes away from neighbouring differences, in the worse direction.

    Crété-Roffet, Dolmiere, Ladret, Nicolas, "The Blur Effect: Perception and Estimation with a New No-Reference
    Perceptual Blur Metric" (SPIE 2007). None for a picture of fewer than 16 pixels a side or without any edge.
    """
    if min(luma.shape) < _BLOCK:
        return None
    found = [_blur_down(luma), _blur_down(luma.T)]
    known = [value for value in found if value is not None]
    return max(known) if known else None


def _blur_down(luma: Grey) -> float | None:
    sums = np.cumsum(np.pad(luma, ((_BLUR // 2 + 1, _BLUR // 2), (0, 0)), mode="edge"), axis=0, dtype=np.float64)
    blurred = (sums[_BLUR:] - sums[:-_BLUR]) / _BLUR
    sharp = np.abs(np.diff(luma.astype(np.float64), axis=0))
    total = float(sharp.sum())
    if total < 1e-3 * luma.size:
        return None
    lost = np.maximum(sharp - np.abs(np.diff(blurred, axis=0)), 0)
    return 1.0 - float(lost.sum()) / total


def noise(luma: Grey) -> float | None:
    """Standard deviation of what no structure explains, in levels, of the flattest tenth of the blocks of 16 x 16.

    Immerkær, "Fast Noise Variance Estimation" (CVIU 1996), whose mask ignores planes and edges; taken where the picture
    is flat, since texture looks like noise. None for a picture of fewer than 64 pixels a side.
    """
    if min(luma.shape) < 4 * _BLOCK:
        return None
    second = luma[:-2] - 2 * luma[1:-1] + luma[2:]
    mask = np.abs(second[:, :-2] - 2 * second[:, 1:-1] + second[:, 2:])
    rows, columns = (size // _BLOCK for size in mask.shape)
    blocks = mask[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK).mean(axis=(1, 3)).ravel()
    grey = (
        luma[1 : 1 + rows * _BLOCK, 1 : 1 + columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK).mean(axis=(1, 3))
    )
    lit = blocks[(grey.ravel() > 8) & (grey.ravel() < 247)]  # clipped areas show no noise
    if len(lit) < 10:
        return None
    return float(np.sqrt(np.pi / 2) / 6 * np.quantile(lit, _FLAT))


def blockiness(luma: Grey) -> float | None:
    """How much larger the steps between neighbours are on an 8 x 8 grid than off it; about 1 without blocks.

    After Wang, Sheikh & Bovik, "No-Reference Perceptual Quality Assessment of JPEG Compressed Images" (ICIP 2002), over
    all places of the grid, since cropped and turned pictures have it elsewhere. None under 64 pixels a side.
    """
    if min(luma.shape) < _GRID * _GRID:
        return None
    ratios = []
    for part in (luma, luma.T):
        steps = np.abs(np.diff(part, axis=0)).mean(axis=1)
        whole = len(steps) // _GRID * _GRID
        phases = np.sort(steps[:whole].reshape(-1, _GRID).mean(axis=0))
        ratios.append(float((phases[-1] + 0.1) / (np.median(phases[:-1]) + 0.1)))
    return float(np.mean(ratios))


def combing(luma: Grey) -> float | None:
    """Share of pixels that stick out from the lines above and below while those agree with the next of their own field.

    What decomb filters look for: in a frame woven of two moments, moving edges alternate from line to line. None for fewer
    than 16 lines.
    """
    if luma.shape[0] < _BLOCK:
        return None
    here, above, below = luma[2:-2], luma[1:-3], luma[3:-1]
    sticks = np.minimum(here - above, here - below) > _STICKS
    sticks |= np.minimum(above - here, below - here) > _STICKS
    agrees = (
        (np.abs(luma[:-4] - here) < _AGREES) & (np.abs(luma[4:] - here) < _AGREES) & (np.abs(above - below) < _AGREES)
    )
    return float((sticks & agrees).mean())
