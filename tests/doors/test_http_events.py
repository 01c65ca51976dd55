"""Server-sent events as a browser or a script reads them, over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi import FastAPI

from lookhear.errors import DatabaseUnavailable
from lookhear.jobs.job import Job, NewJob
from lookhear.serve.http import events, feed
from lookhear.serve.http.app import create_app
from lookhear.serve.http.feed import Feed
from lookhear.settings import Settings
from support.service import served, until
from support.working import WorkingService

READERS = 1000


class Told(NamedTuple):
    """An event; or a comment, as ``text``."""

    id: str | None
    event: str
    data: dict[str, Any]
    text: str = ""


@contextmanager
def reading(client: httpx.Client, path: str, after: str | None = None) -> Iterator[Iterator[Told]]:
    """What the stream tells; it is heard already when the block begins."""
    headers = {} if after is None else {"Last-Event-ID": after}
    with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = parsed(answer.iter_lines())
        assert next(told).text == "here"
        yield told


def parsed(lines: Iterator[str]) -> Iterator[Told]:
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            yield Told(None, "", {}, line[1:].strip())
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield Told(fields.get("id"), fields["event"], json.loads(fields["data"]))
            fields = {}


def put(service: WorkingService, medium: str = "1") -> Job:
    return service.submit(NewJob("jobs", "colors", medium))


def done(service: WorkingService, medium: str = "1") -> Job:
    job = put(service, medium)
    until(lambda: service.jobs.get(job.id).status.final)  # type: ignore[union-attr]
    return job


def test_a_job_is_told_from_its_first_event_to_its_last(client: httpx.Client, service: WorkingService) -> None:
    service.may_work.clear()
    job = put(service)
    with reading(client, f"/job/{job.id}/events") as told:
        first = next(told)
        service.may_work.set()
        rest = list(told)  # the stream ends by itself
    assert [one.event for one in (first, *rest)] == ["pending", "started", "progress", "completed"]
    ids = [int(one.id or 0) for one in (first, *rest)]
    assert ids == sorted(set(ids))
    assert set(first.data) == {"job_id", "event", "data", "timestamp"}
    assert (first.data["job_id"], first.data["event"]) == (job.id, "pending")
    assert first.data["timestamp"] == pytest.approx(time.time() * 1000, abs=60_000)
    assert rest[-1].data["data"]["status"] == "completed"


@pytest.mark.parametrize(("medium", "event"), [("none", "failed"), ("1", "completed")])
def test_of_a_job_that_has_ended_all_is_told_at_once(
    client: httpx.Client, service: WorkingService, medium: str, event: str
) -> None:
    job = done(service, medium)
    with reading(client, f"/job/{job.id}/events") as told:
        assert [one.event for one in told][-1] == event


def test_cancelling_and_deleting_end_the_stream(client: httpx.Client, service: WorkingService) -> None:
    service.may_work.clear()
    for end, event in ((service.jobs.cancel, "cancelled"), (service.jobs.delete, "deleted")):
        job = put(service)
        with reading(client, f"/job/{job.id}/events") as told:
            assert next(told).event == "pending"
            end(job.id)
            assert list(told)[-1].event == event


def test_who_comes_again_misses_nothing_and_gets_nothing_twice(client: httpx.Client, service: WorkingService) -> None:
    job = done(service)
    with reading(client, f"/job/{job.id}/events") as told:
        whole = list(told)
    for i, last in enumerate(whole[:-1]):
        with reading(client, f"/job/{job.id}/events", last.id) as told:
            assert list(told) == whole[i + 1 :]
    again = client.get(f"/job/{job.id}/events", headers={"Last-Event-ID": whole[-1].id or ""})
    assert (again.status_code, again.content) == (204, b"")  # a browser comes no more


def test_all_events_can_be_taken_up_again(client: httpx.Client, service: WorkingService) -> None:
    with reading(client, "/events") as told:
        first = done(service)
        seen = [next(told)]
        while seen[-1].event != "completed":
            seen.append(next(told))
    assert {one.data["job_id"] for one in seen} == {first.id}
    other = done(service)  # while nobody reads
    with reading(client, "/events", seen[-1].id) as told:
        missed = [next(told)]
        while missed[-1].event != "completed":
            missed.append(next(told))
        live = done(service)
        assert next(told).data["job_id"] == live.id
    assert {one.data["job_id"] for one in missed} == {other.id}


def test_more_events_than_a_page_are_all_told(client: httpx.Client, service: WorkingService) -> None:
    service.may_work.clear()
    jobs = service.jobs.put_many([NewJob("jobs", "colors", "1") for _ in range(feed.PAGE + 100)])
    with reading(client, "/events", "0") as told:
        found = [one for one in (next(told) for _ in range(feed.PAGE + 100)) if one.event == "pending"]
    assert {one.data["job_id"] for one in found} <= {job.id for job in jobs}
    assert len(found) >= feed.PAGE + 99  # one of them is the start of the first


def test_ids_that_are_none_count_for_nothing(client: httpx.Client, service: WorkingService) -> None:
    job = done(service)
    for id in ("", "x", "-1", "1.5"):
        with reading(client, f"/job/{job.id}/events", id) as told:
            assert next(told).event == "pending"


def test_unknown_jobs_are_not_found(client: httpx.Client) -> None:
    for path in ("/job/none/events", "/job/550e8400-e29b-41d4-a716-446655440000/events"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_job")


def test_of_a_job_whose_events_are_gone_its_end_is_told(tmp_path: Path) -> None:
    service = WorkingService(Settings(storage_dir=tmp_path, auth_disabled=True, worker_max_retries=0, event_ttl=0.0))
    with served(create_app(service)) as client:
        job, _ = done(service, "none"), done(service, "none")
        until(lambda: service.jobs.expire() or not service.jobs.events(0, job.id))  # type: ignore[func-returns-value]
        with reading(client, f"/job/{job.id}/events") as told:
            (last,) = told
    assert (last.id, last.event, last.data["data"]["status"]) == (None, "failed", "error")


def test_idle_streams_are_kept_open(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT", 0.05)
    with reading(client, "/events") as told:
        assert [next(told).text for _ in range(3)] == ["still here"] * 3


def test_a_slow_reader_is_let_go_and_can_go_on(
    client: httpx.Client, app: FastAPI, service: WorkingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_MOST", 50)
    service.may_work.clear()
    names = "x" * 50_000  # fills what the network holds of a stream that is not read
    with reading(client, "/events") as told:
        until(lambda: readers(app.state.feed) == 1)
        for _ in range(40):
            service.jobs.put_many([NewJob("jobs", "colors", names) for _ in range(10)])
        until(lambda: readers(app.state.feed) == 0 or slow(app.state.feed))
        seen = list(told)
    assert seen[-1].text == "too slow: come again with Last-Event-ID"
    before = [one for one in seen if one.id]
    assert 50 <= len(before) < 400
    with reading(client, "/events", before[-1].id) as told:
        rest = [next(told) for _ in range(402 - len(before))]
    ids = [int(one.id or 0) for one in (*before, *rest)]
    assert len(set(ids)) == len(ids) and ids == sorted(ids)
    jobs = {one.data["job_id"] for one in (*before, *rest)}
    assert len(jobs) == 400


def readers(of: Feed) -> int:
    return sum(map(len, of._readers.values()))


def slow(of: Feed) -> bool:
    return any(reader.slow for same in list(of._readers.values()) for reader in list(same))


def test_streams_end_when_the_service_stops(app: FastAPI, service: WorkingService) -> None:
    service.may_work.clear()
    with served(app) as client:
        client.get("/").raise_for_status()  # it is open
        job = put(service)
        with reading(client, "/events") as told, reading(client, f"/job/{job.id}/events") as other:
            app.state.running.stop()
            assert list(told)[-1].text == list(other)[-1].text == "the service stops"
        service.may_work.set()


class Lost:
    """Jobs that cannot be read."""

    def newest_event(self) -> int:
        raise DatabaseUnavailable("It does not answer.")


def test_streams_say_when_the_jobs_cannot_be_read() -> None:
    async def told() -> list[bytes]:
        lost: Any = Lost()
        return [one async for one in events._told(lost, Feed(lost, asyncio.Event()), None, None)]

    assert b"cannot be read now" in asyncio.run(told())[-1]


@pytest.mark.alone
def test_a_thousand_idle_readers_cost_nothing_and_hear_all(
    client: httpx.Client, app: FastAPI, service: WorkingService
) -> None:
    service.may_work.clear()
    job = put(service)
    host, port = client.base_url.host, client.base_url.port
    sockets = [socket.create_connection((host, port or 80)) for _ in range(READERS)]
    try:
        for i, one in enumerate(sockets):
            path = "/events" if i % 2 else f"/job/{job.id}/events"
            one.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        heard(sockets[::2], b"event: progress")
        until(lambda: readers(app.state.feed) == READERS, 60)
        turns, cpu, clock = app.state.feed.turns, time.process_time(), time.monotonic()
        assert client.get("/health").status_code == 200
        until(lambda: app.state.feed.turns > turns + 1)  # two quiet seconds
        idle = (time.process_time() - cpu) / (time.monotonic() - clock)
        assert idle < 0.25, f"{idle:.0%} of a core while nothing happens"
        assert app.state.feed.turns <= turns + 3
        service.may_work.set()
        heard(sockets, b"event: completed")
    finally:
        for one in sockets:
            one.close()
    until(lambda: readers(app.state.feed) == 0, 60)


def heard(sockets: list[socket.socket], what: bytes) -> None:
    """All of them get to read it."""
    with DefaultSelector() as selector:
        got = {one: b"" for one in sockets}
        for one in sockets:
            one.setblocking(False)
            selector.register(one, EVENT_READ)
        end = time.monotonic() + 60
        while selector.get_map():
            assert time.monotonic() < end, f"{len(selector.get_map())} readers heard nothing"
            for key, _ in selector.select(1):
                assert isinstance(key.fileobj, socket.socket)
                got[key.fileobj] += key.fileobj.recv(1 << 16)
                if what in got[key.fileobj]:
                    selector.unregister(key.fileobj)
