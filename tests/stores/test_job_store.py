"""One suite for both databases: what the store promises."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from lookhear.errors import DuplicateJob, InvalidOptions, QueueFull
from lookhear.jobs.guards import Clock
from lookhear.jobs.job import Job, Status
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from support.jobs import eventually, new

Sql = Callable[[str], None]


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> JobSettings:
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None
    return JobSettings(storage_dir=tmp_path, database_url=url, worker_retry_seconds=60.0)


def taken(store: JobStore, worker: str = "w") -> Job:
    job = store.take(worker)
    assert job is not None
    return job


def kinds(store: JobStore, job: Job) -> list[str]:
    return [event.kind for event in store.events(0, job.id)]


def test_a_job_goes_from_put_to_finished(store: JobStore) -> None:
    put = store.put(new("7", request={"a": [1, "ü\0"]}, priority=3))
    assert (put.status, put.priority, put.media_store_id, put.attempts) == (Status.PENDING, 3, "7", 0)
    assert store.get(put.id) == put == store.numbered(put.number)
    job = taken(store, "one")
    assert (job.id, job.status, job.worker, job.attempts) == (put.id, Status.PROCESSING, "one", 1)
    assert job.request == {"a": [1, "ü\0"]}
    assert store.beat(job, 0.5)
    assert store.finish(job, {"points": [1, 2]})
    done = store.get(job.id)
    assert done is not None
    assert (done.status, done.result, done.progress) == (Status.COMPLETED, {"points": [1, 2]}, 1.0)
    assert done.created_at <= (done.started_at or 0) <= (done.completed_at or 0)
    assert kinds(store, job) == ["pending", "started", "progress", "completed"]
    assert store.take("one") is None


def test_most_urgent_first_then_first_in(store: JobStore) -> None:
    for name, priority in (("A", 5), ("B", 8), ("C", 5), ("D", 10), ("E", 0)):
        store.put(new(name, priority=priority))
    assert [taken(store).media_store_id for _ in range(5)] == ["D", "B", "A", "C", "E"]


@pytest.mark.parametrize("priority", [-1, 11])
def test_a_priority_beyond_the_scale_is_refused(store: JobStore, priority: int) -> None:
    with pytest.raises(InvalidOptions):
        store.put(new(priority=priority))


def test_workers_may_ask_for_types(store: JobStore) -> None:
    store.put(new("a", task_type="faces", priority=9))
    store.put(new("b", task_type="ocr"))
    assert store.take("w", []) is None
    assert store.take("w", ["caption"]) is None
    job = store.take("w", ["ocr", "caption"])
    assert job is not None and job.task_type == "ocr"


def test_a_job_ends_once(store: JobStore) -> None:
    store.put(new())
    job = taken(store)
    assert store.finish(job, {"by": 1})
    assert not store.finish(job, {"by": 2})
    assert store.fail(job, "x", "late", retry=True) is None
    assert not store.hand_back(job)
    assert not store.beat(job)
    done = store.get(job.id)
    assert done is not None and done.result == {"by": 1}
    assert kinds(store, job) == ["pending", "started", "completed"]


def test_who_lost_a_job_cannot_end_it(store: JobStore, sql: Sql) -> None:
    store.put(new())
    first = taken(store, "same name")
    sql("UPDATE queue SET beat_at = beat_at - 31000")
    assert store.reclaim() == 1
    second = taken(store, "same name")
    assert second.attempts == 2
    assert not store.finish(first, {"by": "first"})
    assert store.lost([first, second]) == [first]
    assert store.finish(second, {"by": "second"})


def test_retries_wait_longer_each_time_and_keep_their_priority(store: JobStore, sql: Sql) -> None:
    store.put(new("urgent", priority=9))
    store.put(new("other", priority=1))
    for failures in range(3):
        job = taken(store)
        assert job.media_store_id == "urgent"
        waiting = store.fail(job, "busy", "not now", retry=True)
        assert waiting is not None
        assert (waiting.status, waiting.priority, waiting.error_code) == (Status.PENDING, 9, "busy")
        assert store.events(0, job.id)[-1].data["retry_in_ms"] == 60_000 * 2**failures
        other = taken(store)
        assert other.media_store_id == "other"
        store.hand_back(other)
        sql(f"UPDATE queue SET ready_at = ready_at - {60_000 * 2**failures} WHERE ready_at > 0")
    ended = store.fail(taken(store), "busy", "not now either", retry=True)
    assert ended is not None
    assert (ended.status, ended.error_message) == (Status.ERROR, "not now either")


def test_any_number_of_retries_may_be_allowed_and_waits_stay_within_a_day(settings: JobSettings, sql: Sql) -> None:
    with JobStore(replace(settings, worker_max_retries=10_000)) as store:
        store.put(new())
        for failures in (0, 30, 9_000):
            sql(f"UPDATE queue SET failures = {failures}, ready_at = 0")
            waiting = store.fail(taken(store), "busy", "not now", retry=True)
            assert waiting is not None and waiting.status is Status.PENDING
        assert store.events(0, waiting.id)[-1].data["retry_in_ms"] == 86_400_000


def test_what_cannot_help_is_not_tried_again(store: JobStore) -> None:
    store.put(new())
    ended = store.fail(taken(store), "damaged_medium", "broken\0\ud800", retry=False)
    assert ended is not None and ended.status is Status.ERROR and ended.completed_at is not None
    assert ended.error_message == "broken\ufffd?"
    assert store.stats().queue_size == 0


def test_handing_back_keeps_the_place_and_counts_no_try(store: JobStore) -> None:
    store.put_many([new("a"), new("b")])
    for _ in range(6):
        job = taken(store)
        assert job.media_store_id == "a"
        assert store.hand_back(job)
    failed = store.fail(taken(store), "x", "x", retry=True)
    assert failed is not None and failed.status is Status.PENDING


def test_leases(store: JobStore, sql: Sql) -> None:
    store.put(new())
    job = taken(store)
    assert store.reclaim() == 0
    sql("UPDATE queue SET beat_at = beat_at - 29000")
    assert store.reclaim() == 0
    assert store.beat(job)
    sql("UPDATE queue SET beat_at = beat_at - 31000")
    assert store.reclaim() == 1
    waiting = store.get(job.id)
    assert waiting is not None
    assert (waiting.status, waiting.error_code, waiting.worker) == (Status.PENDING, "worker_lost", None)


def test_a_job_that_kills_its_workers_ends_as_an_error(store: JobStore) -> None:
    store.put(new())
    for attempt in range(4):
        taken(store, f"w{attempt}")
        assert store.bury(f"w{attempt}") == 1
    assert store.take("w") is None
    assert store.listed().jobs[0].error_code == "worker_lost"


def test_a_clock_set_back_keeps_no_job_waiting(store: JobStore, sql: Sql) -> None:
    store.put_many([new("retried"), new("lost")])
    store.fail(taken(store), "busy", "not now", retry=True)
    taken(store)
    sql("UPDATE queue SET ready_at = ready_at + 3600000 WHERE ready_at > 0")
    sql("UPDATE queue SET beat_at = beat_at + 3600000")
    assert taken(store).media_store_id == "retried"
    assert store.reclaim() == 1
    assert taken(store).media_store_id == "lost"


def test_after_a_jump_of_the_clock_the_living_get_time_to_be_heard_of() -> None:
    clock, hour = Clock(lease=0.2), 3_600_000

    def now() -> int:
        return round(time.time() * 1000)

    assert clock.trusted(now())
    for jump in (hour, -hour):
        assert not clock.trusted(now() + jump)
        eventually(lambda jump=jump: clock.trusted(now() + jump))  # type: ignore[misc]
        assert not clock.trusted(now())
        eventually(lambda: clock.trusted(now()))


def test_cancelling(store: JobStore) -> None:
    waits, runs, done = store.put_many([new("waits", priority=0), new("runs"), new("done", priority=9)])
    store.finish(taken(store), {})
    job = taken(store)
    assert store.cancel("no such") is None
    for one in (waits, runs):
        cancelled = store.cancel(one.id)
        assert cancelled is not None and cancelled.status is Status.CANCELLED and cancelled.completed_at
        assert kinds(store, one)[-1] == "cancelled"
    unchanged = store.cancel(done.id)
    assert unchanged is not None and unchanged.status is Status.COMPLETED
    assert not store.beat(job)
    assert not store.finish(job, {})
    assert store.take("w") is None


def test_deleting(store: JobStore) -> None:
    waits, runs = store.put_many([new("waits", priority=0), new("runs")])
    job = taken(store)
    store.note_sync(job, "failed", "no answer")
    assert store.delete(runs.id) is not None
    assert store.delete(runs.id) is None
    assert store.get(runs.id) is None and store.sync_status(runs.id) is None
    assert not store.finish(job, {})
    assert kinds(store, runs)[-1] == "deleted"
    assert store.delete(waits.id) is not None
    assert store.take("w") is None


def test_duplicates(store: JobStore) -> None:
    first = store.put(new(unique="embedding 1"))
    with pytest.raises(DuplicateJob) as refused:
        store.put(new(unique="embedding 1"))
    assert refused.value.job == first and refused.value.http_status == 409
    job = taken(store)
    with pytest.raises(DuplicateJob):
        store.put(new(unique="embedding 1"))
    with pytest.raises(DuplicateJob):
        store.put_many([new("other"), new(unique="embedding 1")])
    store.finish(job, {})
    assert store.put(new(unique="embedding 1")).id != first.id
    assert store.stats().total == 2


def test_one_of_many_duplicates_at_once_is_kept(store: JobStore, settings: JobSettings) -> None:
    def put(store: JobStore) -> bool:
        try:
            store.put(new(unique="same"))
            return True
        except DuplicateJob:
            return False

    with JobStore(settings) as other, ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(put, [store, other] * 20)) == 1
    assert store.stats().total == 1


def test_an_idempotency_key_gives_the_same_job_for_good(store: JobStore, settings: JobSettings) -> None:
    with JobStore(settings) as other, ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda store: store.put(new(idempotency_key="k")).id, [store, other] * 10))
    assert len(ids) == 1
    store.finish(taken(store), {})
    assert store.put(new(idempotency_key="k")).status is Status.COMPLETED


def test_a_full_queue(settings: JobSettings) -> None:
    with JobStore(replace(settings, max_queue=3)) as store:
        first = store.put(new(unique="first"))
        store.put_many([new(), new(idempotency_key="k")])
        with pytest.raises(QueueFull) as refused:
            store.put(new())
        assert refused.value.retryable and refused.value.http_status == 503
        with pytest.raises(DuplicateJob) as twin:
            store.put(new(unique="first"))
        assert twin.value.job == first
        assert store.put(new(idempotency_key="k"))
        taken(store)
        store.put(new())
        with pytest.raises(QueueFull):
            store.put_many([new()])


def test_two_servers_take_each_job_once(store: JobStore, settings: JobSettings) -> None:
    put = {job.id for job in store.put_many([new(str(name)) for name in range(60)])}
    got: list[str] = []

    def work(store: JobStore, worker: str) -> None:
        while job := store.take(worker):
            got.append(job.id)
            assert store.finish(job, {})

    with JobStore(settings) as other:
        workers = [threading.Thread(target=work, args=(store if n % 2 else other, f"w{n}")) for n in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert sorted(got) == sorted(put)
    assert [event.kind for event in store.events(0)].count("completed") == 60


def test_several_processes_start_on_one_database(settings: JobSettings) -> None:
    stores = [JobStore(settings) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(JobStore.open, stores))
    assert stores[0].put(new()) == stores[5].listed().jobs[0]
    for store in stores:
        store.close()


def test_a_full_queue_survives_a_restart(store: JobStore, settings: JobSettings) -> None:
    store.put_many([new("low", priority=1), new("high", priority=9), new("held", priority=10)])
    held = taken(store)
    store.close()
    with JobStore(settings) as again:
        assert [taken(again).media_store_id for _ in range(2)] == ["high", "low"]
        assert again.finish(held, {})


def test_waiting_ends_when_another_process_changes_something(store: JobStore, settings: JobSettings) -> None:
    seen = store.wait(0.0, 0)
    woken = threading.Event()

    def wait() -> None:
        store.wait(30.0, seen)
        woken.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    with JobStore(settings) as other:
        other.put(new())
        assert woken.wait(5.0)
    waiter.join()
    assert store.wait(0.0, seen) == store.newest_event() > seen


def test_waiting_is_no_longer_than_asked_and_ends_when_roused(store: JobStore) -> None:
    seen = store.newest_event()
    assert store.wait(0.01, seen) == seen
    enough = threading.Event()
    waiter = threading.Thread(target=store.wait, args=(30.0, seen, enough.is_set))
    waiter.start()
    enough.set()
    eventually(lambda: store.rouse() or not waiter.is_alive())


def test_pages(store: JobStore) -> None:
    names = [str(name) for name in range(7)]
    store.put_many([new(name, task_type="ocr" if name == "3" else "faces") for name in names])
    shown, cursor = [], None
    while True:
        page = store.listed(limit=3, cursor=cursor)
        shown += [job.media_store_id for job in page.jobs]
        cursor = page.cursor
        if cursor is None:
            break
    assert shown == names[::-1]
    assert [job.media_store_id for job in store.listed(task_type="ocr").jobs] == ["3"]
    assert store.listed(status=Status.ERROR).jobs == ()
    with pytest.raises(InvalidOptions):
        store.listed(cursor="x")


def test_events_come_in_order_and_from_where_one_was(store: JobStore) -> None:
    store.put_many([new("a"), new("b")])
    store.finish(taken(store), {})
    events = store.events(0)
    assert [event.kind for event in events] == ["pending", "pending", "started", "completed"]
    assert [event.id for event in events] == sorted({event.id for event in events})
    assert store.events(events[1].id) == events[2:]
    assert store.events(0, limit=1) == events[:1]
    assert store.newest_event() == events[-1].id
    assert events[0].data == {
        "number": 1, "contract": "jobs", "task_type": "embedding", "media_store_id": "a", "status": "pending",
    }  # fmt: skip


def test_no_reader_passes_an_event_by(store: JobStore, settings: JobSettings) -> None:
    """Ids are committed in their order, whoever draws them."""
    writers_done, read = threading.Event(), []

    def reading() -> None:
        last = 0
        while not writers_done.is_set() or store.events(last):
            for event in store.events(last):
                read.append(event.id)
                last = event.id

    with JobStore(settings) as other:
        reader = threading.Thread(target=reading)
        reader.start()
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda n: (store if n % 2 else other).put(new(str(n))), range(120)))
        writers_done.set()
        reader.join()
    assert len(read) == 120


def test_stats(store: JobStore) -> None:
    store.put_many([new("a"), new("b", task_type="ocr"), new("c", task_type="ocr")])
    store.finish(taken(store), {})
    store.finish(taken(store), {}, Status.SYNC_FAILED)
    stats = store.stats()
    assert stats.by_status == {
        "pending": 1, "processing": 0, "completed": 1, "error": 0, "sync_failed": 1, "cancelled": 0,
    }  # fmt: skip
    assert stats.by_task_type == {"embedding": {"completed": 1}, "ocr": {"sync_failed": 1, "pending": 1}}
    assert (stats.queue_size, stats.completed_today, stats.total) == (1, 1, 3)
    assert stats.oldest_waiting is not None and 0 <= stats.oldest_waiting < 60
    assert stats.mean_ms is not None and stats.mean_ms == stats.mean_ms_by_task_type["embedding"] >= 0


def test_stats_of_nothing_are_not_invented(store: JobStore) -> None:
    stats = store.stats()
    assert (stats.total, stats.oldest_waiting, stats.mean_ms) == (0, None, None)


def test_cleanup(store: JobStore, sql: Sql) -> None:
    old, young, running, waiting = store.put_many([new(name) for name in ("old", "young", "running", "waiting")])
    for _ in range(2):
        store.finish(taken(store), {})
    taken(store)
    sql(f"UPDATE jobs SET completed_at = completed_at - 100000 WHERE number = {old.number}")
    assert store.cleanup(older_than_seconds=50).job_ids == (old.id,)
    assert store.cleanup().job_ids == (young.id,)
    cleaned = store.cleanup(status=Status.PENDING)
    assert (cleaned.job_ids, cleaned.queue_entries) == ((waiting.id,), 1)
    assert store.cleanup(status=Status.PROCESSING).job_ids == ()
    assert [job.id for job in store.listed().jobs] == [running.id]


def test_a_cleanup_takes_any_number(store: JobStore) -> None:
    store.put_many([new(str(number)) for number in range(1001)])
    cleaned = store.cleanup(status=Status.PENDING)
    assert (len(cleaned.job_ids), cleaned.queue_entries, store.stats().total) == (1001, 1001, 0)


def test_what_is_old_expires(store: JobStore, sql: Sql) -> None:
    store.put_many([new("a"), new("b")])
    store.keep("k", "{}")
    store.expire()
    assert len(store.events(0)) == 2 and store.kept("k") == "{}"
    newest = store.newest_event()
    sql("UPDATE events SET at = at - 3601000")
    sql("UPDATE answers SET kept_at = kept_at - 604801000")
    assert store.kept("k") is None
    store.expire()
    assert store.newest_event() == newest
    assert len(store.events(0)) == 1


def test_names_that_no_database_takes_are_merely_unknown(store: JobStore) -> None:
    assert store.get("a\0b") is None and store.numbered(1 << 70) is None and store.numbered(0) is None
    assert store.events(1 << 70) == [] and store.events(0, "\0") == []
    assert store.listed(task_type="\ud800").jobs == ()
    assert store.kept("\0") is None and store.sync_status("\0") is None


def test_answers_are_kept(store: JobStore) -> None:
    assert store.kept("k") is None
    store.keep("k", '{"a": 1}')
    store.keep("k", '{"a": 2}')
    assert store.kept("k") == '{"a": 2}'


def test_deliveries_are_noted(store: JobStore) -> None:
    job = store.put(new("5"))
    assert store.sync_status(job.id) is None
    store.note_sync(job, "failed", "no answer")
    store.note_sync(job, "synced")
    sync = store.sync_status(job.id)
    assert sync is not None
    assert (sync.status, sync.attempts, sync.error, sync.media_store_id) == ("synced", 2, None, "5")
