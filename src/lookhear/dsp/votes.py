"""Which rows of words are worth comparing: an inverted index that holds an election.

All words of all rows are sorted together; equal words of two rows vote for that pair and the shift between them. Pairs
with three votes for one shift are candidates. The cost is that of sorting.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

_VOTES = 3
_NEIGHBOURS = 8  # equal words looked at after each one

Integers = NDArray[np.int64]


def likely_pairs(
    words: NDArray[np.uint32], owners: Integers, places: Integers, rough: int
) -> dict[int, list[tuple[int, int]]]:
    """For each row that has any: (votes, other row), most votes first.

    ``words``, ``owners``, ``places``: (n,) each: a word, the row it is of, and where it lies there. ``rough``: steps of
    shift that count as one. A word is only held against the eight next rows that have it: what many rows share leads
    from one to the next.
    """
    if not len(words):
        return {}
    order = np.lexsort((owners, words))
    words, owners, places = words[order], owners[order], places[order]
    span = 2 * (int(places.max()) // rough + 2) + 1  # shifts, in both roundings
    rows = int(owners.max()) + 1
    ballots = []
    for step in range(1, _NEIGHBOURS + 1):
        equal = (words[step:] == words[:-step]) & (owners[step:] != owners[:-step])
        pair = owners[:-step][equal] * rows + owners[step:][equal]
        shift = places[step:][equal] - places[:-step][equal]
        for half in (0, 1):
            bucket = (shift + half * (rough // 2)) // rough + span // 2
            ballots.append((pair * span + bucket) * 2 + half)
    keys, votes = np.unique(np.concatenate(ballots), return_counts=True)
    good = votes >= _VOTES
    pairs, votes = keys[good] // (2 * span), votes[good]
    most: dict[tuple[int, int], int] = {}
    for key, count in zip(pairs.tolist(), votes.tolist(), strict=True):
        pair_of = divmod(key, rows)
        most[pair_of] = max(count, most.get(pair_of, 0))
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for (one, other), count in most.items():
        found[one].append((count, other))
        found[other].append((count, one))
    return {row: sorted(others, reverse=True) for row, others in found.items()}
