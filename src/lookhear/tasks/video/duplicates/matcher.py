"""Copies in a collection, without comparing every film with every other.

Method: each word is cut into four bands of 16 bits; every two bands together are a word of 32 bits that a tenth of wrong
bits often leaves as it was. Equal ones of two films vote for that pair and the shift between them
(``lookhear.dsp.votes``); pairs with enough votes are compared in full. What stands still says itself but once.

A film whose picture hardly changes looks like itself at every shift, and like any other with that picture: it is only
told by what fits at one shift far better than the film fits itself 5 s later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.signature import STEP_SECONDS, FilmMatch, Words, match, restlessness
from lookhear.dsp.votes import likely_pairs
from lookhear.media.probe import Probe
from lookhear.tasks.base import Candidate, Likeness, Relation
from lookhear.tasks.video.duplicates.text import decode

SAME = 0.3  #: score from which two films count as the same
SHARE = 0.5  #: of the longer one that must be found in the other; with less, the shorter is a part of it
_STILL = 0.04  # share of bits: what changes less in 5 s stands still
_ROUGH = 2  # steps of shift that count as one
_NOTED = 0.3  # s of shift worth a word


class Signed(Protocol):
    """What the task gives."""

    @property
    def signature(self) -> str | None:
        """As text."""
        ...


class FilmMatcher:
    """Finds the same film by its signature."""

    leads = True

    def __init__(self, films: Sequence[Candidate[Signed]]) -> None:
        self._probes = [film.probe for film in films]
        self._rows = [_decoded(film.value) for film in films]
        self._likely = _likely(self._rows)

    def candidates(self, place: int) -> Sequence[int]:
        """Those with enough votes, most votes first."""
        return [other for _, other in self._likely.get(place, ())]

    def compare(self, one: int, other: int) -> Likeness | None:
        """By all words, at the likeliest shifts."""
        here, there = self._rows[one], self._rows[other]
        if here is None or there is None:
            return None
        found = match(here, there)
        if found.score < SAME:
            return Likeness(Relation.OTHER, found.score, "other pictures")
        moving = min(restlessness(here), restlessness(there))
        if moving < _STILL or found.wrong > moving / 2:
            return None
        longer, shorter = (size(np.count_nonzero(here), np.count_nonzero(there)) * STEP_SECONDS for size in (max, min))
        found = replace(found, overlap=min(found.overlap, shorter))  # what repeats itself matches more than once
        if found.overlap < SHARE * longer:
            start = max(0.0, (found.offset or 0.0) * (1 if len(there) > len(here) else -1))
            reason = f"{found.overlap:.0f} s of the shorter one are in the longer, from {start:.1f} s on"
            return Likeness(Relation.PART, found.score, reason, found.offset)
        reason = f"same film{_shifted(found, there)}{_shape(self._probes[one], self._probes[other])}"
        return Likeness(Relation.COPY, found.score, reason, found.offset)


def _decoded(value: Signed | None) -> Words | None:
    text = value.signature if value else None
    return decode(text) if text else None


def _likely(rows: Sequence[Words | None]) -> dict[int, list[tuple[int, int]]]:
    words, owners, places = [], [], []
    for owner, row in enumerate(rows):
        if row is None:
            continue
        for key in _keys(row):
            fresh = row > 0
            fresh[1:] &= key[1:] != key[:-1]
            words.append(key[fresh])
            places.append(np.flatnonzero(fresh))
            owners.append(np.full(len(places[-1]), owner))
    if not words:
        return {}
    return likely_pairs(np.concatenate(words), np.concatenate(owners), np.concatenate(places), _ROUGH)


def _keys(row: Words) -> list[NDArray[np.uint32]]:
    """(n,) each: every two bands as one word; which two they are is mixed in."""
    bands = [((row >> np.uint64(16 * i)) & np.uint64(0xFFFF)).astype(np.uint32) for i in range(4)]
    return [
        (bands[i] << np.uint32(16) | bands[j]) ^ np.uint32(0x9E3779B9 * (k + 1) & 0xFFFFFFFF)
        for k, (i, j) in enumerate(combinations(range(4), 2))
    ]


def _shifted(found: FilmMatch, there: Words) -> str:
    offset = found.offset or 0.0
    steps = round(offset / STEP_SECONDS)
    if offset > _NOTED and not there[: max(1, steps - 1)].any():
        return f", {offset:.1f} s of blank pictures before it"
    if offset > _NOTED:
        return f", starts {offset:.1f} s later"
    return f", without the first {-offset:.1f} s" if offset < -_NOTED else ""


def _shape(one: Probe, other: Probe) -> str:
    here, there = one.moving, other.moving
    if here is None or there is None:
        return ""
    size = "" if (here.width, here.height) == (there.width, there.height) else f", {there.width} × {there.height}"
    return size + ("" if here.codec == there.codec else f", as {there.codec}")
