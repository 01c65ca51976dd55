"""Fades: stretches that show next to nothing, black or another colour, between two shots, with what leads there and back.

Of each the figures by which a fade is told from a dark scene, a lamp that goes out or a frame that dropped out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookhear.dsp.traces import Floats, Gist, Traces

_EMPTY = 2.0, 0.7  # levels of both: nobody would see anything in it
_LONGEST = 250  # frames of a slope
FIGURES = (
    "spread",
    "detail",
    "contrast lost",
    "detail lost",
    "apart",
    "apart for the shots",
    "length",
    "fall",
    "rise",
    "from black or white",
)


@dataclass(frozen=True)
class Flat:
    """Frames ``first`` to ``last`` show next to nothing; from ``start`` on contrast wanes, up to ``end`` it grows."""

    start: int
    first: int
    last: int
    end: int
    empty: bool  #: nothing at all can be seen


def flat_stretches(traces: Traces) -> list[Flat]:
    """All of them, those at either end of the film too."""
    spread, detail = traces.spread, traces.detail
    flat = np.concatenate([[False], (spread < traces.FLAT) & (detail < traces.PLAIN), [False]])
    found = []
    for first, after in np.flatnonzero(np.diff(flat.astype(np.int8))).reshape(-1, 2).tolist():
        here = slice(first, after)
        least = first + int(np.argmin(spread[here] + detail[here]))
        low = max(1.0, float(spread[least]))
        level = spread[here] <= 1.5 * low + 0.5  # of a shot that is dark, only the part that is darkest
        runs = np.flatnonzero(np.diff(np.concatenate([[False], level, [False]]).astype(np.int8))).reshape(-1, 2) + first
        core = next((a, b) for a, b in runs.tolist() if a <= least < b)
        empty = bool(low <= _EMPTY[0] and detail[least] <= _EMPTY[1])
        found.append(Flat(_slope(spread, core[0], -1), core[0], core[1] - 1, _slope(spread, core[1] - 1, 1), empty))
    return found


def _slope(spread: Floats, frame: int, step: int) -> int:
    """The last frame from ``frame`` on, in that direction, that still gains in contrast."""
    at, end = frame, frame + step * _LONGEST
    while 0 <= at + step < len(spread) and at != end:
        ahead = float(spread[min(max(at + 3 * step, 0), len(spread) - 1)])
        if (
            spread[at + step] < spread[at] + 0.05
            or ahead > 3 * spread[at] + 30
            or spread[at + step] > 2 * spread[at] + 8
        ):
            break
        at += step
    return at


def figures(traces: Traces, flat: Flat) -> list[float]:
    """By which it is judged; of one that lies within the film."""
    spread, detail = traces.spread, traces.detail
    last = len(spread) - 1
    before = [max(0, flat.start - k) for k in (1, 3, 8)]
    after = [min(last, flat.end + k) for k in (1, 3, 8)]
    shapes = [[_shape(traces.gist(i)) for i in side] for side in (before, after)]
    apart = min(float(np.abs(one - other).mean()) for one in shapes[0] for other in shapes[1])
    within = max(float(np.abs(side[0] - side[-1]).mean()) for side in shapes)
    contrast = min(float(spread[side].max()) for side in (before, after))
    sharp = min(float(detail[side].max()) for side in (before, after))
    flattest, plainest = (float(values[flat.first : flat.last + 1].min()) for values in (spread, detail))
    luma = float(traces.gist((flat.first + flat.last) // 2)[0].mean())
    values = (
        flattest + 0.5,
        plainest + 0.2,
        (flattest + 0.5) / (contrast + 0.5),
        (plainest + 0.2) / (sharp + 0.2),
        apart + 1,
        (apart + 1) / (within + 1),
        flat.last - flat.first + 1,
        flat.first - flat.start + 1,
        flat.end - flat.last + 1,
        min(luma, 255 - luma) + 4,
    )
    return [float(np.log(value)) for value in values]


def _shape(gist: Gist) -> Floats:
    """As if every picture were equally bright and rich in contrast."""
    values = gist.astype(np.float32)
    luma = values[0] - values[0].mean()
    scale = np.float32(30) / (luma.std() + np.float32(3))
    return np.concatenate([luma * scale, (values[1:] - 128).ravel() * scale])
