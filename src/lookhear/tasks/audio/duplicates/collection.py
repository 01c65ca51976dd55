"""Duplicates in a collection, without comparing every recording with every other.

Method: all words of all fingerprints are sorted together; equal words of two recordings vote for that pair and the shift
between them. Pairs with three votes for one shift are compared in full. The cost is that of sorting, plus one comparison
for each likely pair that is not yet known to belong together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.fingerprint import Match, Words, match, places_of
from lookhear.tasks.audio.duplicates.text import decode

SAME = 0.3  #: score from which two recordings count as the same
_VOTES = 3
_NEIGHBOURS = 8  # equal words looked at after each one
_ROUGH = 4  # steps of shift that count as one
_PLAIN = 4  # a word with fewer bits set, or unset, is that of a held sound

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Link:
    """Why two recordings are in one group."""

    first: str
    second: str
    match: Match
    reason: str


@dataclass(frozen=True)
class Group:
    """Recordings that are the same, in the order given, and the comparisons that join them."""

    members: tuple[str, ...]
    links: tuple[Link, ...]


def groups(fingerprints: Mapping[str, str], threshold: float = SAME) -> tuple[Group, ...]:
    """The groups of two and more among named fingerprints. Raises ValueError for text that is no fingerprint."""
    names = list(fingerprints)
    rows = [decode(fingerprints[name]) for name in names]
    leaders = list(range(len(names)))
    links: list[tuple[int, Link]] = []
    for first, second in _candidates(rows):
        if _leader(leaders, first) == _leader(leaders, second):
            continue
        found = match(rows[first], rows[second])
        if found.score >= threshold:
            leaders[_leader(leaders, second)] = _leader(leaders, first)
            links.append((first, Link(names[first], names[second], found, _reason(found))))
    members: dict[int, list[int]] = {}
    for index in range(len(names)):
        members.setdefault(_leader(leaders, index), []).append(index)
    return tuple(
        Group(
            tuple(names[index] for index in found),
            tuple(link for index, link in links if _leader(leaders, index) == leader),
        )
        for leader, found in sorted(members.items(), key=lambda item: item[1][0])
        if len(found) > 1
    )


def _leader(leaders: list[int], index: int) -> int:
    while leaders[index] != index:
        leaders[index] = leaders[leaders[index]]
        index = leaders[index]
    return index


def _reason(found: Match) -> str:
    offset = found.offset or 0.0
    shifted = "" if abs(offset) < 0.2 else f", {abs(offset):.1f} s {'later' if offset > 0 else 'earlier'} in the second"
    return f"{found.overlap:.0f} s are the same (score {found.score:.2f}){shifted}"


def _candidates(rows: list[Words]) -> list[tuple[int, int]]:
    """Pairs with enough votes, most votes first."""
    if not rows:
        return []
    words = np.concatenate(rows)
    owners = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    places = np.concatenate([places_of(len(row)) for row in rows])
    weight = np.bitwise_count(words)
    telling = (weight >= _PLAIN) & (weight <= 32 - _PLAIN)
    words, owners, places = words[telling], owners[telling], places[telling]
    order = np.argsort(words, kind="stable")  # owners stay in order among equal words
    words, owners, places = words[order], owners[order], places[order]
    ballots = [_ballots(words, owners, places, step) for step in range(1, _NEIGHBOURS + 1)]
    keys, votes = np.unique(np.concatenate(ballots, axis=1), axis=1, return_counts=True)
    good = votes >= _VOTES
    pairs: dict[tuple[int, int], int] = {}
    for first, second, count in zip(keys[0, good].tolist(), keys[1, good].tolist(), votes[good].tolist(), strict=True):
        pairs[first, second] = max(count, pairs.get((first, second), 0))
    return sorted(pairs, key=lambda pair: (-pairs[pair], pair))


def _ballots(words: Words, owners: Integers, places: Integers, step: int) -> Integers:
    """(3, votes): both owners and the rough shift, of equal words ``step`` apart in the order; two roundings of each."""
    equal = (words[step:] == words[:-step]) & (owners[step:] != owners[:-step])
    first, second = owners[:-step][equal], owners[step:][equal]
    shift = places[step:][equal] - places[:-step][equal]
    rough = [2 * (shift // _ROUGH), 2 * ((shift + _ROUGH // 2) // _ROUGH) + 1]
    return np.concatenate([np.stack([first, second, part]) for part in rough], axis=1)
