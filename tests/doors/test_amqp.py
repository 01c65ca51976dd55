"""The analyzer by message: a real broker, real analyses, each message answered once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.brokers import Post, post
from examples.film import write_film
from examples.picture import write_poster
from examples.tune import compose, write
from lookhear.errors import InvalidSettings
from lookhear.jobs.job import Status
from lookhear.outlets.amqp import Letter, Publisher
from lookhear.serve.amqp.consumer import Consumer
from lookhear.serve.http.app import create_app
from lookhear.settings import Settings
from lookhear.wiring.service import Service
from support.jobs import eventually
from support.service import served

QUICK = (0.05, 0.2)


@pytest.fixture
def mail(broker_url: str) -> Iterator[Post]:
    with post(broker_url) as found:
        found.set_up()
        yield found


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    tune = compose(bars=1)
    write(tune, folder / "tune.wav", "pcm_s16le", "s16")
    write_film(folder / "film.mp4", tune)
    write_poster(folder / "poster.png")
    (folder / "note.txt").write_text("no medium")
    return folder


@contextmanager
def serving(folder: Path, mail: Post, media: Path, workers: bool = True, **more: Any) -> Iterator[Service]:
    """A server without its HTTP."""
    chosen: dict[str, Any] = {"max_workers": 1, "worker_max_retries": 0, "worker_lease_seconds": 2.0, **more}
    service = Service(Settings(storage_dir=folder, media_roots=str(media), **mail.settings, **chosen))
    consumer = Consumer(service, QUICK)
    service.open()
    if workers:
        service.start_workers()
    consumer.start()
    try:
        yield service
    finally:
        consumer.stop()
        if workers:
            service.stop_workers()
        service.close()


def heard(mail: Post, count: int, seconds: float = 60.0) -> list[tuple[Any, Any, dict[str, Any]]]:
    """So many answers."""
    found: list[tuple[Any, Any, bytes]] = []

    def enough() -> bool:
        found.extend(mail.answers())
        return len(found) >= count

    eventually(enough, seconds, 0.02)
    return [(method, properties, json.loads(body)) for method, properties, body in found]


def asked(path: Path | str, **more: Any) -> bytes:
    return json.dumps({"file_path": str(path), **more}).encode()


def ingested(path: Path, **more: Any) -> bytes:
    """As a file watcher tells of it."""
    about = {"media_type": "audio", "mime_type": "audio/x-wav", "extension": ".wav"}
    told = {"event_type": "IN_CLOSE_WRITE", "sha256_hash": "ab" * 32, "media_metadata": about, "related_media": []}
    return json.dumps({"file_path": str(path), **told, "routing_key": "media.audio.ingested", **more}).encode()


def test_both_forms_of_messages_are_answered(tmp_path: Path, mail: Post, media: Path) -> None:
    with serving(tmp_path, mail, media):
        mail.send(asked(media / "tune.wav", message_id="m-1", media_id="one", analysis_options={"extract_mir": False}))
        mail.send(ingested(media / "tune.wav"), content_encoding="application/json", message_id="watcher-7")
        mail.send(asked(media / "film.mp4", message_id="m-2"), "media.video.ingested")
        found = {body["message_id"]: (method, properties, body) for method, properties, body in heard(mail, 3)}
    method, properties, body = found["m-1"]
    assert body["success"] and body["media_id"] == "one" and "mir" not in body["features"]
    assert body["features"]["spectral"]["spectral_centroid"] > 0 and body["quality_metrics"]
    assert (method.routing_key, properties.correlation_id) == ("enriched.audio.analyzed", "m-1")
    assert (properties.delivery_mode, properties.content_type) == (2, "application/json") and properties.message_id
    _, properties, body = found["watcher-7"]
    assert body["success"] and body["media_id"] == "ab" * 32 and properties.correlation_id == "watcher-7"
    method, _, body = found["m-2"]
    assert method.routing_key == "enriched.video.analyzed" and body["features"]["visual"]
    assert mail.dead() == [] and mail.waiting() == 0


def test_urgent_messages_come_first(tmp_path: Path, mail: Post, media: Path) -> None:
    with serving(tmp_path, mail, media, workers=False) as service:
        for priority in ("low", "normal", "critical", 8, None):
            mail.send(asked(media / "tune.wav", message_id=f"m-{priority}", priority=priority))
        eventually(lambda: service.jobs.waiting() == 5)
        service.start_workers()
        order = [body["message_id"] for _, _, body in heard(mail, 5)]
        service.stop_workers()
    assert order == ["m-critical", "m-8", "m-normal", "m-None", "m-low"]


POISON = {
    "no JSON": (b"\xff\xfe{", "bad_message"),
    "no object": (b"[1]", "bad_message"),
    "no file": (b'{"message_id": "m-1"}', "bad_message"),
    "a priority that is none": (b'{"message_id": "m-1", "file_path": "tune.wav", "priority": "soon"}', "bad_message"),
    "a priority beyond all numbers": (
        b'{"message_id": "m-1", "file_path": "tune.wav", "priority": 1%s}' % (b"0" * 400),
        "bad_message",
    ),
    "empty": (b"", "bad_message"),
    "nothing there": (b'{"message_id": "m-1", "file_path": "gone.wav"}', "medium_not_found"),
    "outside": (b'{"message_id": "m-1", "file_path": "/etc/passwd"}', "path_refused"),
    "out by dots": (b'{"message_id": "m-1", "file_path": "../../../etc/passwd"}', "path_refused"),
    "a folder": (b'{"message_id": "m-1", "file_path": "."}', "not_a_medium"),
    "no medium": (b'{"message_id": "m-1", "file_path": "note.txt"}', "not_a_medium"),
    "a picture": (b'{"message_id": "m-1", "file_path": "poster.png"}', "wrong_medium"),
}


@pytest.mark.parametrize("kind", POISON)
def test_poison_is_answered_and_put_aside_with_its_reason(tmp_path: Path, mail: Post, media: Path, kind: str) -> None:
    poison, code = POISON[kind]
    with serving(tmp_path, mail, media):
        mail.send(poison, headers={"mine": "kept"})
        mail.send(asked("tune.wav", message_id="after"))
        bodies = {body["message_id"]: (properties, body) for _, properties, body in heard(mail, 2)}
        (dead,) = mail.dead()
    assert bodies.pop("after")[1]["success"], "it holds up nobody"
    ((id, (properties, body)),) = bodies.items()
    assert not body["success"] and body["error"]["code"] == code and body["error"]["message"]
    assert properties.correlation_id == id and (id == "m-1" or b"m-1" not in poison)
    _, properties, original = dead
    assert original == poison and properties.headers["x-reason"] == code and properties.headers["mine"] == "kept"
    assert properties.headers["x-original-routing-key"] == "media.audio.ingested"
    assert properties.correlation_id == id and properties.delivery_mode == 2
    assert mail.waiting() == 0


def test_an_id_that_is_too_long_for_a_header_is_cut_there(tmp_path: Path, mail: Post, media: Path) -> None:
    id = "\U0001f600" * 100
    with serving(tmp_path, mail, media):
        mail.send(asked("tune.wav", message_id=id))
        mail.send(asked("gone.wav", message_id=f"{id}!"))
        found = {body["message_id"]: properties.correlation_id for _, properties, body in heard(mail, 2)}
    assert found == {id: id[:63], f"{id}!": id[:63]} and mail.waiting() == 0


def test_copies_that_a_message_asks_for_are_not_made_of_what_is_put_aside(
    tmp_path: Path, mail: Post, media: Path
) -> None:
    with serving(tmp_path, mail, media):
        mail.send(asked("gone.wav", message_id="m"), headers={"CC": ["elsewhere"], "mine": "kept"})
        mail.send(asked("tune.wav", message_id="after"))
        assert sorted(body["message_id"] for _, _, body in heard(mail, 2)) == ["after", "m"]
        ((_, properties, _),) = mail.dead()
    assert properties.headers["mine"] == "kept" and "CC" not in properties.headers and mail.answers() == []


@pytest.mark.parametrize(
    "odd",
    [
        {"message_id": b"\xff"},
        {"correlation_id": b"\xff"},
        {"headers": {b"\xff": "a"}},
        {"headers": {"a": b"\xff"}},
        {"timestamp": 2**62},
    ],
    ids=repr,
)
def test_properties_that_cannot_be_read_hold_up_nobody(
    tmp_path: Path, mail: Post, media: Path, odd: dict[str, Any]
) -> None:
    with serving(tmp_path, mail, media):
        mail.send(asked("tune.wav", message_id="odd"), **odd)
        mail.send(asked("tune.wav", message_id="after"))
        assert sorted(body["message_id"] for _, _, body in heard(mail, 2, 20.0)) == ["after", "odd"]
    assert mail.waiting() == 0


def test_the_same_message_fifty_times_is_answered_once(tmp_path: Path, mail: Post, media: Path) -> None:
    with serving(tmp_path, mail, media, analyzer_prefetch_count=8) as service:
        for _ in range(50):
            mail.send(asked("tune.wav", message_id="again"))
        for _ in range(50):
            mail.send(b"poison")
        mail.send(asked("tune.wav", message_id="last", priority="low"))
        found = heard(mail, 3)
        eventually(lambda: mail.waiting() == 0)
        assert service.jobs.stats().total == 3
    assert len(mail.answers()) == 0 and len(mail.dead()) == 1
    assert sorted(body["success"] for _, _, body in found) == [False, True, True]


def test_another_message_with_the_same_id_is_put_aside(tmp_path: Path, mail: Post, media: Path) -> None:
    with serving(tmp_path, mail, media):
        mail.send(asked("tune.wav", message_id="m"))
        for _ in range(2):
            mail.send(asked("film.mp4", message_id="m"))
        mail.send(asked("tune.wav", message_id="last", priority="low"))
        assert [(body["message_id"], body["success"]) for _, _, body in heard(mail, 2)] == [("m", True), ("last", True)]
    ((_, properties, body),) = mail.dead()
    assert body == asked("film.mp4", message_id="m") and properties.headers["x-reason"] == "key_reused"
    assert mail.answers() == [] and mail.waiting() == 0


def test_a_message_that_comes_again_when_its_file_has_gone_finds_its_job(
    tmp_path: Path, mail: Post, media: Path
) -> None:
    passing = media / "passing.wav"
    passing.write_bytes((media / "tune.wav").read_bytes())
    with serving(tmp_path, mail, media) as service:
        mail.send(asked("passing.wav", message_id="m"))
        assert heard(mail, 1)[0][2]["success"]
        passing.unlink()
        mail.send(asked("passing.wav", message_id="m"), "media.moved")
        mail.send(asked("tune.wav", message_id="last"))
        assert [body["message_id"] for _, _, body in heard(mail, 1)] == ["last"]
        assert service.jobs.stats().total == 2
    assert mail.dead() == []


def test_a_queue_of_jobs_that_is_full_holds_messages_back(tmp_path: Path, mail: Post, media: Path) -> None:
    with serving(tmp_path, mail, media, workers=False, max_queue=2) as service:
        for n in range(6):
            mail.send(asked("tune.wav", message_id=f"m-{n}"))
        eventually(lambda: mail.waiting() == 3)  # and one under way
        assert service.jobs.waiting() == 2
        service.start_workers()
        found = heard(mail, 6)
        service.stop_workers()
    assert sorted(body["message_id"] for _, _, body in found) == [f"m-{n}" for n in range(6)]
    assert all(body["success"] for _, _, body in found) and mail.dead() == []


def test_cancelled_and_deleted_jobs_are_answered_too(tmp_path: Path, mail: Post, media: Path) -> None:
    with serving(tmp_path, mail, media, workers=False) as service:
        for name in ("cancelled", "deleted", "cleaned"):
            mail.send(asked("tune.wav", message_id=name, media_id=name))
        eventually(lambda: service.jobs.waiting() == 3)
        jobs = {job.media_store_id: job for job in service.jobs.listed().jobs}
        service.jobs.cancel(jobs["cancelled"].id)
        service.delete(jobs["deleted"].id)
        assert service.jobs.cleanup(status=Status.PENDING).job_ids == (jobs["cleaned"].id,)
        found = {body["message_id"]: body["error"]["code"] for _, _, body in heard(mail, 3)}
        dead = eventually(mail.dead)
    assert found == {"cancelled": "job_cancelled", "deleted": "job_deleted", "cleaned": "job_deleted"}
    assert {properties.headers["x-reason"] for _, properties, _ in dead} <= {"job_cancelled", "job_deleted"}


def test_what_is_there_is_taken_as_it_is(tmp_path: Path, broker_url: str, media: Path) -> None:
    """A fanout exchange and a queue with arguments, as other producers declare them."""
    with post(broker_url) as mail:
        mail.set_up("fanout", **{"x-max-priority": 10, "x-message-ttl": 3_600_000})
        with serving(tmp_path, mail, media):
            mail.send(asked("tune.wav", message_id="m"), key="")
            ((_, _, body),) = heard(mail, 1)
    assert body["success"]


def test_what_is_not_there_is_made_durable(tmp_path: Path, broker_url: str, media: Path) -> None:
    with post(broker_url) as mail:
        with serving(tmp_path, mail, media):
            eventually(lambda: _there(mail, mail.names["analyzer_queue_name"]))
            mail.listen()
            mail.send(asked("tune.wav", message_id="m"), key="media.a.b.c")
            assert heard(mail, 1)
        for name, kind in (("analyzer_exchange_name", "topic"), ("analyzer_result_exchange_name", "topic")):
            mail.channel.exchange_declare(mail.names[name], kind, durable=True)  # would be refused if it were another


def _there(mail: Post, queue: str) -> bool:
    """With someone who takes from it, and so with all that is set up before."""
    from pika.exceptions import ChannelClosedByBroker

    try:
        return bool(mail.channel.queue_declare(queue, passive=True).method.consumer_count)
    except ChannelClosedByBroker:
        return False


def test_an_answer_that_nobody_hears_is_put_aside(tmp_path: Path, mail: Post, media: Path) -> None:
    mail.channel.queue_delete(mail.heard)
    with serving(tmp_path, mail, media):
        mail.send(asked("tune.wav", message_id="m"))
        ((_, properties, body),) = eventually(mail.dead)
    assert json.loads(body)["success"] and properties.headers["x-reason"] == "unrouted"


def letters(count: int) -> list[Letter]:
    return [Letter("enriched.audio.analyzed", b"{}", f"id-{number}", "asked") for number in range(count)]


def test_what_the_broker_took_is_not_published_again_by_another(mail: Post) -> None:
    taken: Counter[str] = Counter()
    for count in (20, 20, 30):  # the last one goes on where nobody noted how far the others came
        publisher = Publisher(Settings(**mail.settings), QUICK)
        try:
            publisher.begin()
            publisher.publish(letters(count), lambda _: None)
        finally:
            publisher.close()
        taken.update(properties.message_id for _, properties, _ in mail.answers())
    assert taken == {f"id-{number}": 1 for number in range(30)}


def test_what_is_put_aside_is_not_put_aside_again(mail: Post) -> None:
    mail.channel.queue_delete(mail.heard)
    for _ in range(2):
        publisher = Publisher(Settings(**mail.settings), QUICK)
        try:
            publisher.begin()
            publisher.publish(letters(5), lambda _: None)
        finally:
            publisher.close()
    aside = [(properties.message_id, properties.headers["x-reason"]) for _, properties, _ in mail.dead()]
    assert sorted(aside) == [(f"id-{number}", "unrouted") for number in range(5)]


def test_marks_can_be_left_out(mail: Post) -> None:
    publisher = Publisher(Settings(**{**mail.settings, "analyzer_published_queue_name": ""}), QUICK)
    try:
        publisher.begin()
        publisher.publish(letters(3), lambda _: None)
    finally:
        publisher.close()
    assert len(mail.answers()) == 3 and not _there(mail, mail.names["analyzer_published_queue_name"])


def test_a_queue_that_is_deleted_is_made_again(tmp_path: Path, mail: Post, media: Path) -> None:
    with serving(tmp_path, mail, media):
        mail.send(asked("tune.wav", message_id="before"))
        heard(mail, 1)
        mail.channel.queue_delete(mail.names["analyzer_queue_name"])
        eventually(lambda: _there(mail, mail.names["analyzer_queue_name"]))
        mail.send(asked("tune.wav", message_id="after"))
        assert [body["message_id"] for _, _, body in heard(mail, 1)] == ["after"]


def test_two_servers_share_the_queue_and_one_answers(
    tmp_path: Path, mail: Post, media: Path, postgresql_url: str
) -> None:
    where = {"database_url": postgresql_url}
    with serving(tmp_path / "a", mail, media, **where), serving(tmp_path / "b", mail, media, **where):
        for n in range(40):
            mail.send(asked("tune.wav", message_id=f"m-{n}"))
        found = heard(mail, 40)
        eventually(lambda: mail.waiting() == 0)
    assert sorted(body["message_id"] for _, _, body in found) == sorted(f"m-{n}" for n in range(40))
    assert mail.answers() == []


def test_without_a_broker_the_rest_works_and_health_says_so(tmp_path: Path) -> None:
    settings = Settings(
        storage_dir=tmp_path, amqp_connection_string="amqp://127.0.0.1:1/", auth_disabled=True, max_workers=1
    )
    with served(create_app(Service(settings))) as client:
        health = eventually(lambda: _if(client.get("/health").json(), "lost"))
        assert health["status"] == "degraded"
        assert client.get("/health/ready").status_code == 200 and client.get("/job").status_code == 200


def _if(health: dict[str, Any], state: str) -> dict[str, Any] | None:
    return health if health.get("amqp") == state and health["status"] != "starting" else None


def test_the_door_runs_with_the_server(tmp_path: Path, mail: Post, media: Path) -> None:
    settings = Settings(storage_dir=tmp_path, media_roots=str(media), max_workers=1, **mail.settings)
    with served(create_app(Service(settings))) as client:
        assert eventually(lambda: _if(client.get("/health").json(), "connected"))["status"] == "healthy"
        mail.send(asked("tune.wav", message_id="m"))
        assert heard(mail, 1)
    assert mail.answers() == []


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1", "amqp://", "amqp://[::1"])
def test_an_address_that_is_none_is_refused_at_once(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidSettings, match="AMQP_CONNECTION_STRING"):
        create_app(Service(Settings(storage_dir=tmp_path, amqp_connection_string=url)))
