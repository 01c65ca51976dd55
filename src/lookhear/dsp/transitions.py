"""Where one shot becomes another: hard cuts, and gradual transitions in which every part of the picture goes straight
from what it was to what it will be.

A cut is a frame that differs from the one before by more than its neighbours do, and for good: a flash is over soon.
For dissolves and wipes one thing is tested: between two frames, each of 144 cells must lie on the line between its two
ends (the residual), and on the whole move along it at an even pace. Things that move, and cameras that do, fail that.
Fades lead through frames of one colour. Each candidate has a handful of figures; a logistic regression fitted on films
of known truth (``evals/fit_scenes.py``) makes a probability of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.shots import CELLS, Signals

MARGIN = 128  #: frames that must be known on either side of where transitions are looked for
LENGTHS = (5, 8, 12, 18, 27, 40, 60, 90)  #: frames of gradual transitions that are tried
_RISE = 12.0  # levels of mean luma by which a flash is brighter
_BACK = 0.25  # share of the difference that may stay after it
_LEAST_CUT = 2.0  # levels
_LEAST_GRADUAL = 5.0
_STEPS = 8
_CHUNK = 64  # windows at a time
_PER_CHANNEL = 56 / 6  # makes histogram differences shares of a channel
Rows = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Transition:
    """Frames ``start`` to ``end`` belong to both shots; of a cut both are the first frame of the new one."""

    kind: str  #: "cut", "dissolve", "wipe" or "fade"
    start: int
    end: int
    probability: float

    @property
    def frame(self) -> int:
        """The first frame of the new shot; of gradual ones the middle."""
        return (self.start + self.end + 1) // 2


def _at(values: Floats, index: NDArray[np.intp]) -> Floats:
    """Values at an index that is held within the film."""
    return np.asarray(values[np.clip(index, 0, len(values) - 1)])


def _apart(values: Floats, one: NDArray[np.intp], other: NDArray[np.intp]) -> Floats:
    return np.asarray(np.abs(_at(values, one) - _at(values, other)).mean(axis=-1))


def _level(cells: Floats) -> Floats:
    """Cells without the brightness of the whole, so that a change of light is none."""
    luma = cells[:, :144]
    return np.asarray(np.concatenate([luma - luma.mean(axis=1, keepdims=True), 2 * cells[:, 144:]], axis=1))


def _shape(cells: Floats) -> Floats:
    """Luma of the cells as if all pictures were equally bright and rich in contrast: a change of light is hardly any."""
    luma = cells[:, :144]
    spread = luma.std(axis=1, keepdims=True)
    return np.asarray((luma - luma.mean(axis=1, keepdims=True)) * (30 / (spread + 3)))


def cut_candidates(track: Signals) -> tuple[NDArray[np.intp], Rows]:
    """Frames that may begin a shot, and (candidates, features)."""
    count = len(track)
    level = _level(track.cells)
    everywhere = np.arange(count)
    pixels = track.change
    cells = _apart(track.cells, everywhere, everywhere - 1)
    plain = _apart(level, everywhere, everywhere - 1)
    colors = 50 * _apart(track.histogram, everywhere, everywhere - 1) * _PER_CHANNEL
    mixed = pixels + 2 * cells + colors
    peak = mixed >= _LEAST_CUT
    peak[:1] = False
    for shift in (-2, -1, 1, 2):
        other = _at(mixed, everywhere + shift)
        peak &= (mixed > other) if shift < 0 else (mixed >= other)
    found = np.flatnonzero(peak)
    near = found[:, None] + np.array([-3, -2, -1, 1, 2, 3])
    wide = found[:, None] + np.array([k for k in range(-12, 13) if k])
    columns = []
    shape = _shape(track.cells)
    turned = _apart(shape, everywhere, everywhere - 1)
    for values, floor in (
        (pixels, 0.5),
        (track.matched, 0.5),
        (cells, 0.3),
        (plain, 0.3),
        (turned, 1.0),
        (colors, 0.3),
    ):
        here = np.log(values[found] + floor)
        ahead = np.sort(np.log(_at(values, near) + floor), axis=1)
        around = np.log(_at(values, wide).mean(axis=1) + floor)
        columns += [here, here - ahead[:, -1], here - ahead[:, -3], here - around]
    for values, scale, floor in (
        (track.cells, 1.0, 0.3),
        (level, 1.0, 0.3),
        (shape, 1.0, 1.0),
        (track.histogram, 50 * _PER_CHANNEL, 0.3),
    ):
        pairs = [
            scale * _apart(values, found - 1 - before, found + after)
            for before, after in ((0, 3), (0, 6), (0, 10), (2, 2), (5, 5), (3, 0), (6, 0), (10, 0))
        ]
        lasting = np.log(np.min(pairs, axis=0) + floor)
        inside = [scale * _apart(values, found - 1, found - 1 - gap) for gap in (2, 6)] + [
            scale * _apart(values, found, found + gap) for gap in (2, 6)
        ]
        columns += [lasting, lasting - np.log(np.max(inside, axis=0) + floor)]
    columns.append(np.log((track.matched[found] + 0.5) / (pixels[found] + 0.5)))
    darkest = np.minimum(_at(track.spread, found - 1), track.spread[found])
    columns.append(np.log(darkest + 1))
    return found, np.stack(columns, axis=1).astype(np.float64) if len(found) else np.zeros((0, len(columns)))


def gradual_candidates(track: Signals) -> tuple[NDArray[np.intp], Rows]:
    """(candidates, 2) first and last frames of mixture, and (candidates, features)."""
    spans, rows = [], []
    shape = _shape(track.cells)
    steps = np.abs(np.diff(track.cells[:, :144], axis=0))
    course = np.concatenate([np.zeros((1, 144), np.float32), np.cumsum(steps, axis=0, dtype=np.float64)])
    for length in LENGTHS:
        first = np.arange(0, len(track) - length - 1, max(1, length // 8))
        found = _windows(track, shape, course, steps, first, length)
        if found is not None:
            spans.append(found[0])
            rows.append(found[1])
    if not spans:
        return np.zeros((0, 2), np.intp), np.zeros((0, 1))
    return np.concatenate(spans), np.concatenate(rows)


def _windows(
    track: Signals, shape: Floats, course: Rows, steps: Floats, before: NDArray[np.intp], length: int
) -> tuple[NDArray[np.intp], Rows] | None:
    """Windows from the last whole frame ``before`` to the first whole frame ``length`` + 1 later."""
    cells = track.cells
    after = before + length + 1
    wide = np.abs(_at(cells, before) - _at(cells, after)).mean(axis=1)
    kept = wide > _LEAST_GRADUAL
    before, after = before[kept], after[kept]
    if not len(before):
        return None
    parts = (-1, 3, 144)
    start, end = _at(cells, before).reshape(parts), _at(cells, after).reshape(parts)
    way = end - start
    square = (way**2).sum(axis=1) + np.float32(4.0)
    weight = square / square.sum(axis=1, keepdims=True)
    total = np.sqrt(square).sum(axis=1)
    luma = np.abs(way[:, 0])
    there = luma.sum(axis=1)
    detour = (course[after] - course[before]).sum(axis=1) / there
    abrupt, order, lasting = _timing(steps, before, length, luma, track.wide)
    paces, residuals, spreads, mixed, backwards, rough = [], [], [], [], [], []
    latest = np.zeros(weight.shape, np.float32)
    tried = np.unique(np.round(np.linspace(0, length + 1, _STEPS + 1)[1:-1]).astype(int))
    for step in tried:
        offset = _at(cells, before + step).reshape(parts) - start
        along = np.clip((offset * way).sum(axis=1) / square, 0, 1)
        left = offset - along[:, None] * way
        residuals.append(np.sqrt((left**2).sum(axis=1)).sum(axis=1) / total)
        pace = (weight * along).sum(axis=1)
        paces.append(pace)
        rough.append(_roughness(along, weight, track.wide))
        mixed.append((weight * along * (1 - along)).sum(axis=1))
        backwards.append((weight * np.maximum(latest - along, 0)).sum(axis=1))
        latest = along
        spreads.append(np.sqrt(np.maximum((weight * (along - pace[:, None]) ** 2).sum(axis=1), 0)))
    pace, residual, spread = np.stack(paces, 1), np.stack(residuals, 1), np.stack(spreads, 1)
    even = tried / (length + 1)
    inner = np.diff(np.concatenate([np.zeros((len(pace), 1)), pace, np.ones((len(pace), 1))], axis=1), axis=1)
    singles = np.abs(np.diff(cells, axis=0, prepend=cells[:1])).mean(axis=1)
    inside = np.stack([_at(singles, before + step) for step in range(1, length + 2)], axis=1)
    change = wide[kept]
    span = min(12, length)
    sides = [_apart(cells, before, before - span), _apart(cells, after, after + span)]
    close = [_apart(cells, before, before - 3), _apart(cells, after, after + 3)]
    panned = np.minimum(_unshifted(track.columns, before, after), _unshifted(track.rows, before, after))
    shapes = [_apart(shape, before, before - span), _apart(shape, after, after + span)]
    moved = np.sort(np.stack([_at(track.matched, before + step) for step in range(1, length + 2)], axis=1), axis=1)
    moved = moved[:, len(moved[0]) // 2]
    flattest = np.stack([_at(track.spread, before + step) for step in tried], axis=1).min(axis=1)
    ends = np.minimum(_at(track.spread, before), _at(track.spread, after))
    detail = np.stack([_at(track.detail, before + step) for step in tried], axis=1).min(axis=1)
    sharp = np.minimum(_at(track.detail, before), _at(track.detail, after))
    even_step = change / (length + 1)
    features = np.stack(
        [
            np.log(change),
            np.log(residual.mean(axis=1) + 0.01),
            np.log(residual.max(axis=1) + 0.01),
            np.abs(pace - even).max(axis=1),
            inner.min(axis=1),
            inner.max(axis=1),
            np.log(inside.max(axis=1) / even_step),
            np.log(np.sort(inside, axis=1)[:, : max(1, length // 4)].mean(axis=1) / even_step + 0.01),
            np.log((np.max(sides, axis=0) + 0.5) / change),
            np.log((np.max(close, axis=0) + 0.1) / even_step),
            np.log((np.min(close, axis=0) + 0.1) / even_step),
            spread.mean(axis=1),
            spread.max(axis=1),
            np.log(np.mean(mixed, axis=0) + 0.01),
            np.log(np.mean(backwards, axis=0) + 0.003),
            np.log((flattest + 2) / (ends + 2)),
            np.log((detail + 0.5) / (sharp + 0.5)),
            np.full(len(before), np.log(length)),
            np.log(_apart(shape, before, after) + 1),
            np.log((_apart(shape, before, after) + 1) / (np.maximum(*shapes) + 1)),
            np.log((moved + 0.2) / even_step),
            np.log(panned),
            np.log(detour),
            np.log(abrupt),
            np.log(order + 0.02),
            lasting,
            np.log((order + 0.02) / (lasting + 0.05)),
            np.log(np.mean(rough, axis=0) + 0.01),
            np.log(np.sqrt(square).mean(axis=1) ** 2 / square.mean(axis=1)),
        ],
        axis=1,
    )
    spans = np.stack([before + 1, after - 1], axis=1)
    return spans, features.astype(np.float64)


def _timing(
    steps: Floats, before: NDArray[np.intp], length: int, way: Floats, wide: bool
) -> tuple[Floats, Floats, Floats]:
    """How each cell changes within a window: the share of its way that it goes in three frames; how unlike the moments
    at which neighbours do that are, and how far those of all lie apart, as shares of the window."""
    found: list[list[Floats]] = [[], [], []]
    for low in range(0, len(before), _CHUNK):
        here = before[low : low + _CHUNK]
        window = steps[here[:, None] + np.arange(length + 1)]
        three = window[:, :-2] + window[:, 1:-1] + window[:, 2:]
        moment = three.argmax(axis=1)
        most = np.take_along_axis(three, moment[:, None], axis=1)[:, 0]
        weight = np.minimum(most, way[low : low + _CHUNK])
        total = weight.sum(axis=1) + np.float32(1e-3)
        share = moment / np.float32(length - 1)
        middle = (weight * share).sum(axis=1) / total
        found[0].append(total / (way[low : low + _CHUNK].sum(axis=1) + np.float32(1e-3)))
        found[1].append(_roughness(share, weight, wide))
        found[2].append(np.sqrt((weight * (share - middle[:, None]) ** 2).sum(axis=1) / total))
    abrupt, order, lasting = (np.concatenate(part) for part in found)
    return abrupt, order, lasting


def _roughness(along: Floats, weight: Floats, wide: bool) -> Floats:
    """How much neighbouring cells differ in how far they are; little where an edge passes, or all go at one pace."""
    shape = (len(along), *(CELLS if wide else CELLS[::-1]))
    along, weight = along.reshape(shape), weight.reshape(shape)
    total, counted = np.zeros(len(along), np.float32), np.full(len(along), 1e-6, np.float32)
    for one, other in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[:, :, 1:], np.s_[:, :, :-1])):
        shared = np.minimum(weight[one], weight[other])
        total += (shared * np.abs(along[one] - along[other])).sum(axis=(1, 2))
        counted += shared.sum(axis=(1, 2))
    return np.asarray(total / counted)


def _unshifted(strips: Floats, one: NDArray[np.intp], other: NDArray[np.intp]) -> Floats:
    """By which share two frames still differ in their strips once one is shifted, by up to a third, to fit best."""
    first, second = _at(strips, one), _at(strips, other)
    length = strips.shape[1]
    plain = np.abs(first - second).mean(axis=1)
    best = plain.copy()
    for shift in range(1, length // 3 + 1):
        for a, b in ((first[:, shift:], second[:, :-shift]), (first[:, :-shift], second[:, shift:])):
            apart = a - b
            best = np.minimum(best, np.abs(apart - apart.mean(axis=1, keepdims=True)).mean(axis=1))
    return np.asarray((best + 0.5) / (plain + 0.5))


def flashes(track: Signals, longest: int) -> list[int]:
    """First frames of bright moments of at most ``longest`` frames, after which the picture is what it was."""
    luma = track.cells[:, :144].mean(axis=1)
    found = []
    rises = np.flatnonzero(np.diff(luma) > _RISE) + 1
    last = -longest
    for at in rises.tolist():
        if at - last <= longest:
            continue
        for length in range(1, longest + 1):
            after = at + length
            if after >= len(track):
                break
            lit = np.abs(track.cells[at:after] - track.cells[at - 1]).mean(axis=1).max()
            left = np.abs(track.cells[after] - track.cells[at - 1]).mean()
            if left < _BACK * lit:
                found.append(at)
                last = at
                break
    return found
