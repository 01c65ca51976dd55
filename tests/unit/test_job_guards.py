"""What a store goes by beside its database."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from lookhear.jobs.guards import Clock, Room
from lookhear.jobs.together import Together


def test_after_a_jump_of_the_clock_leases_get_their_time() -> None:
    clock = Clock(lease=0.1)
    now = round(time.time() * 1000)
    assert clock.trusted(now) and clock.trusted(now + 20)
    assert not clock.trusted(now + 3_600_000)
    assert not clock.trusted(now + 3_600_010)
    time.sleep(0.11)
    assert clock.trusted(now + 3_600_120)
    assert not clock.trusted(now)


def test_room_is_counted_when_it_seems_to_be_gone() -> None:
    counts = iter([8, 9, 10])
    room = Room(10)
    taken = [room.take(lambda: next(counts)) for _ in range(4)]
    assert taken == [True, True, True, False]


def test_what_comes_at_once_is_done_in_one_go() -> None:
    groups: list[int] = []
    first_runs, go_on = threading.Event(), threading.Event()

    def act(asked: Sequence[int]) -> list[int]:
        groups.append(len(asked))
        first_runs.set()
        go_on.wait(5.0)
        return [one * 2 for one in asked]

    together = Together(act)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(together.do, 0)
        first_runs.wait(5.0)
        others = [pool.submit(together.do, number) for number in range(1, 9)]
        while len(together._gathered) < 8:
            time.sleep(0.001)
        go_on.set()
        assert [one.result() for one in (first, *others)] == [2 * number for number in range(9)]
    assert groups == [1, 8]


def test_what_is_raised_reaches_all() -> None:
    def act(asked: Sequence[int]) -> list[int]:
        raise ValueError(len(asked))

    with pytest.raises(ValueError, match="1"):
        Together(act).do(1)
