"""Uploads: every way of cutting a body gives the same parts; broken ones leave nothing; none is held in memory."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import xxhash
from fastapi import APIRouter, FastAPI, Request
from hypothesis import given, settings
from hypothesis import strategies as st

from lookhear.errors import BadUpload, LimitExceeded
from lookhear.serve.http import pace, parts, uploads
from lookhear.serve.http.app import create_app
from lookhear.serve.http.multipart import Form, Reader, Uploads, bare_name
from lookhear.settings import Settings
from support.service import FolderSpool, Service, served, until

FORM = Form({"file": 1, "images": 3}, 1000, max_parts=8, max_field_bytes=100)
TYPE = "multipart/form-data; boundary=XyZ"


def part(name: str, content: bytes, filename: str | None = None, **headers: str) -> bytes:
    """One part with its boundary."""
    more = f'; filename="{filename}"' if filename is not None else ""
    lines = [f'Content-Disposition: form-data; name="{name}"{more}', *(f"{k}: {v}" for k, v in headers.items())]
    return b"--XyZ\r\n" + "\r\n".join(lines).replace("_", "-").encode() + b"\r\n\r\n" + content + b"\r\n"


END = b"--XyZ--\r\n"


def read(body: bytes, cuts: list[int], spool: FolderSpool, form: Form = FORM) -> Uploads:
    """What a reader makes of it, cut there."""
    reader = Reader(TYPE, form, spool)
    try:
        edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
        for start, end in itertools.pairwise(edges):
            reader.feed(body[start:end])
        return reader.finish()
    finally:
        reader.close()


def left(spool: FolderSpool) -> list[str]:
    """What is half-written."""
    return [path.name for path in spool.folder.glob("*.part")]


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> FolderSpool:
    return FolderSpool(tmp_path_factory.mktemp("spool"))


NASTY = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from([b"\r", b"\n", b"-", b"\r\n--XyZ", b"--XyZ--", b"\r\n--Xy", b"X"]), max_size=30).map(
        b"".join
    ),
).filter(lambda content: b"\r\n--XyZ" not in b"\r\n" + content + b"\r\n")


@given(content=NASTY, field=NASTY.filter(lambda one: len(one) <= 100), cuts=st.lists(st.integers(0, 2000), max_size=12))
@settings(max_examples=150, deadline=None)
def test_any_cutting_gives_the_same_parts(spool: FolderSpool, content: bytes, field: bytes, cuts: list[int]) -> None:
    body = part("a", field) + part("file", content, "x.wav", Content_Type="audio/wav") + part("other", b"1", "y") + END
    whole, cut = read(body, [], spool), read(body, cuts, spool)
    assert whole == cut
    (one,) = cut.files["file"]
    assert one.path.read_bytes() == content and one.size == len(content)
    assert (one.sha256, one.xxh64) == (hashlib.sha256(content).hexdigest(), xxhash.xxh64(content).hexdigest())
    assert (one.filename, one.content_type, cut.unknown) == ("x.wav", "audio/wav", ("other",))
    assert set(cut.fields) == {"a"} and left(spool) == []


def test_a_body_fed_byte_by_byte(spool: FolderSpool) -> None:
    body = part("images", b"1", "a") + part("images", b"22", "b") + part("x", "ä".encode()) + END
    got = read(body, list(range(len(body))), spool)
    assert [one.size for one in got.files["images"]] == [1, 2] and got.fields == {"x": "ä"}


BROKEN = {
    "breaks off in a file": (part("file", b"abc", "x")[:-4], BadUpload),
    "breaks off before the end": (part("file", b"abc", "x"), BadUpload),
    "another boundary": (b"--other\r\n\r\n", BadUpload),
    "no boundary": (b"hello", BadUpload),
    "nothing": (b"", BadUpload),
    "no name": (b"--XyZ\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END, BadUpload),
    "no headers": (b"--XyZ\r\n\r\nx\r\n" + END, BadUpload),
    "a bad header": (b"--XyZ\r\n(: x\r\n\r\nx\r\n" + END, BadUpload),
    "a huge header": (b"--XyZ\r\nA: " + b"x" * 70_000, BadUpload),
    "base64": (part("file", b"abc", "x", Content_Transfer_Encoding="base64") + END, BadUpload),
    "too large a file": (part("file", b"x" * 1001, "x") + END, LimitExceeded),
    "too large a field": (part("a", b"x" * 101) + END, LimitExceeded),
    "too many of one": (part("file", b"x", "x") + part("file", b"x", "x") + END, LimitExceeded),
    "too many parts": (part("a", b"x") * 9 + END, LimitExceeded),
    "too large as a whole": (part("zzz", b"x" * (FORM.max_body + 1), "x") + END, LimitExceeded),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("cuts", [[], list(range(0, 2000, 7))], ids=["whole", "in pieces"])
def test_a_broken_body_is_refused_and_leaves_nothing(tmp_path: Path, broken: Any, cuts: list[int]) -> None:
    spool = FolderSpool(tmp_path)
    with pytest.raises(broken[1]) as refused:
        read(broken[0], cuts, spool)
    assert str(refused.value).endswith(".") and left(spool) == []


@given(body=st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_noise_is_refused_or_read_but_never_breaks_anything(spool: FolderSpool, body: bytes) -> None:
    for noise in (body, b"--XyZ\r\n" + body, part("file", b"", "x")[:40] + body + END):
        with contextlib.suppress(BadUpload, LimitExceeded):
            read(noise, [7, 50], spool)
    assert left(spool) == []


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "multipart/form-data", "multipart/mixed; boundary=a", TYPE + "x" * 80]
)
def test_a_content_type_without_a_boundary_is_refused(spool: FolderSpool, kind: str) -> None:
    with pytest.raises(BadUpload):
        Reader(kind, FORM, spool)


NAMES = {"a.wav": "a.wav", "/etc/passwd": "passwd", "..\\..\\a": "a", "x\ny": "x_y", "..": "..", "a/": "", "ä": "ä"}


def test_names_are_bare() -> None:
    assert {claimed: bare_name(claimed) for claimed in NAMES} == NAMES
    assert len(bare_name("x" * 999)) == 255


def test_a_file_that_no_one_chose_is_missing(spool: FolderSpool) -> None:
    assert read(part("file", b"", "") + END, [], spool).files == {}
    assert read(part("file", b"abc") + END, [], spool).file("file").size == 3  # some clients name no file
    assert read(part("file", b"", "empty.wav") + END, [], spool).file("file").size == 0


LARGE = Form({"file": 1}, 300 << 20)


def doors(app: FastAPI) -> None:
    """Doors that take files."""
    router = APIRouter()
    small = Form({"file": 1}, 1 << 20, "MAX_IMAGE_SIZE")

    def told(got: Uploads) -> dict[str, Any]:
        one = got.file("file")
        return {"size": one.size, "sha256": one.sha256, "fields": got.fields, "name": one.filename}

    @router.post("/small", openapi_extra=uploads.body(small, {"n": {"type": "integer"}}, {"type": "object"}))
    async def take(request: Request) -> dict[str, Any]:
        return told(await uploads.read(request, small, parts.service(request).spool))

    @router.post("/large", openapi_extra=uploads.body(LARGE))
    async def take_large(request: Request) -> dict[str, Any]:
        return told(await uploads.read(request, LARGE, parts.service(request).spool))

    @router.get("/stop")
    async def stop(request: Request) -> None:
        parts.running(request).on_failure()  # as a signal does

    app.include_router(router)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(Settings(storage_dir=tmp_path, auth_disabled=True))


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    app = create_app(service)
    doors(app)
    with served(app) as found:
        yield found


def test_a_file_arrives(client: httpx.Client) -> None:
    answer = client.post("/small", files={"file": ("ä b.wav", b"abc")}, data={"n": "5"})
    assert answer.json() == {
        "size": 3,
        "sha256": hashlib.sha256(b"abc").hexdigest(),
        "fields": {"n": "5"},
        "name": "ä b.wav",
    }


def test_a_file_that_is_missing_is_told_as_clients_know_it(client: httpx.Client) -> None:
    for answer in (client.post("/small", files={"flie": b"x"}), client.post("/small", json={}), client.post("/small")):
        assert answer.status_code == 422
        (one,) = answer.json()["detail"]
        assert (one["type"], one["loc"]) == ("missing", ["body", "file"])
    assert "'flie'" in client.post("/small", files={"flie": b"x"}).json()["detail"][0]["msg"]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("size", [(1 << 20) + 1, 40 << 20])
def test_a_file_over_the_limit_is_refused_with_the_limit(client: httpx.Client, size: int, streamed: bool) -> None:
    body = part("file", b"x" * size, "x") + END
    pieces = (body[start : start + 65536] for start in range(0, len(body), 65536))
    answer = client.post("/small", content=pieces if streamed else body, headers={"Content-Type": TYPE})
    assert answer.status_code == 413
    assert "1048576 bytes" in answer.json()["detail"] and "MAX_IMAGE_SIZE" in answer.json()["detail"]


def test_the_schema_says_what_the_body_holds(client: httpx.Client) -> None:
    content = client.get("/openapi.json").json()["paths"]["/small"]["post"]["requestBody"]["content"]
    assert set(content) == {"multipart/form-data", "application/json"}
    schema = content["multipart/form-data"]["schema"]
    assert schema["required"] == ["file"] and schema["properties"]["file"] == {"type": "string", "format": "binary"}


def raw(client: httpx.Client, body: bytes, length: int, more: str = "") -> socket.socket:
    """A connection that has sent the beginning of an upload."""
    one = socket.create_connection(("127.0.0.1", client.base_url.port or 0), 30)
    head = f"POST /small HTTP/1.1\r\nHost: x\r\nContent-Type: {TYPE}\r\nContent-Length: {length}\r\n{more}\r\n"
    one.sendall(head.encode() + body)
    return one


def test_a_client_that_goes_leaves_nothing(client: httpx.Client, service: Service) -> None:
    one = raw(client, part("file", b"x" * 900_000, "x")[:-2], 2_000_000)
    until(lambda: left(service.spool) != [])
    one.close()
    until(lambda: left(service.spool) == [])
    assert client.post("/small", files={"file": b"x"}).status_code == 200


def test_a_client_that_dawdles_is_sent_away(
    client: httpx.Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "PATIENCE", 0.3)
    with raw(client, part("file", b"x" * 100, "x")[:-2], 5000) as one:
        answer = b"".join(iter(lambda: one.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 408") and b"slow_upload" in answer
    until(lambda: left(service.spool) == [])


def test_an_upload_that_stands_still_does_not_keep_the_service_from_stopping(
    client: httpx.Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "GRACE", 0.2)
    with raw(client, part("file", b"x" * 900_000, "x")[:-2], 2_000_000) as one:
        until(lambda: left(service.spool) != [])
        began = time.monotonic()
        client.get("/stop").raise_for_status()
        answer = b"".join(iter(lambda: one.recv(65536), b""))
        assert time.monotonic() - began < pace.PATIENCE / 2
    assert answer.startswith(b"HTTP/1.1 503") and b"retry-after" in answer.lower()
    until(lambda: left(service.spool) == [])


def test_an_upload_that_goes_on_is_finished_before_the_service_stops(
    client: httpx.Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "GRACE", 5.0)
    content = part("file", b"x" * 900_000, "x") + END
    with raw(client, content[:600_000], len(content)) as one:
        until(lambda: left(service.spool) != [])
        client.get("/stop").raise_for_status()
        one.sendall(content[600_000:])
        answer = b"".join(iter(lambda: one.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")


def test_who_asks_first_is_refused_before_sending(client: httpx.Client) -> None:
    with raw(client, b"", 1 << 40, "Expect: 100-continue\r\n") as one:
        assert one.recv(65536).startswith(b"HTTP/1.1 413")


def test_a_large_upload_takes_no_memory(tmp_path: Path) -> None:
    code = f"""
import resource, sys
from pathlib import Path
sys.path[:0] = {sys.path!r}
from doors.test_http_uploads import doors, part, END, TYPE
from lookhear.serve.http.app import create_app
from lookhear.settings import Settings
from support.service import Service, served
app = create_app(Service(Settings(storage_dir=Path({str(tmp_path)!r}), auth_disabled=True)))
doors(app)
def body(size):
    head, tail = part("file", b"|", "x").split(b"|")
    yield head
    for _ in range(size // 65536):
        yield bytes(65536)
    yield tail + END
with served(app) as client:
    def send(size):
        answer = client.post("/large", content=body(size), headers={{"Content-Type": TYPE}})
        assert answer.json()["size"] == size, answer.text
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    first = send(4 << 20)
    print(send(256 << 20) - first)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 16 << 10, f"{done.stdout} KiB more"
