"""Answers kept in a real Redis, which is shared, gone, hanging, full, or filled by others."""

from __future__ import annotations

import logging
import secrets
import socket
import socketserver
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from lookhear.errors import InvalidSettings
from lookhear.outlets import cache as module
from lookhear.outlets.cache import PREFIX, TIMEOUT, Cache
from support.jobs import eventually
from support.ports import free_port
from support.servers import redis

pytestmark = pytest.mark.alone  # what does not answer within TIMEOUT counts as missing


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Of the Redis that runs here (a database of it that others hardly use), or of one of our own."""
    try:
        socket.create_connection(("127.0.0.1", 6379), 1).close()
    except OSError:
        with redis(tmp_path / "redis") as server:
            yield server.start().url
        return
    yield "redis://127.0.0.1:6379/9"


@pytest.fixture
def key() -> str:
    """That nobody else has."""
    return f"test-{secrets.token_hex(8)}"


@contextmanager
def opened(url: str, ttl: float = 60.0) -> Iterator[Cache]:
    cache = Cache(url, ttl, pause=0.05, full_pause=0.05)
    try:
        yield cache
    finally:
        cache.close()


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.INFO and "cache" in one.name]


def test_one_that_is_not_there_is_known_to_be_so_before_anything_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with opened(f"redis://127.0.0.1:{free_port()}") as cache:
        cache.look()
        assert cache.state == "down" and len(lines(caplog)) == 1 and "fails" in lines(caplog)[0]


def test_one_that_is_there_is_told_of_once(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with opened(url) as cache:
        cache.look()
        assert cache.state == "connected" and lines(caplog) == [f"Answers are kept in Redis at {cache.where}."]


def test_what_one_keeps_another_reads_until_its_time_is_over(url: str, key: str) -> None:
    with opened(url) as one, opened(url, ttl=0.05) as other, Redis.from_url(url) as raw:
        assert other.kept(key) is None
        one.keep(key, '{"text": "grün"}')
        assert other.kept(key) == '{"text": "grün"}'
        assert 50_000 < raw.pttl(PREFIX + key) <= 60_000
        other.keep(key, "{}")
        assert one.kept(key) == "{}"
        eventually(lambda: one.kept(key) is None)
        assert one.state == other.state == "connected"


def test_reports_are_kept_small(url: str, key: str) -> None:
    text = '{"beats": [' + ", ".join(str(n / 7) for n in range(5000)) + "]}"
    with opened(url) as cache, Redis.from_url(url) as raw:
        cache.keep(key, text)
        assert cache.kept(key) == text
        assert raw.strlen(PREFIX + key) < len(text) / 2
        raw.delete(PREFIX + key)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"no answer",
        zlib.compress(b"half of it" * 99)[:-7],
        zlib.compress(b"\xff\xfe"),
        zlib.compress(b"x" * 50)[:-1] + b"!",
    ],
)
def test_a_value_that_is_damaged_counts_as_missing(url: str, key: str, value: bytes) -> None:
    with opened(url) as cache, Redis.from_url(url) as raw:
        raw.set(PREFIX + key, value, px=10_000)
        assert cache.kept(key) is None and cache.state == "connected"
        cache.keep(key, "{}")
        assert cache.kept(key) == "{}"
        raw.delete(PREFIX + key)


def test_a_value_of_another_kind_counts_as_missing_and_is_written_over(url: str, key: str) -> None:
    with opened(url) as cache, Redis.from_url(url) as raw:
        raw.rpush(PREFIX + key, "a list")
        assert cache.kept(key) is None and cache.state == "connected"
        cache.keep(key, "{}")
        assert cache.kept(key) == "{}"
        raw.delete(PREFIX + key)


def test_what_would_be_unpacked_to_too_much_counts_as_missing(
    url: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LARGEST_TEXT", 1000)
    with opened(url) as cache, Redis.from_url(url) as raw:
        cache.keep(key, "0" * 1000)
        assert cache.kept(key) == "0" * 1000
        cache.keep(key, "0" * 1001)
        assert cache.kept(key) is None
        raw.delete(PREFIX + key)


def test_what_is_too_large_is_not_kept(url: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 1000)
    with opened(url) as cache:
        cache.keep(key, secrets.token_hex(2000))
        assert cache.kept(key) is None and cache.state == "connected"


def test_one_that_is_not_there_costs_one_try_and_one_line(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.INFO)
    with redis(tmp_path / "redis") as server, opened(server.url) as cache:
        began = time.monotonic()
        for number in range(1000):
            assert cache.kept(str(number)) is None
            cache.keep(str(number), "{}")
        assert time.monotonic() - began < 1 and cache.state == "down"
        server.start()
        eventually(lambda: cache.state == "connected")
        cache.keep("a", "{}")
        assert cache.kept("a") == "{}"
    first, second = lines(caplog)
    assert "Answers are not kept until it is back" in first and "is back" in second


def test_a_restart_between_two_questions_is_hardly_noticed(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.INFO)
    with redis(tmp_path / "redis") as server, opened(server.start().url) as cache:
        cache.keep("a", "{}")
        server.kill()
        server.start()
        assert cache.kept("a") is None
        cache.keep("a", "{}")
        assert cache.kept("a") == "{}" and cache.state == "connected"
    assert lines(caplog) == []


def test_one_that_is_flushed_has_nothing_and_goes_on(tmp_path: Path) -> None:
    with redis(tmp_path / "redis") as server, opened(server.start().url) as cache, Redis.from_url(server.url) as raw:
        cache.keep("a", "{}")
        raw.flushall()
        assert cache.kept("a") is None
        cache.keep("a", "{}")
        assert cache.kept("a") == "{}" and cache.state == "connected"


def test_one_that_hangs_delays_nobody_for_long(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.INFO)
    with redis(tmp_path / "redis") as server, opened(server.start().url) as cache:
        cache.keep("a", "{}")
        with server.hanging():
            took = _timed(cache, threads=8, each=200)
            assert max(took) < TIMEOUT + 0.5, "each thread waits once at most"
            assert sum(took) / len(took) < 0.005, "on average"
            assert cache.state == "down"
        eventually(lambda: cache.state == "connected")
        assert cache.kept("a") == "{}"
    assert len(lines(caplog)) == 2


def test_one_that_is_killed_under_load_and_comes_back(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.INFO)
    with redis(tmp_path / "redis") as server, opened(server.start().url) as cache:
        done = threading.Event()
        wrong: list[Any] = []

        def ask(name: str) -> None:
            while not done.is_set():
                cache.keep(name, name)
                if (found := cache.kept(name)) not in (None, name):
                    wrong.append(found)

        threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            server.kill()
            eventually(lambda: cache.state == "down")
            server.start()
            eventually(lambda: cache.state == "connected" and cache.kept("1"))
        done.set()
        for thread in threads:
            thread.join()
    assert wrong == [] and len(lines(caplog)) == 6


def test_one_that_is_full_is_still_read(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.INFO)
    with (
        redis(tmp_path / "redis", "--maxmemory-policy", "noeviction") as server,
        opened(server.start().url) as cache,
        Redis.from_url(server.url) as raw,
    ):
        cache.keep("a", "{}")
        raw.config_set("maxmemory", 1)
        for number in range(200):
            cache.keep(str(number), "{}")
        assert cache.state == "full" and cache.kept("a") == "{}" and cache.kept("1") is None
        raw.config_set("maxmemory", 0)
        eventually(lambda: (cache.keep("b", "{}"), cache.state)[1] == "connected")
        assert cache.kept("b") == "{}"
    first, second = lines(caplog)
    assert "takes no more answers" in first and "takes answers again" in second


def test_a_wrong_password_is_one_that_fails(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with redis(tmp_path / "redis", "--requirepass", "right") as server:
        server.start()
        with opened(f"redis://:wrong@127.0.0.1:{server.port}") as cache:
            assert cache.kept("a") is None and cache.state == "down"
        with opened(f"redis://:right@127.0.0.1:{server.port}") as cache:
            cache.keep("a", "{}")
            assert cache.kept("a") == "{}"
        with opened(f"redis://127.0.0.1:{server.port}") as cache:
            assert cache.kept("a") is None and cache.state == "down"
    assert "wrong@" not in caplog.text and len(lines(caplog)) == 2


@pytest.mark.parametrize("answer", [b"$abc\r\n", b":x\r\n", b"*1\r\n" * 5000, b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_what_is_no_redis_is_one_that_fails(answer: bytes) -> None:
    with _someone_else(answer) as (url, spoken), opened(url) as cache:
        assert cache.kept("a") is None and cache.state == "down"
        cache.keep("a", "{}")
        before = len(spoken)
        eventually(lambda: len(spoken) > before + 1)
    with _someone_else(answer) as (url, _), opened(url) as cache:
        cache.keep("a", "{}")
        assert cache.state == "down"


@contextmanager
def _someone_else(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Who says the same whatever is asked, and what was."""
    spoken: list[bytes] = []

    class Says(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while asked := self.request.recv(4096):
                spoken.append(asked)
                self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Says) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_address[1]}", spoken
        server.shutdown()


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost",
        "redis://localhost:port",
        "redis://localhost/x?db=y",
        "redis://:secret#1@localhost",
    ],
)
def test_a_url_that_is_none_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(InvalidSettings, match="REDIS_URL") as refused:
        Cache(url, 60.0)
    assert "secret" not in str(refused.value)


def test_closed_it_asks_nothing(tmp_path: Path) -> None:
    with opened(f"redis://127.0.0.1:{free_port()}") as cache:
        cache.close()
        assert cache.kept("a") is None


def _timed(cache: Cache, threads: int, each: int) -> list[float]:
    took: list[float] = []

    def ask() -> None:
        for number in range(each):
            began = time.monotonic()
            cache.kept(str(number))
            took.append(time.monotonic() - began)

    running = [threading.Thread(target=ask) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return took
