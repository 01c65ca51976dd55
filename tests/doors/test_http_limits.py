"""Bounds: bodies, analyses at once, paths; and log lines that a machine can read."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Request
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lookhear.errors import (
    InputError,
    LookhearError,
    MediumNotFound,
    MediumUnreadable,
    NotAMedium,
    PathRefused,
    TookTooLong,
    TooManyRequests,
)
from lookhear.serve.http import pace, parts
from lookhear.serve.http.app import create_app
from lookhear.serve.http.gate import Gate, still_wanted
from lookhear.serve.http.ids import REQUEST_ID
from lookhear.serve.http.limits import MAX_BODY
from lookhear.serve.http.logs import configure
from lookhear.serve.http.paths import resolve
from lookhear.settings import Settings
from support.service import Service, served, until


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    service = Service(Settings(storage_dir=tmp_path, auth_disabled=True, max_requests=2, request_timeout=0.3))
    app = create_app(service)
    router = APIRouter()

    @router.post("/echo")
    async def echo(body: dict[str, Any]) -> int:
        return len(body)

    @router.get("/slow")
    async def slow(request: Request) -> str:
        return await parts.gate(request).run(_until_nobody_waits)

    app.include_router(router)
    with served(app) as found:
        yield found


def _until_nobody_waits() -> str:
    while True:
        still_wanted()
        threading.Event().wait(0.005)


def pieces(size: int) -> Iterator[bytes]:
    yield b'{"a":"'
    for _ in range(size // 1000):
        yield b"x" * 1000
    yield b'"}'


@pytest.mark.parametrize("streamed", [False, True])
def test_a_body_that_is_read_as_a_whole_is_bounded(client: httpx.Client, streamed: bool) -> None:
    headers = {"Content-Type": "application/json"}
    for size, status in ((MAX_BODY // 2, 200), (MAX_BODY + 2000, 413), (8 * MAX_BODY, 413)):
        content = pieces(size) if streamed else b"".join(pieces(size))
        try:
            answer = client.post("/echo", content=content, headers=headers)
        except (httpx.WriteError, httpx.ReadError):  # cut off while it was sending
            assert status == 413
            continue
        assert answer.status_code == status, answer.text
        if status == 413:
            assert str(MAX_BODY) in answer.json()["detail"] and answer.json()["code"] == "limit_exceeded"


@pytest.mark.parametrize("length", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_is_given_up(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, length: str
) -> None:
    monkeypatch.setattr(pace, "PATIENCE", 0.3)
    head = f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", client.base_url.port or 0), 30) as one:
        one.sendall(head.encode() + b'5\r\n{"a":' * ("chunked" in length))
        answer = b"".join(iter(lambda: one.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 408") and b"application/problem+json" in answer and b"slow_upload" in answer


def test_what_takes_too_long_is_told_and_ended(client: httpx.Client) -> None:
    answer = client.get("/slow")
    assert answer.status_code == 504 and "0.3 s" in answer.json()["detail"] and "/job/" in answer.json()["detail"]
    assert client.get("/slow").status_code == 504


def test_a_request_that_runs_when_the_service_is_told_to_stop_is_answered(tmp_path: Path) -> None:
    app, begun, go = (
        create_app(Service(Settings(storage_dir=tmp_path, auth_disabled=True))),
        threading.Event(),
        threading.Event(),
    )

    @app.get("/held")
    async def held(request: Request) -> str:
        await parts.gate(request).run(lambda: (begun.set(), go.wait()))
        return "done"

    with served(app) as client, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get, "/held")
        assert begun.wait(10)
        app.state.running.on_failure()  # as a signal does
        until(app.state.running.stopping.is_set)
        go.set()
        assert answer.result(10).json() == "done"
    assert app.state.service.done == ["open", "start", "stop", "close"]


def gate_of(most: int = 2, seconds: float = 30.0, threads: int = 1) -> Gate:
    return Gate(Settings(max_requests=most, request_timeout=seconds), threads)


def test_more_than_may_wait_are_refused_at_once() -> None:
    async def tried() -> None:
        gate, go = gate_of(), threading.Event()
        first, second = (asyncio.create_task(gate.run(go.wait)) for _ in range(2))
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests, match="2 analyses run or wait already") as refused:
            await gate.run(go.wait)
        assert refused.value.retryable and gate.taken == 2
        go.set()
        assert await first and await second
        assert await gate.run(lambda: 5) == 5
        gate.close()

    asyncio.run(tried())


def test_a_place_is_taken_until_the_work_really_ends() -> None:
    async def tried() -> None:
        gate, go = gate_of(1, 0.05), threading.Event()
        with pytest.raises(TookTooLong):
            await gate.run(go.wait)
        with pytest.raises(TooManyRequests):
            await gate.run(go.wait)
        go.set()
        await asyncio.to_thread(until, lambda: gate.taken == 0)
        assert await gate.run(lambda: 1, seconds=0) == 1
        gate.close()

    asyncio.run(tried())


def test_who_goes_away_while_waiting_gives_the_place_back() -> None:
    async def tried() -> None:
        gate, go = gate_of(), threading.Event()
        first = asyncio.create_task(gate.run(go.wait))
        waiting = asyncio.create_task(gate.run(_until_nobody_waits))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert gate.taken == 1
        go.set()
        await first
        gate.close()

    asyncio.run(tried())


def test_errors_and_context_pass_the_gate() -> None:
    async def tried() -> None:
        gate = gate_of()
        REQUEST_ID.set("mine")
        assert await gate.run(REQUEST_ID.get) == "mine"
        for error in (TimeoutError("its own"), MediumNotFound("gone")):
            with pytest.raises(type(error), match=str(error)):
                await gate.run(_raise, error)
        assert gate.taken == 0
        gate.close()

    asyncio.run(tried())


def _raise(error: Exception) -> None:
    raise error


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """media/ and more/ are roots, secret/ is not; links lead everywhere."""
    top = tmp_path_factory.mktemp("house")
    for folder in ("media/sub", "more", "secret", "storage", "media-not"):
        (top / folder).mkdir(parents=True)
    for file in ("media/a.wav", "media/sub/b.wav", "more/c.wav", "secret/s.wav", "storage/u.wav", "media-not/n.wav"):
        (top / file).write_bytes(b"x")
    links = {
        "media/in": "sub/b.wav",
        "media/out": "../secret/s.wav",
        "media/folder-out": "../secret",
        "media/loop": "loop",
        "media/gone": "nowhere",
        "media/proc": "/proc/self/environ",
        "media/null": "/dev/null",
        "secret/back": "../media/a.wav",
        "linked": "media",
    }
    for link, target in links.items():
        (top / link).symlink_to(target)
    os.mkfifo(top / "media/pipe")
    return top


def settings_of(house: Path) -> Settings:
    return Settings(media_roots=f"{house / 'media'}:{house / 'more'}", storage_dir=house / "storage")


FOUND = {
    "media/a.wav": "media/a.wav",
    "media/sub/../a.wav": "media/a.wav",
    "media/in": "media/sub/b.wav",
    "media//sub/./b.wav": "media/sub/b.wav",
    "storage/u.wav": "storage/u.wav",
    "secret/back": "media/a.wav",
    "linked/a.wav": "media/a.wav",
}
REFUSED: dict[str, type[LookhearError]] = {
    "secret/s.wav": PathRefused,
    "secret/none.wav": PathRefused,
    "media/../secret/s.wav": PathRefused,
    "media/out": PathRefused,
    "media/folder-out/s.wav": PathRefused,
    "media/folder-out/../media/a.wav/../../secret/s.wav": PathRefused,
    "media-not/n.wav": PathRefused,
    "media/proc": PathRefused,
    "media/null": PathRefused,
    "": PathRefused,
    "media/none.wav": MediumNotFound,
    "media/a.wav/x": MediumNotFound,
    "media/gone": MediumNotFound,
    "media/" + "x" * 300: MediumNotFound,
    "media/" + "x/" * 2500: MediumNotFound,
    "media/\udcff": MediumNotFound,
    "media": NotAMedium,
    "media/sub": NotAMedium,
    "media/pipe": NotAMedium,
    "media/loop": MediumUnreadable,
    "media/a\0.wav": InputError,
}


@pytest.mark.parametrize("named", FOUND)
def test_a_file_under_a_root_is_found(house: Path, named: str) -> None:
    assert resolve(f"{house}/{named}", settings_of(house)) == house.resolve() / FOUND[named]


@pytest.mark.parametrize("named", REFUSED, ids=lambda named: ascii(named)[:40])
def test_another_is_refused(house: Path, named: str) -> None:
    with pytest.raises(REFUSED[named]) as refused:
        resolve(f"{house}/{named}", settings_of(house))
    assert type(refused.value) is REFUSED[named] and str(house) not in refused.value.message


def test_a_relative_path_is_looked_for_in_each_root(house: Path) -> None:
    for named in ("a.wav", "c.wav", "sub/b.wav", "u.wav"):
        assert resolve(named, settings_of(house)).name == Path(named).name
    for named in ("../secret/s.wav", "../../etc/passwd", "out", "~/x", "file:///etc/passwd"):
        with pytest.raises((PathRefused, MediumNotFound)):
            resolve(named, settings_of(house))
    with pytest.raises(PathRefused):
        resolve("/etc/passwd", Settings(storage_dir=house / "storage"))


STEPS = st.sampled_from(
    ["..", ".", "", "media", "secret", "sub", "out", "in", "folder-out", "s.wav", "a.wav", "proc", "~"]
)


@given(steps=st.lists(STEPS, max_size=8), absolute=st.booleans())
@hypothesis_settings(max_examples=300, deadline=None)
def test_no_path_leads_out(house: Path, steps: list[str], absolute: bool) -> None:
    named = "/".join(steps)
    try:
        found = resolve(f"{house}/{named}" if absolute else named, settings_of(house))
    except InputError:
        return
    allowed = [house.resolve() / root for root in ("media", "more", "storage")]
    assert any(found.is_relative_to(root) for root in allowed) and found.is_file()


@pytest.fixture
def lines() -> Iterator[Callable[[str], list[str]]]:
    """Logs of this process as a service writes them, from ``configure`` on."""
    root, stream = logging.getLogger(), io.StringIO()
    before, level = root.handlers[:], root.level

    def begun(form: str) -> list[str]:
        configure("INFO", form, stream)
        logging.getLogger("lookhear.x").info("It %s", "is\nso", extra={"image_hash": "ab", "path": Path("/a b")})
        REQUEST_ID.set("mine")
        logging.getLogger("uvicorn.error").warning("odd", extra={"color_message": "odd"})
        logging.getLogger("uvicorn.error").info("not told")
        try:
            raise ValueError("why")
        except ValueError:
            logging.getLogger("else").warning("broke", exc_info=True)
        return stream.getvalue().splitlines()

    yield begun
    REQUEST_ID.set(None)
    root.handlers[:], root.level = before, level
    logging.captureWarnings(False)


def test_log_lines_are_json(lines: Callable[[str], list[str]]) -> None:
    first, second, third = (json.loads(line) for line in lines("json"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", first["timestamp"])
    assert (first["level"], first["message"], first["image_hash"]) == ("info", "It is\nso", "ab")
    assert list(first)[:3] == ["timestamp", "level", "message"] and "request_id" not in first
    assert (second["request_id"], second["level"]) == ("mine", "warning") and "color_message" not in second
    assert "ValueError: why" in third["exception"] and third["message"] == "broke"


def test_log_lines_are_text(lines: Callable[[str], list[str]]) -> None:
    said = lines("text")
    assert said[0].endswith('info    "It is\\nso" image_hash=ab path="/a b"')
    assert said[1].endswith("warning odd request_id=mine") and said[-1] == "ValueError: why"
