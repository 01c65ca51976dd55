"""Clients that are slow, that go away, that send the same twice, or ask for what they may not: one real server."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from support.jobs import eventually
from support.processes import Program
from support.sound import encode, tone
from support.web import web

HELD, WHOLE = 1 << 20, 512 << 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a picture that requests may name, one that they may not, and links to that."""
    folder = tmp_path_factory.mktemp("clients")
    (folder / "data/media").mkdir(parents=True)
    (folder / "data/uploads/parts").mkdir(parents=True)
    (folder / "root/inner").mkdir(parents=True)
    (folder / "secret").mkdir()
    for place in ("root/inner", "secret", "data/media"):
        Image.new("RGB", (32, 24), "red").save(folder / place / "a.png")
    for place in ("root", "data/media"):
        (folder / place / "link.png").symlink_to(folder / "secret/a.png")
        (folder / place / "out").symlink_to(folder / "secret")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Program]:
    variables = {"MEDIA_STORE_STUB": "true", "MEDIA_ROOTS": str(folder / "root"), "RESULT_WAIT": "0.1"}
    with Program(folder, "serve", "--port", "0", "--workers", "1", **variables) as server:
        yield server


@pytest.fixture
def client(server: Program) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def parts(folder: Path) -> list[Path]:
    """Uploads on their way."""
    return list((folder / "data/uploads/parts").glob("*"))


def begun(server: Program, size: int) -> socket.socket:
    """A connection on which an upload has begun, that says that it has ``size`` bytes."""
    host, port = server.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    kind = "Content-Type: multipart/form-data; boundary=b"
    request = f"POST /tag/audio HTTP/1.1\r\nHost: x\r\n{kind}\r\nContent-Length: {size}\r\n\r\n"
    connection.sendall(request.encode() + head)
    return connection


@pytest.mark.alone
def test_many_slow_uploads_keep_nobody_waiting(server: Program, client: httpx.Client, folder: Path) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(begun(server, 1 << 30)) for _ in range(200)]
        for connection in slow:
            connection.sendall(b"x")
        waited = []
        for number in range(20):
            began = time.monotonic()
            answer = client.post("/tag/audio", files={"file": ("a.wav", encode(tone(0.2, frequency=300.0 + number)))})
            assert answer.status_code == 200
            waited.append(time.monotonic() - began)
        assert sorted(waited)[10] < 1.0, waited
    eventually(lambda: not parts(folder))


def test_who_goes_away_leaves_nothing(server: Program, folder: Path) -> None:
    before = sorted((folder / "data/uploads").rglob("*"))
    for how in ("closed", "reset"):
        with begun(server, 1 << 30) as connection:
            connection.sendall(b"x" * HELD)
            eventually(lambda: parts(folder))
            if how == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        eventually(lambda: not parts(folder))
    assert sorted((folder / "data/uploads").rglob("*")) == before


def test_the_same_bytes_at_once_lie_there_once_and_each_has_its_job(client: httpx.Client, folder: Path) -> None:
    sound = encode(tone(0.5, frequency=777.0))
    sha256 = hashlib.sha256(sound).hexdigest()

    def send(number: int) -> int:
        answer = client.post("/tag/audio", files={"file": (f"{number}.wav", sound)})
        assert answer.status_code == 200
        return int(answer.json()["job_id"])

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(send, range(8)))
    assert len(set(numbers)) == 8
    lies = [path for path in (folder / "data/uploads").rglob(f"{sha256}*") if ".ref." not in path.name]
    assert [path.read_bytes() == sound for path in lies] == [True] and not parts(folder)
    results = [eventually(lambda n=n: tags(client, n)) for n in numbers]  # type: ignore[misc]
    assert all(result == results[0] for result in results)


def tags(client: httpx.Client, number: int) -> Any:
    found = client.get(f"/result/{number}").json()
    return None if found == {"status": "pending"} else found


def test_a_key_sent_again_gives_the_same_job(client: httpx.Client) -> None:
    def send(_: int) -> str:
        body, headers = {"media_store_id": "a"}, {"Idempotency-Key": "the key"}
        answer = client.post("/job/quality", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["job_id"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(send, range(16)))) == 1
    (id,) = {send(0)}
    eventually(lambda: client.get(f"/job/{id}").json()["status"] == "completed")
    assert send(0) == id
    answer = client.post("/job/quality", json={"media_store_id": "a"})
    assert answer.status_code == 201 and answer.json()["job_id"] != id
    wait = {"wait": "false"}
    other = client.post("/analyze", params=wait, json={"path": "inner/a.png"}, headers={"Idempotency-Key": "the key"})
    assert other.status_code == 202 and other.json()["job_id"] != id  # another door, another job


def test_deleting_a_job_that_runs_stops_it(client: httpx.Client, folder: Path) -> None:
    """Half an hour of sound takes seconds; once it is deleted, the one worker is free at once."""
    long = encode(tone(1800.0, rate=8000), rate=8000)
    number = client.post("/tag/audio", files={"file": ("long.wav", long)}).json()["job_id"]
    (job,) = [one for one in client.get("/job", params={"task_type": "audio"}).json()["jobs"] if one["result"] is None]
    id = job["job_id"]
    eventually(lambda: client.get(f"/job/{id}").json()["status"] == "processing")
    assert client.delete(f"/job/{id}").status_code == 204
    next_one = client.post("/job/technical", json={"media_store_id": "a"}).json()["job_id"]
    eventually(lambda: client.get(f"/job/{next_one}").json()["status"] == "completed")
    assert client.get(f"/job/{id}").status_code == 404
    assert client.get(f"/result/{number}").json() == {"status": "pending"}
    assert not (folder / "data" / id).exists()
    assert not list((folder / "data/uploads").rglob(f"*.ref.{id}"))


def test_deleting_a_job_stops_the_fetching_of_its_medium(folder: Path, tmp_path: Path) -> None:
    with web() as store:
        fetched = store.put("/entity/1/file", bytes(WHOLE), holds=HELD)
        with (
            Program(tmp_path, "serve", "--port", "0", "--workers", "1", MEDIA_STORE_URL=store.url()) as server,
            server.client() as client,
        ):
            id = client.post("/job/technical", json={"media_store_id": "1"}).json()["job_id"]
            eventually(lambda: parts(tmp_path) and store.asked and store.asked[-1].sent)
            assert client.delete(f"/job/{id}").status_code == 204
            store.release.set()
            eventually(lambda: not parts(tmp_path))
            assert client.post("/job/technical", json={"media_store_id": "2"}).status_code == 201
            eventually(lambda: not client.get("/health").json()["processing_active"])
    (asked,) = [one for one in store.asked if fetched.endswith(one.path)]
    assert asked.sent < WHOLE


OUT = [
    "../secret/a.png",
    "inner/../../secret/a.png",
    "{folder}/secret/a.png",
    "{folder}/root/../secret/a.png",
    "link.png",
    "out/a.png",
    "{folder}/root/link.png",
    "/proc/self/environ",
    "/etc/passwd",
]


@pytest.mark.parametrize("named", OUT)
def test_no_path_leads_out_of_the_roots(client: httpx.Client, folder: Path, named: str) -> None:
    path = named.format(folder=folder)
    for door, field in (("/analyze", "path"), ("/infer/scenes", "video_path")):
        answer = client.post(door, json={field: path})
        not_there = not path.startswith("/") and answer.json()["code"] == "medium_not_found"  # in the other root
        assert not_there or (answer.status_code, answer.json()["code"]) == (403, "path_refused"), answer.text
    assert client.post("/analyze", json={"path": "inner/a.png"}).status_code == 200


@pytest.mark.parametrize("named", ["link", "link.png", "out/a.png", "../../secret/a.png", "/etc/passwd", "..%2f..%2fx"])
def test_no_id_leads_out_of_the_media_folder(client: httpx.Client, named: str) -> None:
    id = client.post("/job/technical", json={"media_store_id": named}).json()["job_id"]
    job = eventually(lambda: ended(client, id))
    assert job["status"] == "error" and job["result"] is None
    assert "secret" not in job["error_message"] or "secret" in named


def ended(client: httpx.Client, id: str) -> Any:
    job = client.get(f"/job/{id}").json()
    return job if job["completed_at"] else None


def test_urls_are_not_fetched_unless_allowed(client: httpx.Client) -> None:
    answer = client.post("/analyze", json={"url": f"{client.base_url}/health"})
    assert answer.status_code == 403 and answer.json()["code"] == "source_refused"
    assert "ALLOW_URLS" in answer.json()["detail"]
