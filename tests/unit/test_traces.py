"""What is kept of a film's frames to find fades in it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookhear.dsp.growing import Growing
from lookhear.dsp.shots import Signals
from lookhear.dsp.traces import Traces


@given(
    st.integers(1, 1500),
    st.lists(st.tuples(st.integers(0, 1400), st.integers(1, 300)), max_size=3),
    st.lists(st.sampled_from([1, 7, 32, 300]), min_size=1, max_size=4),
)
def test_all_that_lies_within_reach_of_a_flat_frame_is_kept(
    count: int, flats: list[tuple[int, int]], runs: list[int]
) -> None:
    spread = np.full(count, 40, np.float32)
    for first, length in flats:
        spread[first : first + length] = 1
    cells = np.random.default_rng(count).uniform(0, 255, (count, 432)).astype(np.float32)
    nothing, none = np.zeros(count, np.float32), np.zeros((count, 1), np.float32)
    traces, at = Traces(), 0
    while at < count:
        here = slice(at, at + runs[at % len(runs)])
        traces.add(
            Signals(
                *(part[here] for part in (cells, none, nothing, nothing, none, none, nothing + np.float32(1), spread))
            )
        )
        at = here.stop
    whole = cells.reshape(count, 3, 3, 3, 4, 4).mean(axis=(3, 5)).reshape(count, 3, 12).astype(np.uint8)
    flat = np.flatnonzero(spread < traces.FLAT)
    near = [frame for frame in range(count) if len(flat) and np.abs(flat - frame).min() <= traces.REACH - 1]
    assert all((traces.gist(frame) == whole[frame]).all() for frame in near)
    assert (traces.spread == spread).all() and len(traces) == count
    assert len(flat) or not traces._kept


def test_a_growing_row_gives_single_numbers_without_becoming_one() -> None:
    row = Growing(np.float64)
    row.add(np.arange(20_000.0))
    row.add(np.arange(20_000.0, 20_003.0))
    assert [row[at] for at in (0, 8191, 8192, 20_002, -1, -20_003)] == [0, 8191, 8192, 20_002, 20_002, 0]
    for at in (20_003, -20_004):
        with pytest.raises(IndexError, match="20003 numbers"):
            row[at]
    np.testing.assert_array_equal(row.values, np.arange(20_003))
    row.add(np.arange(20_003.0, 20_010.0))
    assert row[12_345] == 12_345 and row[20_009] == row[-1] == 20_009
