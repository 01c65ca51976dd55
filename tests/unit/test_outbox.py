"""What waits for a broker: bounded, in order, and not stuck behind one message that nobody takes."""

from __future__ import annotations

import threading

from lookhear.outlets.outbox import TRIES, Message, Outbox


def message(name: str, size: int = 1) -> Message:
    return Message(name, b"x" * size)


def taken(box: Outbox, most: int = 100) -> list[Message]:
    found = []
    while (one := box.take(most)) is not None:
        found.append(one)
    return found


def names(messages: list[Message]) -> list[str]:
    return [one.topic for one in messages]


def test_they_come_in_order_and_no_more_than_may_be_on_their_way() -> None:
    box = Outbox()
    for name in "abc":
        box.put(message(name))
    first = taken(box, 2)
    assert names(first) == ["a", "b"] and len(box) == 3
    box.confirm(first[1])
    assert names(taken(box, 2)) == ["c"] and len(box) == 2


def test_the_oldest_make_room_but_not_what_takes_a_message_away() -> None:
    box = Outbox(capacity=3)
    box.put(message("away", 0))
    for name in "abc":
        assert box.put(message(name))
    assert names(taken(box)) == ["away", "b", "c"]
    assert box.dropped() == 1 and box.dropped() == 0


def test_bytes_are_counted() -> None:
    box = Outbox(capacity_bytes=10)
    assert not box.put(message("too large", 11))
    box.put(message("a", 6))
    box.put(message("b", 6))
    (left,) = taken(box)
    assert left.topic == "b" and box.dropped() == 2
    assert not box.put(message("c", 6)), "what is on its way makes no room"
    box.confirm(left)
    assert box.put(message("c", 6)) and len(box) == 1


def test_after_a_break_what_was_on_its_way_comes_first_and_the_head_alone() -> None:
    box = Outbox()
    for name in "abc":
        box.put(message(name))
    taken(box, 2)
    assert box.broken() is None
    (head,) = taken(box)
    assert head.topic == "a"
    box.confirm(head)
    assert names(taken(box)) == ["b", "c"]


def test_a_message_that_breaks_every_connection_is_given_up() -> None:
    box = Outbox()
    box.put(message("bad"))
    box.put(message("good"))
    given_up = []
    for _ in range(TRIES):
        taken(box)
        given_up.append(box.broken())
    assert given_up[:-1] == [None] * (TRIES - 1)
    assert given_up[-1] is not None and given_up[-1].topic == "bad"
    assert names(taken(box)) == ["good"] and len(box) == 1


def test_a_break_with_nothing_on_its_way_blames_nobody() -> None:
    box = Outbox()
    box.put(message("a"))
    assert all(box.broken() is None for _ in range(2 * TRIES))
    assert names(taken(box)) == ["a"]


def test_what_is_withdrawn_is_not_sent_and_settled() -> None:
    box = Outbox()
    sent, waiting, other = message("sent"), message("waiting"), message("other")
    for one in (sent, waiting, other):
        box.put(one)
    box.take(1)
    box.withdraw([sent, waiting], lost=True)
    assert sent.settled and waiting.settled and not other.settled
    assert box.broken() is None and names(taken(box)) == ["other"], "nor again after a break"
    assert box.dropped() == 2


def test_waiting_ends_when_all_are_settled() -> None:
    box = Outbox()
    one = message("a")
    box.put(one)
    taken(box)
    waiter = threading.Thread(target=box.wait, args=([one], 30.0))
    waiter.start()
    box.confirm(one)
    waiter.join(10)
    assert not waiter.is_alive() and one.settled
    box.wait([one], 30.0)
