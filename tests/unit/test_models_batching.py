"""Runs shared by callers at the same time: the same answers as alone, and nobody suffers for another."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookhear.models.batching import Batcher
from lookhear.models.sessions import Sessions
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Model
from lookhear.models.store import Store
from support.weights import install, rows, times

Feeds = Mapping[str, NDArray[np.float32]]


class Doubles:
    """Doubles rows; refuses those that are not numbers. The first run waits for ``opened``, the others are noted."""

    def __init__(self, *, opened: bool = True) -> None:
        self.sizes: list[int] = []
        self.opened, self.began = threading.Event(), threading.Event()
        if opened:
            self.opened.set()

    def __call__(self, feeds: Feeds) -> list[NDArray[np.float32]]:
        self.sizes.append(len(feeds["x"]))
        self.began.set()
        assert self.opened.wait(20)
        if not np.isfinite(feeds["x"]).all():
            raise ValueError(f"no number in {len(feeds['x'])} rows")
        return [2 * feeds["x"], feeds["x"][:, :1]]


def together(run: Doubles, calls: list[Feeds], most: int = 8) -> list[Future[list[NDArray[np.float32]]]]:
    """One call is running; these wait behind it, and then all are answered."""
    batcher = Batcher(run, most)
    with ThreadPoolExecutor(len(calls) + 1) as threads:
        first = threads.submit(batcher, rows(0.0))
        assert run.began.wait(20)
        futures = []
        for feeds in calls:
            futures.append(threads.submit(batcher, feeds))
            while len(batcher._waiting) < len(futures):
                pass  # in this order
        run.opened.set()
    assert first.result()[0].tolist() == [[0.0] * 4]
    return futures


def test_who_waits_goes_together(tmp_path: Path) -> None:
    run = Doubles(opened=False)
    calls = [rows(*range(i, i + count)) for i, count in enumerate((1, 3, 2, 2))]
    for feeds, future in zip(calls, together(run, calls), strict=True):
        np.testing.assert_array_equal(future.result()[0], 2 * feeds["x"])
        np.testing.assert_array_equal(future.result()[1], feeds["x"][:, :1])
    assert run.sizes == [1, 8]


def test_no_run_is_larger_than_it_may_be_unless_one_caller_has_more(tmp_path: Path) -> None:
    run = Doubles(opened=False)
    counts = (5, 4, 3, 20, 1)
    futures = together(run, [rows(*range(count)) for count in counts])
    assert [len(future.result()[0]) for future in futures] == list(counts)
    assert run.sizes == [1, 8, 5, 20] and sum(run.sizes) == 1 + sum(counts)


def test_a_poisoned_row_breaks_only_its_own_caller() -> None:
    run = Doubles(opened=False)
    futures = together(run, [rows(1.0), rows(2.0, float("nan")), rows(3.0)])
    assert futures[0].result()[0][0, 0] == 2.0 and futures[2].result()[0][0, 0] == 6.0
    with pytest.raises(ValueError, match="no number in 2 rows"):
        futures[1].result()
    assert run.sizes == [1, 4, 1, 2, 1]


def test_rows_that_do_not_go_together_are_not_joined() -> None:
    run = Doubles(opened=False)
    wide, whole = {"x": np.ones((1, 6), np.float32)}, {"x": np.ones((1, 4), np.int64)}
    futures = together(run, [rows(1.0), wide, rows(2.0), whole])  # type: ignore[list-item]
    assert [future.result()[0].shape for future in futures] == [(1, 4), (1, 6), (1, 4), (1, 4)]
    assert futures[3].result()[0].dtype == np.int64 and run.sizes == [1, 2, 1, 1]


def test_inputs_of_unequal_length_are_not_made_to_fit_by_those_of_another() -> None:
    """Two and three rows of one caller beside three and two of another would be five and five, and wrong for both."""

    def sums(feeds: Feeds) -> list[NDArray[np.float32]]:
        began.set()
        assert opened.wait(20)
        return [feeds["x"] + feeds["y"]]

    began, opened, batcher = threading.Event(), threading.Event(), Batcher(sums, 16)
    one = {"x": np.ones((2, 1), np.float32), "y": np.ones((3, 1), np.float32)}
    other = {"x": np.ones((3, 1), np.float32), "y": np.ones((2, 1), np.float32)}
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(batcher, {"x": np.ones((1, 1), np.float32), "y": np.ones((1, 1), np.float32)})
        assert began.wait(20)
        futures = [threads.submit(batcher, feeds) for feeds in (one, other)]
        while len(batcher._waiting) < 2:
            pass
        opened.set()
    assert first.result()[0].tolist() == [[2.0]]
    for future in futures:
        with pytest.raises(ValueError, match="broadcast"):
            future.result()


def test_no_rows_are_an_answer_without_rows() -> None:
    run = Doubles(opened=False)
    none, one = together(run, [{"x": np.empty((0, 4), np.float32)}, rows(1.0)])
    assert none.result()[0].shape == (0, 4) and one.result()[0].shape == (1, 4)


def test_an_interruption_leaves_nobody_waiting() -> None:
    def interrupted(feeds: Feeds) -> list[NDArray[np.float32]]:
        raise KeyboardInterrupt

    batcher = Batcher(interrupted, 8)
    with pytest.raises(KeyboardInterrupt):
        batcher(rows(1.0))
    assert not batcher._busy and not batcher._waiting


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 12))
def test_any_rows_in_any_company_get_their_own_answer(counts: list[int], most: int) -> None:
    run = Doubles(opened=False)
    calls = [rows(*np.arange(100 * i, 100 * i + count)) for i, count in enumerate(counts)]
    for feeds, future in zip(calls, together(run, calls, most), strict=True):
        np.testing.assert_array_equal(future.result()[0], 2 * feeds["x"])
    assert all(size <= max(most, *counts) for size in run.sizes) and sum(run.sizes) == 1 + sum(counts)


def test_eight_threads_get_from_a_model_what_each_would_get_alone(tmp_path: Path) -> None:
    one = install(Store(tmp_path / "store"), tmp_path, times(3.0), batch=True)
    pool = Sessions(ModelSettings(max_batch_size=16))
    model, start = Model(one, pool), threading.Barrier(8)

    def ask(seed: int) -> bool:
        random = np.random.default_rng(seed)
        start.wait()
        for _ in range(60):
            feeds = {"x": random.random((int(random.integers(1, 7)), 4), np.float32)}
            if not np.array_equal(model.run(feeds)[0], np.float32(3.0) * feeds["x"]):
                return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(8)))
    assert pool.loads(one) == 1
    pool.close()


def test_a_model_with_a_fixed_batch_answers_all_the_same(tmp_path: Path) -> None:
    """Its card says that it takes batches, and it does not."""
    one = install(Store(tmp_path / "store"), tmp_path, times(3.0, shape=(1, 4)), batch=True)
    pool = Sessions(ModelSettings())
    model, start = Model(one, pool), threading.Barrier(4)

    def ask(number: int) -> float:
        start.wait()
        return float(model.run(rows(float(number)))[0][0, 0])

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(4))) == [0.0, 3.0, 6.0, 9.0]
    pool.close()


@pytest.mark.alone
def test_alone_nobody_waits() -> None:
    run = Doubles()
    batcher = Batcher(run, 8)

    def median(call: Callable[[Feeds], object]) -> float:
        feeds, spans = rows(1.0), []
        for _ in range(300):
            began = time.perf_counter()
            call(feeds)
            spans.append(time.perf_counter() - began)
        return statistics.median(spans)

    assert median(batcher) - median(run) < 0.0005
    assert set(run.sizes) == {1}
