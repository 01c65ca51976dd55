"""Candidates of hard cuts: frames that differ from the one before by more than their neighbours do, and for good.

A flash is over soon, a moving camera leaves a frame that fits once it is shifted, and a lamp leaves the shape of things:
the figures of a candidate tell that, each as the frame itself and beside its neighbours.
"""

from __future__ import annotations

import numpy as np

from lookhear.dsp.cells import Index, Rows, apart, at, level, shape_of
from lookhear.dsp.shots import Signals

_RISE = 12.0  # levels of mean luma by which a flash is brighter
_BACK = 0.25  # share of the difference that may stay after it
_LEAST_CUT = 2.0  # levels
_PER_CHANNEL = 56 / 6  # makes histogram differences shares of a channel


def cut_candidates(track: Signals, low: int = 0, high: int | None = None) -> tuple[Index, Rows]:
    """Frames from ``low`` to before ``high`` that may begin a shot, and (candidates, figures)."""
    count = len(track)
    leveled = level(track.cells)
    everywhere = np.arange(count)
    pixels = track.change
    cells = apart(track.cells, everywhere, everywhere - 1)
    plain = apart(leveled, everywhere, everywhere - 1)
    colors = 50 * apart(track.histogram, everywhere, everywhere - 1) * _PER_CHANNEL
    mixed = pixels + 2 * cells + colors
    peak = mixed >= _LEAST_CUT
    peak[:1] = False
    for shift in (-2, -1, 1, 2):
        other = at(mixed, everywhere + shift)
        peak &= (mixed > other) if shift < 0 else (mixed >= other)
    found = np.flatnonzero(peak)
    found = found[(found >= low) & (found < (count if high is None else high))]
    near = found[:, None] + np.array([-3, -2, -1, 1, 2, 3])
    wide = found[:, None] + np.array([k for k in range(-12, 13) if k])
    columns = []
    shape = shape_of(track.cells)
    turned = apart(shape, everywhere, everywhere - 1)
    for values, floor in (
        (pixels, 0.5),
        (track.matched, 0.5),
        (cells, 0.3),
        (plain, 0.3),
        (turned, 1.0),
        (colors, 0.3),
    ):
        here = np.log(values[found] + floor)
        ahead = np.sort(np.log(at(values, near) + floor), axis=1)
        around = np.log(at(values, wide).mean(axis=1) + floor)
        columns += [here, here - ahead[:, -1], here - ahead[:, -3], here - around]
    for values, scale, floor in (
        (track.cells, 1.0, 0.3),
        (leveled, 1.0, 0.3),
        (shape, 1.0, 1.0),
        (track.histogram, 50 * _PER_CHANNEL, 0.3),
    ):
        pairs = [
            scale * apart(values, found - 1 - before, found + after)
            for before, after in ((0, 3), (0, 6), (0, 10), (2, 2), (5, 5), (3, 0), (6, 0), (10, 0))
        ]
        lasting = np.log(np.min(pairs, axis=0) + floor)
        inside = [scale * apart(values, found - 1, found - 1 - gap) for gap in (2, 6)] + [
            scale * apart(values, found, found + gap) for gap in (2, 6)
        ]
        columns += [lasting, lasting - np.log(np.max(inside, axis=0) + floor)]
    columns.append(np.log((track.matched[found] + 0.5) / (pixels[found] + 0.5)))
    darkest = np.minimum(at(track.spread, found - 1), track.spread[found])
    columns.append(np.log(darkest + 1))
    return found, np.stack(columns, axis=1).astype(np.float64) if len(found) else np.zeros((0, len(columns)))


def flashes(track: Signals, longest: int) -> list[int]:
    """First frames of bright moments of at most ``longest`` frames, after which the picture is what it was."""
    luma = track.cells[:, :144].mean(axis=1)
    found = []
    rises = np.flatnonzero(np.diff(luma) > _RISE) + 1
    last = -longest
    for rise in rises.tolist():
        if rise - last <= longest:
            continue
        for length in range(1, longest + 1):
            after = rise + length
            if after >= len(track):
                break
            lit = np.abs(track.cells[rise:after] - track.cells[rise - 1]).mean(axis=1).max()
            left = np.abs(track.cells[after] - track.cells[rise - 1]).mean()
            if left < _BACK * lit:
                found.append(rise)
                last = rise
                break
    return found
