"""The index of hashes finds what looking at every pair finds."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookhear.dsp.bit_bands import BitBands
from lookhear.dsp.votes import likely_pairs

rows_of_bits = st.lists(st.integers(0, 2**64 - 1), max_size=40)


@settings(deadline=None)
@given(
    rows=rows_of_bits,
    flips=st.lists(st.tuples(st.integers(0, 39), st.sets(st.integers(0, 63), max_size=16)), max_size=20),
    radius=st.integers(0, 14),
)
def test_it_finds_what_brute_force_finds(rows: list[int], flips: list[tuple[int, set[int]]], radius: int) -> None:
    for place, bits in flips:
        if rows:
            rows.append(rows[place % len(rows)] ^ sum(1 << bit for bit in bits))
    all_rows = np.array(rows, np.uint64)
    index = BitBands(all_rows, radius)
    for row in all_rows:
        expected = [place for place, other in enumerate(rows) if (int(row) ^ other).bit_count() <= radius]
        assert index.near(row).tolist() == expected


@pytest.mark.alone
def test_twenty_thousand_hashes_take_seconds() -> None:
    random = np.random.default_rng(0)
    rows = random.integers(0, 2**64, 20_000, dtype=np.uint64)
    for i in range(1000):  # every bit of these moved ones is another
        bits = random.choice(64, 11, replace=False)
        rows[i + 10_000] = rows[i] ^ np.uint64(sum(1 << int(bit) for bit in bits))
    began = time.perf_counter()
    index = BitBands(rows, 11)
    found = [index.near(row) for row in rows]
    assert time.perf_counter() - began < 5
    assert all({i, i + 10_000} <= set(found[i].tolist()) for i in range(1000))


@settings(max_examples=30, deadline=None)
@given(shift=st.integers(-50, 50), copies=st.integers(2, 25), seed=st.integers(0, 9))
def test_votes_lead_from_any_copy_to_all(shift: int, copies: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    song, other = random.integers(0, 2**32, (2, 40), dtype=np.uint32)
    owners = np.repeat(np.arange(copies + 1), 40)
    places = np.concatenate([100 + shift * (i % 2) + np.arange(40) for i in range(copies + 1)])
    found = likely_pairs(np.concatenate([song] * copies + [other]), owners, places, 4)
    reached, waiting = {0}, [0]
    while waiting:
        fresh = {row for _, row in found.get(waiting.pop(), ())} - reached
        reached |= fresh
        waiting += fresh
    assert reached == set(range(copies)) and copies not in found
