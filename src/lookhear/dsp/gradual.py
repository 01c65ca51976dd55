"""Candidates of dissolves and wipes: stretches in which every part of the picture goes straight from what it was to what
it will be.

One thing is tested: between two frames, each of 144 cells must lie on the line between its two ends (the residual), and
go along it at an even pace, all at once in a dissolve, one after the other in a wipe. What moves fails that, and so do
cameras that move; titles that come and go change too few cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookhear.dsp.cells import Floats, Index, Rows, apart, at, shape_of
from lookhear.dsp.shots import CELLS, Signals

LENGTHS = (5, 8, 12, 18, 27, 40, 60, 90)  #: frames that are tried
_LEAST = 5.0  # levels between the two ends
_LEAST_BREADTH = 0.36  # of the change of the median cell to that of all: titles leave most as they are
_MOST_AT_ONCE = 0.6  # of the change between two frames: more is a cut
_MOST_LEFT = 0.4  # of its way that a picture may be off its line half the time through
_STEPS = 8
_CHUNK = 64  # windows at a time


@dataclass(frozen=True)
class _Film:
    """What all windows look up."""

    track: Signals
    shape: Floats  #: (n, 144)
    steps: Floats  #: (n - 1, 144) changes of luma to the next frame
    course: Floats  #: (n, 144) their sums so far
    change: Floats  #: (n,) mean change of all cells to the frame before

    @classmethod
    def of(cls, track: Signals) -> _Film:
        steps = np.abs(np.diff(track.cells[:, :144], axis=0))
        course = np.concatenate([np.zeros((1, 144), np.float32), np.cumsum(steps, axis=0)])
        change = np.abs(np.diff(track.cells, axis=0, prepend=track.cells[:1])).mean(axis=1)
        return cls(track, shape_of(track.cells), steps, course, change)


@dataclass(frozen=True)
class _Windows:
    """From the last whole frame ``before`` to the first whole frame ``after``, ``length`` + 1 later."""

    before: Index
    after: Index
    length: int
    start: Floats  #: (windows, 3, 144) cells of the frame before
    way: Floats  #: (windows, 3, 144) from there to those of the frame after
    change: Floats  #: (windows,) mean of its lengths, channel by channel
    breadth: Floats  #: (windows,) the median cell's change, as a share of that of all

    @classmethod
    def of(cls, film: _Film, length: int, low: int, high: int, dense: int) -> _Windows | None:
        """Those that begin in frames ``low`` to before ``high``, whose ends differ enough, and in enough places."""
        cells, step = film.track.cells, max(1, length // dense)
        before = np.arange(max(0, -(-(low - 1) // step) * step), min(len(cells) - length - 1, high - 1), step)
        change = apart(cells, before, before + length + 1)
        at_once = at(film.change, before[:, None] + np.arange(1, length + 2)).max(axis=1)
        kept = (change > _LEAST) & (at_once < _MOST_AT_ONCE * change)
        before, change = before[kept], change[kept]
        start = at(cells, before).reshape(-1, 3, 144)
        way = at(cells, before + length + 1).reshape(-1, 3, 144) - start
        middle = at(cells, before + (length + 1) // 2).reshape(-1, 3, 144) - start
        each = np.sqrt((way**2).sum(axis=1))
        breadth = np.median(each, axis=1) / (each.mean(axis=1) + np.float32(1e-3))
        kept = (breadth > _LEAST_BREADTH) & (_left(middle, way)[0] < _MOST_LEFT)
        if not kept.any():
            return None
        parts = (values[kept] for values in (start, way, change, breadth))
        return cls(before[kept], before[kept] + length + 1, length, *parts)

    @property
    def tried(self) -> Index:
        """Some frames in between, counted from ``before``."""
        return np.unique(np.round(np.linspace(0, self.length + 1, _STEPS + 1)[1:-1]).astype(np.intp))


def gradual_candidates(track: Signals, low: int = 0, high: int | None = None, dense: int = 5) -> tuple[Index, Rows]:
    """(candidates, 2) first and last frames of mixture, of those that begin with ``low`` to before ``high``, and
    (candidates, figures). ``dense``: how many begin within the length of one."""
    spans, rows = [np.zeros((0, 2), np.intp)], []
    film = _Film.of(track)
    for length in LENGTHS:
        windows = _Windows.of(film, length, low, len(track) if high is None else high, dense)
        if windows is not None:
            columns = [*_paces(film, windows), *_surroundings(film, windows), *_timing(film, windows)]
            spans.append(np.stack([windows.before + 1, windows.after - 1], axis=1))
            rows.append(np.stack(columns, axis=1).astype(np.float64))
    return np.concatenate(spans), np.concatenate(rows) if rows else np.zeros((0, 1))


def _paces(film: _Film, windows: _Windows) -> list[Floats]:
    """How far from its line each cell is, and how evenly all go along."""
    square = (windows.way**2).sum(axis=1) + np.float32(4.0)
    weight = square / square.sum(axis=1, keepdims=True)
    paces, residuals, spreads, mixed, backwards, rough = [], [], [], [], [], []
    latest = np.zeros(weight.shape, np.float32)
    for step in windows.tried:
        offset = at(film.track.cells, windows.before + step).reshape(-1, 3, 144) - windows.start
        residual, along = _left(offset, windows.way)
        residuals.append(residual)
        pace = (weight * along).sum(axis=1)
        paces.append(pace)
        rough.append(_roughness(along, weight, film.track.wide))
        mixed.append((weight * along * (1 - along)).sum(axis=1))
        backwards.append((weight * np.maximum(latest - along, 0)).sum(axis=1))
        latest = along
        spreads.append(np.sqrt(np.maximum((weight * (along - pace[:, None]) ** 2).sum(axis=1), 0)))
    pace, left, spread = np.stack(paces, 1), np.stack(residuals, 1), np.stack(spreads, 1)
    even = windows.tried / (windows.length + 1)
    inner = np.diff(pace, axis=1, prepend=0, append=1)
    return [
        np.log(left.mean(axis=1) + 0.01),
        np.log(left.max(axis=1) + 0.01),
        np.abs(pace - even).max(axis=1),
        inner.min(axis=1),
        inner.max(axis=1),
        spread.mean(axis=1),
        spread.max(axis=1),
        np.log(np.mean(mixed, axis=0) + 0.01),
        np.log(np.mean(backwards, axis=0) + 0.003),
        np.log(np.mean(rough, axis=0) + 0.01),
    ]


def _left(offset: Floats, way: Floats) -> tuple[Floats, Floats]:
    """(windows,) by how much cells are off their line, as a share of all their ways, and (windows, 144) how far along."""
    square = (way**2).sum(axis=1) + np.float32(4.0)
    along = np.clip((offset * way).sum(axis=1) / square, 0, 1)
    off = offset - along[:, None] * way
    return np.sqrt((off**2).sum(axis=1)).sum(axis=1) / np.sqrt(square).sum(axis=1), along


def _surroundings(film: _Film, windows: _Windows) -> list[Floats]:
    """The window beside what lies before and after it: movement, contrast, detail, light, a camera that pans."""
    track, before, after, length = film.track, windows.before, windows.after, windows.length
    every = before[:, None] + np.arange(1, length + 2)
    inside = np.sort(at(film.change, every), axis=1)
    moved = np.sort(at(track.matched, every), axis=1)[:, (length + 1) // 2]
    span = min(12, length)
    sides = [apart(track.cells, before, before - span), apart(track.cells, after, after + span)]
    close = [apart(track.cells, before, before - 3), apart(track.cells, after, after + 3)]
    shapes = [apart(film.shape, before, before - span), apart(film.shape, after, after + span)]
    turned = apart(film.shape, before, after) + 1
    panned = np.minimum(_unshifted(track.columns, before, after), _unshifted(track.rows, before, after))
    some = before[:, None] + windows.tried
    flattest, plainest = at(track.spread, some).min(axis=1), at(track.detail, some).min(axis=1)
    contrast = np.minimum(at(track.spread, before), at(track.spread, after))
    sharp = np.minimum(at(track.detail, before), at(track.detail, after))
    even = windows.change / (length + 1)
    return [
        np.log(windows.change),
        np.log(windows.breadth + 0.05),
        np.full(len(before), np.log(length), np.float32),
        np.log(inside[:, -1] / even),
        np.log(inside[:, : max(1, length // 4)].mean(axis=1) / even + 0.01),
        np.log((np.max(sides, axis=0) + 0.5) / windows.change),
        np.log((np.max(close, axis=0) + 0.1) / even),
        np.log((np.min(close, axis=0) + 0.1) / even),
        np.log((flattest + 2) / (contrast + 2)),
        np.log((plainest + 0.5) / (sharp + 0.5)),
        np.log(turned),
        np.log(turned / (np.max(shapes, axis=0) + 1)),
        np.log((moved + 0.2) / even),
        np.log(panned),
    ]


def _timing(film: _Film, windows: _Windows) -> list[Floats]:
    """How each cell changes: by which detours; the share of its way that it goes in three frames; how unlike the moments
    are at which neighbours do that, and how far those of all lie apart, as shares of the window."""
    way = np.abs(windows.way[:, 0])
    there = way.sum(axis=1) + np.float32(1)
    detour = (film.course[windows.after] - film.course[windows.before]).sum(axis=1) / there
    found: list[list[Floats]] = [[], [], []]
    for low in range(0, len(way), _CHUNK):
        here = slice(low, low + _CHUNK)
        window = film.steps[windows.before[here, None] + np.arange(windows.length + 1)]
        three = window[:, :-2] + window[:, 1:-1] + window[:, 2:]
        moment = three.argmax(axis=1)
        most = np.take_along_axis(three, moment[:, None], axis=1)[:, 0]
        weight = np.minimum(most, way[here])
        total = weight.sum(axis=1) + np.float32(1e-3)
        share = moment / np.float32(windows.length - 1)
        middle = (weight * share).sum(axis=1) / total
        found[0].append(total / there[here])
        found[1].append(_roughness(share, weight, film.track.wide))
        found[2].append(np.sqrt((weight * (share - middle[:, None]) ** 2).sum(axis=1) / total))
    abrupt, order, lasting = (np.concatenate(part) for part in found)
    ratio = np.log((order + 0.02) / (lasting + 0.05))
    return [np.log(detour), np.log(abrupt), np.log(order + 0.02), lasting, ratio]


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


def _unshifted(strips: Floats, one: Index, other: Index) -> Floats:
    """By which share two frames still differ in their strips once one is shifted, by up to a third, to fit best."""
    first, second = at(strips, one), at(strips, other)
    length = strips.shape[1]
    plain = np.abs(first - second).sum(axis=1) / length
    best = plain.copy()
    for shift in range(1, length // 3 + 1, 2):
        for a, b in ((first[:, shift:], second[:, :-shift]), (first[:, :-shift], second[:, shift:])):
            off = a - b
            off -= off.sum(axis=1, keepdims=True) / np.float32(length - shift)
            np.minimum(best, np.abs(off, out=off).sum(axis=1) / (length - shift), out=best)
    return np.asarray((best + 0.5) / (plain + 0.5))
