"""Broker, server and connections are killed while messages are under way: each is answered, none is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.brokers import Broker, Post, post
from examples.tune import compose, write
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from lookhear.settings import Settings
from support.jobs import eventually
from support.processes import Program

COUNT = 60
POISON = 8  # each so many is


@pytest.fixture
def mail(own_broker: Broker) -> Iterator[Post]:
    with post(own_broker.url) as found:
        found.set_up()
        yield found


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    write(compose(bars=1), folder / "tune.wav", "pcm_s16le", "s16")
    return folder


def server(folder: Path, mail: Post, media: Path, **more: str) -> Program:
    chosen = {
        "MAX_WORKERS": "1",
        "PORT": "0",
        "MEDIA_ROOTS": str(media),
        "WORKER_LEASE_SECONDS": "2",
        "ANALYZER_PREFETCH_COUNT": "4",
    }
    return Program(folder, "serve", **mail.variables, **chosen, **more)


def send(mail: Post, numbers: range) -> set[str]:
    for n in numbers:
        path = "gone.wav" if n % POISON == 0 else "tune.wav"
        mail.send(json.dumps({"file_path": path, "message_id": f"m-{n}"}).encode())
    return {f"m-{n}" for n in numbers}


def dead_ids(mail: Post) -> set[str]:
    return {properties.correlation_id for _, properties, _ in mail.dead()}


def poisoned(ids: set[str]) -> set[str]:
    return {id for id in ids if int(id[2:]) % POISON == 0}


def test_a_broker_that_is_killed_under_load(tmp_path: Path, mail: Post, media: Path, own_broker: Broker) -> None:
    with server(tmp_path, mail, media) as program, program.client() as client:
        ids = send(mail, range(COUNT // 2))
        told = mail.heard_once({"m-1"})
        own_broker.kill()
        assert eventually(lambda: client.get("/health").json()["amqp"] == "lost")
        assert client.get("/health").json()["status"] == "degraded" and client.get("/job").status_code == 200
        own_broker.start()
        ids |= send(mail, range(COUNT // 2, COUNT))
        told += mail.heard_once(ids - set(told))
        assert eventually(lambda: client.get("/health").json()["amqp"] == "connected")
        assert program.ended()[0] == 0
    told.update(json.loads(body)["message_id"] for _, _, body in mail.answers())
    assert set(told) == ids
    assert dead_ids(mail) == poisoned(ids)
    assert sum(told.values()) - len(ids) <= COUNT // 2, "only what was under way came again"


def test_a_server_that_is_killed_under_load(tmp_path: Path, mail: Post, media: Path) -> None:
    with server(tmp_path, mail, media) as program:
        ids = send(mail, range(COUNT))
        told = mail.heard_once({"m-1"})
        for _ in range(2):
            program.kill(group=True)
            program.start()
            told += mail.heard_once({f"m-{10 + len(told)}"} - set(told))
        told += mail.heard_once(ids - set(told))
        assert program.ended()[0] == 0
    told.update(json.loads(body)["message_id"] for _, _, body in mail.answers())
    assert set(told) == ids and sum(told.values()) - len(ids) <= 4
    assert dead_ids(mail) == poisoned(ids) and mail.waiting() == 0


def test_one_of_two_servers_is_killed_and_the_other_goes_on(
    tmp_path: Path, mail: Post, media: Path, postgresql_url: str
) -> None:
    (tmp_path / "two").mkdir()
    with server(tmp_path, mail, media, DATABASE_URL=postgresql_url) as first:
        ids = send(mail, range(COUNT))
        told = mail.heard_once({"m-1"})  # it is the one that answers
        with server(tmp_path / "two", mail, media, DATABASE_URL=postgresql_url) as second:
            first.kill(group=True)
            told += mail.heard_once(ids - set(told))
            assert second.ended()[0] == 0
    told.update(json.loads(body)["message_id"] for _, _, body in mail.answers())
    assert set(told) == ids and sum(told.values()) - len(ids) <= 4
    assert dead_ids(mail) == poisoned(ids) and mail.waiting() == 0


def test_connections_that_are_cut(tmp_path: Path, mail: Post, media: Path, own_broker: Broker) -> None:
    with server(tmp_path, mail, media) as program:
        ids = send(mail, range(COUNT // 2))
        told = mail.heard_once({"m-1"})
        own_broker.control("close_all_connections", "a test")
        ids |= send(mail, range(COUNT // 2, COUNT))
        told += mail.heard_once(ids - set(told))
        program.ended()
    assert set(told) == ids and dead_ids(mail) == poisoned(ids)


def test_a_broker_short_of_disk_holds_answers_up_and_loses_none(
    tmp_path: Path, mail: Post, media: Path, own_broker: Broker
) -> None:
    with server(tmp_path, mail, media) as program:
        send(mail, range(1, 2))
        mail.heard_once({"m-1"})  # it publishes by now
        own_broker.control("set_disk_free_limit", "9000GB")
        try:
            mail.anew()
            jobs = _put_aside(tmp_path, mail, media)
            eventually(lambda: jobs.stats().by_status["completed"] >= 6)
            assert mail.answers() == []
            code, seconds = program.ended()
            assert code == 0 and seconds < 30, "it does not wait for the broker to stop"
            program.kill()  # it has ended; nothing of it stays open
            program.start()
        finally:
            own_broker.control("set_disk_free_limit", "1MB")
        told = mail.heard_once({f"late-{n}" for n in range(5)})
        program.ended()
        jobs.close()
    told.update(json.loads(body)["message_id"] for _, _, body in mail.answers())
    assert max(told.values()) <= 2, "what was on its way when the server stopped may come twice"


def _put_aside(folder: Path, mail: Post, media: Path) -> JobStore:
    """Jobs as if they had come by message: the broker takes none now."""
    from lookhear.contracts.analyzer_mail import Mail
    from lookhear.serve.amqp.incoming import job_of

    jobs = JobStore(JobSettings(storage_dir=folder / "data"))
    jobs.open()
    for n in range(5):
        body = json.dumps({"file_path": "tune.wav", "message_id": f"late-{n}"}).encode()
        jobs.put(job_of(Mail(body), Settings(storage_dir=folder / "data", media_roots=str(media))))
    return jobs


def test_a_slow_consumer_whose_queue_is_full_gets_all_in_the_end(
    tmp_path: Path, own_broker: Broker, media: Path
) -> None:
    with post(own_broker.url) as mail:
        mail.set_up()
        mail.channel.queue_delete(mail.heard)
        full = {"x-max-length": 5, "x-overflow": "reject-publish"}
        mail.channel.queue_declare(mail.heard, durable=True, arguments=full)
        mail.channel.queue_bind(mail.heard, mail.names["analyzer_result_exchange_name"], "#")
        with server(tmp_path, mail, media) as program:
            ids = send(mail, range(40))
            eventually(lambda: mail.waiting(mail.heard) >= 5)
            told = mail.heard_once(ids)
            program.ended()
        assert set(told.values()) == {1} and dead_ids(mail) == poisoned(ids)
