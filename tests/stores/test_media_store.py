"""The media store: a real HTTP server, good and bad."""

from __future__ import annotations

import email
import io
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from lookhear.errors import (
    InvalidId,
    LimitExceeded,
    MediaStoreUnavailable,
    MediumNotFound,
    OutletRefused,
)
from lookhear.outlets.media_store import MediaStoreClient
from lookhear.outlets.settings import OutletSettings
from support.web import Web, web

DATA = os.urandom(700_000) + b"the end"
JOB = str(uuid.uuid4())
MUCH = 1 << 30


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as found:
        yield found


class Waits(list[float]):
    """Is told of waits instead of waiting."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@contextmanager
def client(url: str, waits: Waits | None = None, **settings: object) -> Iterator[MediaStoreClient]:
    given = OutletSettings(media_store_url=url, **{"media_store_timeout": 10.0, **settings})  # type: ignore[arg-type]
    store = MediaStoreClient(given, sleep=Waits() if waits is None else waits)
    try:
        yield store
    finally:
        store.close()


def fetched(url: str, id: str = "7", limit: int = MUCH, waits: Waits | None = None, **settings: object) -> bytes:
    to = io.BytesIO()
    with client(url, waits, **settings) as store:
        assert store.fetch(id, to, limit) == len(to.getvalue())
    return to.getvalue()


@contextmanager
def raw(answer: bytes, then: bytes = b"", every: float = 0.02) -> Iterator[str]:
    """A server that says ``answer`` to anyone, then ``then`` again and again."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ended = threading.Event()

        def talk() -> None:
            while not ended.is_set():
                with suppress(OSError):
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(1 << 16)
                        connection.sendall(answer)
                        while then and not ended.wait(every):
                            connection.sendall(then)

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            ended.set()
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_medium_comes_whole(site: Web) -> None:
    site.put("/entity/7/file", DATA)
    assert fetched(site.url(), media_store_token="s3cret") == DATA
    (asked,) = site.asked
    assert asked.headers["authorization"] == "Bearer s3cret" and asked.headers["accept-encoding"] == "identity"


def test_paths_and_trailing_slashes_are_as_set(site: Web) -> None:
    site.put("/v2/media/7", DATA)
    assert fetched(site.url("/v2/"), media_store_file_path="/media/{id}") == DATA


@pytest.mark.parametrize(
    ("id", "path"),
    [
        ("a/../../admin", "a%2F..%2F..%2Fadmin"),
        ("x?y=1#z", "x%3Fy%3D1%23z"),
        ("50%", "50%25"),
        ("ü b", "%C3%BC%20b"),
        ("@host", "%40host"),
        ("{id}", "%7Bid%7D"),
    ],
)
def test_an_id_stays_one_part_of_the_path(site: Web, id: str, path: str) -> None:
    site.put(f"/entity/{path}/file", DATA)
    assert fetched(site.url(), id) == DATA


@pytest.mark.parametrize("id", ["", ".", "..", "a\r\nHost: x", "a\0", "x" * 600, "\ud800"])
def test_an_id_that_is_none_reaches_no_server(site: Web, id: str) -> None:
    with pytest.raises(InvalidId):
        fetched(site.url(), id)
    assert site.asked == []


def test_three_tries_with_growing_waits(site: Web) -> None:
    waits = Waits()
    site.put("/entity/7/file", DATA, statuses=[503, 500])
    assert fetched(site.url(), waits=waits) == DATA
    assert len(site.asked) == 3 and list(waits) == sorted(set(waits)) and len(waits) == 2


def test_after_three_tries_a_later_one_may_help(site: Web) -> None:
    site.put("/entity/7/file", DATA, status=503)
    with pytest.raises(MediaStoreUnavailable, match="HTTP 503") as told:
        fetched(site.url())
    assert told.value.retryable and len(site.asked) == 3


def test_a_cut_line_is_taken_up_without_a_byte_twice(site: Web) -> None:
    site.put("/entity/7/file", DATA, cuts=[400_000, 123])
    assert fetched(site.url()) == DATA
    assert len(site.asked) == 3


def test_a_medium_that_changes_between_tries_is_not_mixed(site: Web) -> None:
    page = site.put("/entity/7/file", DATA, cuts=[400_000])

    class Changing(Waits):
        def __call__(self, seconds: float) -> None:
            site.pages["/entity/7/file"].body = b"!" + DATA[1:]

    with pytest.raises(MediaStoreUnavailable, match="changed"):
        fetched(page.removesuffix("/entity/7/file"), waits=Changing())


def test_a_medium_that_got_shorter_is_not_taken_for_whole(site: Web) -> None:
    site.put("/entity/7/file", DATA, cuts=[400_000])

    class Changing(Waits):
        def __call__(self, seconds: float) -> None:
            site.pages["/entity/7/file"].body = DATA[:1000]

    with pytest.raises(MediaStoreUnavailable, match="changed"):
        fetched(site.url(), waits=Changing())


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_not_asked_for_again(site: Web, status: int) -> None:
    site.put("/entity/7/file", DATA, status=status)
    with pytest.raises(MediumNotFound) as told:
        fetched(site.url())
    assert not told.value.retryable and len(site.asked) == 1


@pytest.mark.parametrize(("status", "cure"), [(401, "TOKEN"), (403, "TOKEN"), (400, "MEDIA_STORE_URL"), (422, "no")])
def test_a_refusal_is_not_tried_again(site: Web, status: int, cure: str) -> None:
    site.put("/entity/7/file", DATA, status=status)
    with pytest.raises(OutletRefused, match=cure) as told:
        fetched(site.url())
    assert not told.value.retryable and len(site.asked) == 1


def test_a_redirect_is_not_followed(site: Web) -> None:
    site.put("/entity/7/file", location=site.put("/elsewhere", DATA))
    with pytest.raises(OutletRefused, match="302"):
        fetched(site.url(), media_store_token="s3cret")
    assert [asked.path for asked in site.asked] == ["/entity/7/file"]


@pytest.mark.parametrize("length", [True, False])
def test_a_huge_answer_ends_at_the_limit(site: Web, length: bool) -> None:
    site.put("/entity/7/file", bytes(20 << 20), length=length)
    to = io.BytesIO()
    with client(site.url()) as store, pytest.raises(LimitExceeded, match="1 MB"):
        store.fetch("7", to, 1 << 20)
    assert len(to.getvalue()) <= 1 << 20 and len(site.asked) == 1
    assert fetched(site.url(), limit=20 << 20) == bytes(20 << 20)


def test_a_body_without_end_ends_at_the_limit() -> None:
    with raw(b"HTTP/1.1 200 OK\r\n\r\n", bytes(1 << 16), every=0.0) as url, pytest.raises(LimitExceeded):
        fetched(url, limit=1 << 20)


def test_a_refusal_without_end_is_told_in_short() -> None:
    with raw(b"HTTP/1.1 400 No\r\n\r\n", b"no " * 20_000, every=0.0) as url, pytest.raises(OutletRefused) as told:
        fetched(url)
    assert len(told.value.message) < 700


def test_packed_bytes_are_not_unpacked(site: Web) -> None:
    site.put("/entity/7/file", bytes(10 << 20), gzip=True)
    with pytest.raises(OutletRefused, match="packed"):
        fetched(site.url())


def test_a_server_that_says_nothing_is_given_up(site: Web) -> None:
    site.put("/entity/7/file", DATA, holds=0)
    started = time.monotonic()
    with pytest.raises(MediaStoreUnavailable, match=r"within 0\.1 s"):
        fetched(site.url(), media_store_timeout=0.1)
    assert len(site.asked) == 3 and time.monotonic() - started < 20


def test_a_server_that_drips_is_given_up() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    with raw(answer, b".") as url, pytest.raises(MediaStoreUnavailable, match="too slowly"):
        fetched(url, media_store_timeout=0.2)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"])
def test_what_is_not_http_is_told(answer: bytes) -> None:
    with raw(answer) as url, pytest.raises(MediaStoreUnavailable):
        fetched(url)


def test_nobody_there_is_told() -> None:
    with pytest.raises(MediaStoreUnavailable, match="cannot be reached"):
        fetched("http://127.0.0.1:1")


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://host", "http://[::1"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises((OutletRefused, MediaStoreUnavailable), match="MEDIA_STORE_URL"):
        fetched(url)


def test_a_result_and_face_crops_are_delivered(site: Web) -> None:
    site.put("/inference/results/a%2Fb", statuses=[502])
    with client(site.url(), media_store_token="s3cret") as store:
        store.deliver("a/b", JOB, {"face_count": 2, "note": "ü"}, [b"\xff\xd8one", b"\xff\xd8two"])
    first, second = site.asked
    assert first.body and len(site.asked) == 2 and first.method == "POST"
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == JOB
    assert second.headers["authorization"] == "Bearer s3cret"
    message = email.message_from_bytes(
        b"Content-Type: " + second.headers["content-type"].encode() + b"\n\n" + second.body
    )
    result, *faces = message.get_payload()  # type: ignore[misc]
    assert json.loads(result.get_payload(decode=True)) == {"job_id": JOB, "face_count": 2, "note": "ü"}  # type: ignore[union-attr,arg-type]
    assert [face.get_filename() for face in faces] == ["0.jpg", "1.jpg"]  # type: ignore[union-attr]
    assert [face.get_payload(decode=True) for face in faces] == [b"\xff\xd8one", b"\xff\xd8two"]  # type: ignore[union-attr]


def test_a_result_for_nobody_is_told(site: Web) -> None:
    with client(site.url()) as store, pytest.raises(MediumNotFound):
        store.deliver("7", JOB, {})
    assert len(site.asked) == 1
