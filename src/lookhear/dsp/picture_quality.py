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
    found = [_blur_along(luma, axis) for axis in (0, 1)]
    known = [value for value in found if value is not None]
    return max(known) if known else None


def _blur_along(luma: Grey, axis: int) -> float | None:
    size = luma.shape[axis]
    sharp = np.abs(np.diff(luma, axis=axis))
    total = float(sharp.sum(dtype=np.float64))
    if total < 1e-3 * luma.size:
        return None
    # means over neighbouring boxes differ by what enters at one end and leaves at the other; edges go on for ever
    at = np.arange(1, size)
    enters, leaves = (np.clip(at + end, 0, size - 1) for end in (_BLUR // 2, -(_BLUR // 2) - 1))
    across = np.abs(luma.take(enters, axis) - luma.take(leaves, axis)) / np.float32(_BLUR)
    return 1.0 - float(np.maximum(sharp - across, 0).sum(dtype=np.float64)) / total


def noise(luma: Grey) -> float | None:
    """Standard deviation of what no structure explains, in levels, of the flattest tenth of the blocks of 16 x 16.

    Immerkær, "Fast Noise Variance Estimation" (CVIU 1996), whose mask ignores planes and edges; taken where the picture
    is flat, since texture looks like noise. None for a picture of fewer than 64 pixels a side.
    """
    if min(luma.shape) < 4 * _BLOCK:
        return None
    second = luma[:-2] - 2 * luma[1:-1] + luma[2:]
    mask = np.abs(second[:, :-2] - 2 * second[:, 1:-1] + second[:, 2:])
    blocks, grey = _block_means(mask), _block_means(luma[1:-1, 1:-1])
    lit = blocks[(grey > 8) & (grey < 247)]  # clipped areas show no noise
    if len(lit) < 10:
        return None
    return float(np.sqrt(np.pi / 2) / 6 * np.quantile(lit, _FLAT))


def _block_means(values: Grey) -> Grey:
    """Of whole blocks, (n,)."""
    rows, columns = (size // _BLOCK for size in values.shape)
    blocks = values[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    return np.asarray(blocks.mean(axis=1).mean(axis=2).ravel())  # whole rows first: they lie side by side


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
    step, far = np.diff(luma, axis=0), np.abs(luma[2:] - luma[:-2]) < _AGREES
    up, down = step[1:-2], -step[2:-1]  # from the lines above and below
    sticks = (np.minimum(up, down) > _STICKS) | (np.maximum(up, down) < -_STICKS)
    return float((sticks & far[:-2] & far[1:-1] & far[2:]).mean())
