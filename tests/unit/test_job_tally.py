"""Counts that are added up elsewhere."""

from __future__ import annotations

from lookhear.jobs.tally import BOUNDS, JOB, TASK, Figure, Key, Tally, means, together


def test_what_is_counted_is_taken_once() -> None:
    tally = Tally()
    tally.add(TASK, "mir", "none", 0.02)
    tally.add(TASK, "mir", "none", 0.015)
    tally.add(TASK, "mir", "none", 5000.0)
    taken = tally.take()
    assert taken == {
        Key(TASK, "mir", "none", 1): Figure(2, 0.035),
        Key(TASK, "mir", "none", len(BOUNDS)): Figure(1, 5000.0),
    }
    assert tally.take() == {}
    tally.put_back(taken)
    assert tally.now() == taken == tally.take()


def test_means_are_of_one_kind() -> None:
    first, second = Tally(), Tally()
    first.add(TASK, "mir", "a", 1.0)
    second.add(TASK, "mir", "b", 2.0)
    second.add(JOB, "mir", "completed", 9.0)
    assert means(together(first.now(), second.now()), TASK) == {"mir": 1.5}
