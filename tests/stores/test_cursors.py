"""One suite for both databases: an outlet is told of everything, by one process at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from lookhear.errors import OutletFailed
from lookhear.jobs.cursors import ENDS
from lookhear.jobs.database import Database
from lookhear.jobs.job import ANSWER, Event, Job, Status
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from lookhear.wiring.telling import Done, Teller
from support.jobs import eventually, new

Sql = Callable[[str], None]


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> JobSettings:
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None
    return JobSettings(storage_dir=tmp_path, database_url=url, event_ttl=10.0)


class Ear:
    """Notes what it is told; fails as often as it shall."""

    name = "ear"
    waits = (0.01, 0.02)

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.failures = 0
        self.hold = threading.Event()
        self.hold.set()

    def begin(self) -> None:
        """Nothing to recall."""

    def deliver(self, events: Sequence[Event], done: Done) -> None:
        for event in events:
            self.hold.wait(20)
            if self.failures:
                self.failures -= 1
                raise OutletFailed("Not now.")
            self.heard.append((event.job_id, event.kind))
            done(event.id)

    def close(self) -> None:
        self.hold.set()


class Breaks(Ear):
    """Cannot stand one of the jobs."""

    bad = ""

    def deliver(self, events: Sequence[Event], done: Done) -> None:
        if self.bad in {event.job_id for event in events}:
            raise ValueError("That one cannot be put in words.")
        super().deliver(events, done)


def ended(store: JobStore, name: str = "1") -> Job:
    job = store.put(new(name))
    taken = store.take("w")
    assert taken is not None and store.finish(taken, {})
    return job


def kinds(store: JobStore) -> list[str]:
    return [event.kind for event in store.events(0)]


def test_a_new_cursor_begins_at_the_newest_event_and_one_that_was_there_goes_on(store: JobStore) -> None:
    ended(store)
    first = store.cursor("ear")
    first.follow()
    assert (first.hold().seen or 0) == store.newest_event()
    ended(store)
    first.follow()
    seen = first.hold().seen
    assert seen is not None and len(store.events(seen, kinds=ENDS)) == 1


def test_one_holds_it_until_it_lets_go_or_dies(store: JobStore, sql: Sql) -> None:
    one, other = store.cursor("ear"), store.cursor("ear")
    assert one.hold().seen == 0 and one.hold().seen == 0
    refused = other.hold()
    assert refused.seen is None and 25 < refused.wait <= 30
    assert one.beat(7) and not other.beat(9)
    one.let_go()
    assert other.hold().seen == 7 and one.hold().seen is None
    sql("UPDATE cursors SET heard_at = heard_at - 31000")
    assert one.hold().seen == 7 and not other.beat(8)
    other.let_go()
    assert one.beat(9), "what another lets go is not ours"
    sql("UPDATE cursors SET heard_at = heard_at + 60000")
    assert other.hold().seen == 9, "the clock was set back"


def test_of_many_that_want_it_one_gets_it(store: JobStore) -> None:
    store.cursor("ear").follow()
    with ThreadPoolExecutor(16) as pool:
        held = list(pool.map(lambda _: store.cursor("ear").hold().seen, range(16)))
    assert sorted(seen is not None for seen in held) == [False] * 15 + [True]


def test_ends_that_are_still_to_be_told_do_not_expire(store: JobStore, sql: Sql) -> None:
    store.cursor("ear").follow()
    ended(store)
    sql("UPDATE events SET at = at - 11000")
    store.put(new("2"))
    store.expire()
    assert kinds(store) == ["completed", "pending"]
    assert store.cursor("ear").hold().seen == 0
    cursor = store.cursor("other")
    cursor.hold()
    cursor.beat(store.newest_event())
    store.expire()
    assert kinds(store) == ["completed", "pending"], "one was told, the other was not"


def test_an_outlet_that_nobody_tells_any_more_holds_nothing_up(store: JobStore, sql: Sql) -> None:
    store.cursor("ear").follow()
    ended(store)
    store.put(new("2"))
    sql("UPDATE events SET at = at - 11000")
    sql("UPDATE cursors SET heard_at = heard_at - 700000000")
    store.expire()
    assert kinds(store) == ["pending"]


def test_an_outlet_that_is_down_for_ever_holds_up_no_more_than_a_week_of_events(store: JobStore, sql: Sql) -> None:
    store.cursor("ear").hold()
    ended(store)
    sql("UPDATE events SET at = at - 700000000")
    store.put(new("2"))
    store.expire()
    assert kinds(store) == ["pending"]


def test_a_cleanup_spares_what_is_still_to_be_told(store: JobStore) -> None:
    cursor = store.cursor("ear")
    cursor.hold()
    job = ended(store)
    assert store.cleanup().job_ids == ()
    cursor.beat(store.newest_event())
    assert store.cleanup().job_ids == (job.id,)


def test_who_is_deleted_before_its_end_can_still_be_answered(store: JobStore) -> None:
    one = store.put(new("1", request={ANSWER: {"to": "me"}}))
    two = store.put(new("2", request={ANSWER: {"to": "you"}}))
    assert store.delete(one.id) and store.cleanup(status=Status.PENDING).job_ids == (two.id,)
    told = store.events(0, kinds=["deleted"])
    assert [(event.data["status"], event.data[ANSWER]["to"]) for event in told] == [
        ("pending", "me"),
        ("pending", "you"),
    ]


def test_what_ends_is_told_once_in_order_also_what_ended_while_nobody_told(store: JobStore) -> None:
    ear = Ear()
    ended(store, "before")
    teller = Teller(store, ear)
    teller.start()
    told = [ended(store, str(n)).id for n in range(5)]
    eventually(lambda: len(ear.heard) == 5)
    teller.close()
    told += [ended(store, str(n)).id for n in range(5)]
    again = Teller(store, ear)
    again.start()
    eventually(lambda: len(ear.heard) == 10)
    again.close()
    assert ear.heard == [(id, "completed") for id in told]


def test_what_could_not_be_told_is_told_later(store: JobStore, caplog: pytest.LogCaptureFixture) -> None:
    ear = Ear()
    ear.failures = 3
    teller = Teller(store, ear)
    teller.start()
    told = [ended(store, str(n)).id for n in range(3)]
    eventually(lambda: len(ear.heard) == 3)
    eventually(lambda: "told again" in caplog.text)
    teller.close()
    assert [id for id, _ in ear.heard] == told
    assert caplog.text.count("is told later") == 1


def test_another_takes_over_when_the_first_is_not_heard_of(settings: JobSettings) -> None:
    """The first hangs, as a process that is stopped does; what it was about to tell is told by the other."""
    settings = replace(settings, worker_lease_seconds=0.6)
    with JobStore(settings) as one, JobStore(settings) as two:
        first = one.cursor("ear")
        first.hold()
        told = [ended(one, str(n)).id for n in range(3)]
        assert first.beat(one.events(0, kinds=ENDS)[0].id)
        ear = Ear()
        teller = Teller(two, ear)
        teller.start()
        eventually(lambda: len(ear.heard) == 2)
        assert not first.beat(99)
        teller.close()
        assert [id for id, _ in ear.heard] == told[1:]


def _heard_at(settings: JobSettings) -> int:
    database = Database(settings)
    with database.read() as connection:
        found: int = connection.execute(text("SELECT heard_at FROM cursors")).scalar_one()
    database.close()
    return found


def test_a_lease_is_kept_while_a_delivery_takes_long(settings: JobSettings) -> None:
    settings = replace(settings, worker_lease_seconds=0.3)
    with JobStore(settings) as one, JobStore(settings) as two:
        slow, other = Ear(), Ear()
        slow.hold.clear()
        tellers = [Teller(one, slow), Teller(two, other)]
        tellers[0].start()
        job = ended(one)
        eventually(lambda: two.cursor("ear").hold().seen is None)
        tellers[1].start()
        began = _heard_at(settings)
        eventually(lambda: _heard_at(settings) - began > 900)  # three leases
        slow.hold.set()
        eventually(lambda: slow.heard)
        for teller in tellers:
            teller.close()
        assert slow.heard == [(job.id, "completed")] and other.heard == []


def test_no_event_is_passed_by_while_many_write(settings: JobSettings) -> None:
    """Ids are committed in their order, so that a reader that goes on from the last it saw misses none."""
    with JobStore(settings) as store:
        ear = Ear()
        teller = Teller(store, ear)
        teller.start()
        with ThreadPoolExecutor(8) as pool:
            jobs = list(pool.map(lambda n: store.put(new(str(n))).id, range(200)))
            done = list(pool.map(lambda id: store.cancel(id), jobs))
        assert all(done)
        eventually(lambda: len(ear.heard) >= 200)
        teller.close()
    assert sorted(ear.heard) == sorted((id, "cancelled") for id in jobs)


def test_an_end_that_cannot_be_told_holds_up_no_others(store: JobStore, caplog: pytest.LogCaptureFixture) -> None:
    ear = Breaks()
    teller = Teller(store, ear)
    store.cursor("ear").follow()
    jobs = [ended(store, str(number)) for number in range(6)]
    ear.bad = jobs[2].id
    teller.start()
    try:
        eventually(lambda: len(ear.heard) == 5)
        jobs.append(ended(store, "6"))
        eventually(lambda: len(ear.heard) == 6)
    finally:
        teller.close()
    assert [id for id, _ in ear.heard] == [job.id for job in jobs if job.id != ear.bad]
    assert f"job {ear.bad} is completed" in caplog.text
