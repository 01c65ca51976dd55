"""Our own door: reports at once or by jobs, and what happens when too much is asked or nobody waits."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import FastAPI

from examples.picture import write_poster
from examples.tune import compose, write
from lookhear.analysis.codec import from_json, plain
from lookhear.analysis.report import Report
from lookhear.jobs.job import Status
from lookhear.serve.http.app import create_app
from lookhear.settings import Settings
from lookhear.tasks.catalogue import all_tasks
from lookhear.wiring.service import Service
from support.long import write_silence
from support.service import served, until
from support.web import web

HOURS = 6  #: of a recording that nobody wants to wait for
SOON = 5.0  # s, much less than that takes


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that requests may name."""
    folder = tmp_path_factory.mktemp("roots")
    write(compose(4), folder / "tune.flac", "flac", "s16")
    write_poster(folder / "poster.png", 0.3)
    write_silence(folder / "long.wav", HOURS)
    return folder


@contextmanager
def doors(
    tmp_path: Path, roots: Path, workers: bool = False, **settings: Any
) -> Iterator[tuple[httpx.Client, FastAPI]]:
    """A client and the app behind it."""
    facts = {"storage_dir": tmp_path / "data", "model_cache_dir": tmp_path / "models", "media_roots": str(roots)}
    app = create_app(Service(replace(Settings(), **{**facts, **settings})), workers=workers)
    with served(app) as client:
        yield client, app


@pytest.fixture
def client(tmp_path: Path, roots: Path) -> Iterator[httpx.Client]:
    with doors(tmp_path, roots) as (client, _):
        yield client


def report_of(answer: httpx.Response) -> Report:
    """What it holds, which must be a report."""
    assert answer.status_code == 200, answer.text
    found = from_json(answer.content)
    assert isinstance(found, Report)
    return found


def values(report: Report) -> dict[str, Any]:
    """What was found, by task."""
    return {finding.task: plain(finding.value) for finding in report.findings}


def test_an_upload_is_analysed(client: httpx.Client, roots: Path) -> None:
    data = (roots / "poster.png").read_bytes()
    report = report_of(client.post("/analyze", files={"file": ("evening.jpg", data)}))
    assert (report.medium.name, report.medium.kind, report.medium.size) == ("evening.jpg", "image", len(data))
    assert {"colors", "technical"} <= set(values(report))
    again = report_of(client.post("/analyze", files={"file": ("other.png", data)}))
    assert (again.medium.name, again.timings) == ("other.png", report.timings), "it is kept"


def test_a_report_is_what_its_schema_says(client: httpx.Client, roots: Path) -> None:
    answer = client.get("/schema")
    assert answer.headers["content-type"] == "application/schema+json"
    for name in ("poster.png", "tune.flac"):
        jsonschema.validate(client.post("/analyze", json={"path": name}).json(), answer.json())


def test_tasks_and_options_are_heeded(client: httpx.Client, roots: Path) -> None:
    asked = {"path": f"{roots}/poster.png", "tasks": ["colors"], "options": {"colors": {"count": 2}}}
    report = report_of(client.post("/analyze", json=asked))
    assert report.medium.name == asked["path"]
    assert set(values(report)) == {"colors"} and len(report["colors"].dominant) <= 2
    data = (roots / "poster.png").read_bytes()
    for tasks in ("colors, technical", '["colors", "technical"]'):
        fields = {"tasks": tasks, "options": '{"colors": {"count": 2}}'}
        found = report_of(client.post("/analyze", files={"file": ("a", data)}, data=fields))
        assert set(values(found)) == {"colors", "technical"} and found["colors"] == report["colors"]


@pytest.mark.parametrize("wait", ["true", "false"])
def test_what_cannot_be_is_said_before_anything_is_done(client: httpx.Client, wait: str) -> None:
    expected: list[tuple[dict[str, Any], int, str]] = [
        ({"path": "poster.png", "tasks": ["colours"]}, 422, "unknown_task"),
        ({"path": "poster.png", "options": {"colors": {"number": 2}}}, 422, "invalid_options"),
        ({"path": "poster.png", "options": {"colors": {"count": 99}}}, 422, "invalid_options"),
        ({"path": "nothing.png"}, 404, "medium_not_found"),
        ({"path": "/etc/passwd"}, 403, "path_refused"),
        ({"path": ""}, 422, "input_error"),
        ({"url": "http://127.0.0.1/a.png"}, 403, "source_refused"),
        ({"url": "file:///etc/passwd"}, 403, "source_refused"),
        ({"url": "nowhere"}, 422, "input_error"),
    ]
    for asked, status, code in expected:
        answer = client.post("/analyze", params={"wait": wait}, json=asked)
        assert (answer.status_code, answer.json()["code"]) == (status, code), asked
    assert client.get("/job").json()["jobs"] == []


def test_a_url_that_cannot_be_read_is_told_apart_from_one_that_may_not(tmp_path: Path, roots: Path) -> None:
    with ExitStack() as stack:
        there, silent = stack.enter_context(web()), stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        allowed = {"allow_urls": True, "allow_private_urls": True, "media_open_seconds": 0.3}
        client, _ = stack.enter_context(doors(tmp_path, roots, **allowed))
        picture = (roots / "poster.png").read_bytes()
        with socket.create_server(("127.0.0.1", 0)) as gone:
            nobody = gone.getsockname()[1]
        expected = [
            (f"http://127.0.0.1:{nobody}/a.png", 422, "source_failed"),
            ("http://nowhere.invalid/a.png", 422, "source_failed"),
            (there.put("/broken", status=500), 422, "source_failed"),
            (there.put("/short", picture, cuts=[100]), 422, "source_failed"),
            (there.url("/nothing"), 404, "medium_not_found"),
            (f"http://127.0.0.1:{silent.getsockname()[1]}/", 504, "source_timed_out"),
            (there.put("/held", picture, holds=0), 504, "source_timed_out"),
        ]
        for url, status, code in expected:
            answer = client.post("/analyze", json={"url": url})
            assert (answer.status_code, answer.json().get("code")) == (status, code), (url, answer.text)
        assert not list((tmp_path / "data").rglob("uploads/parts/*"))


def test_what_would_be_refused_is_not_taken_in(tmp_path: Path, roots: Path) -> None:
    with doors(tmp_path, roots, max_requests=1) as (client, app):
        running = begun(client, app)
        asked = (
            "Host: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 999999\r\nExpect: 100-continue"
        )
        for path in ("/analyze", "/caption/generate", "/caption/batch", "/image/process", "/infer/faces", "/search"):
            with socket.create_connection((client.base_url.host, client.base_url.port or 0), 30) as one:
                one.sendall(f"POST {path} HTTP/1.1\r\n{asked}\r\n\r\n".encode())
                answer = one.recv(65536)
            assert answer.startswith(b"HTTP/1.1 503") and b"retry-after: 1" in answer.lower(), path
        running.close()


def test_a_body_of_another_shape_is_invalid(client: httpx.Client, roots: Path) -> None:
    wrong: list[Any] = [
        {},
        {"path": "a", "url": "b"},
        {"path": "a", "task": []},
        {"path": "a", "tasks": "colors"},
        [],
        None,
    ]
    for asked in wrong:
        answer = client.post("/analyze", json=asked)
        assert answer.status_code == 422 and answer.json()["detail"][0]["loc"][0] == "body", asked
    for fields in ({"options": "{"}, {"options": "[]"}, {"tasks": "[1"}, {"options": '{"colors": 1}'}):
        answer = client.post("/analyze", files={"file": ("a", b"x")}, data=fields)
        assert answer.status_code == 422 and answer.json()["detail"][0]["loc"][0] == "body", fields
    assert client.post("/analyze", files={"flie": ("a", b"x")}).json()["detail"][0]["loc"] == ["body", "file"]
    answer = client.post("/analyze", files={"file": ("a.png", b"no picture")})
    assert (answer.status_code, answer.json()["code"]) == (415, "not_a_medium")


def test_a_url_is_fetched_where_that_is_allowed(tmp_path: Path, roots: Path) -> None:
    with (
        web() as there,
        doors(tmp_path, roots, allow_urls=True, allow_private_urls=True, max_upload_bytes=500_000) as (
            client,
            _,
        ),
    ):
        url = there.put("/poster.png", (roots / "poster.png").read_bytes())
        report = report_of(client.post("/analyze", json={"url": url, "tasks": ["colors"]}))
        assert report.medium.name == url and report["colors"].dominant
        answer = client.post("/analyze", json={"url": there.put("/large", bytes(600_000))})
        assert answer.status_code == 413 and "MAX_UPLOAD_BYTES" in answer.json()["detail"]
        assert client.post("/analyze", json={"url": there.url("/gone")}).status_code == 404
    with web() as there, doors(tmp_path, roots, allow_urls=True) as (client, _):
        answer = client.post("/analyze", json={"url": there.put("/poster.png", b"x")})
        assert (answer.status_code, answer.json()["code"]) == (403, "source_refused")
        assert there.asked == []


def test_a_job_gives_the_same_report(tmp_path: Path, roots: Path) -> None:
    with doors(tmp_path, roots, workers=True) as (client, _):
        data, fields = (roots / "tune.flac").read_bytes(), {"tasks": "mir"}
        sent = {"files": {"file": ("tune.flac", data)}, "data": fields, "headers": {"Idempotency-Key": "once"}}
        answer = client.post("/analyze", params={"wait": "false"}, **sent)  # type: ignore[arg-type]
        assert answer.status_code == 202 and answer.json()["status"] == "pending"
        assert len(answer.json()) == 10 and answer.headers["location"] == f"/job/{answer.json()['job_id']}"
        again = client.post("/analyze", params={"wait": "false"}, **sent)  # type: ignore[arg-type]
        assert again.json()["job_id"] == answer.json()["job_id"]
        place = answer.headers["location"]
        until(lambda: client.get(place).json()["status"] == "completed", 30)
        by_job = report_of(client.get(f"{place}/report.json"))
        at_once = report_of(client.post("/analyze", files={"file": ("tune.flac", data)}, data=fields))
        assert (values(by_job), by_job.medium.name) == (values(at_once), "tune.flac")


@pytest.mark.alone
def test_what_takes_too_long_becomes_a_job(tmp_path: Path, roots: Path) -> None:
    with doors(tmp_path, roots, request_timeout=0.5, job_timeout=0.1) as (client, app):  # it is hashed in no 0.1 s
        began = time.monotonic()
        answer = client.post("/analyze", json={"path": "long.wav", "tasks": ["mir"]})
        assert answer.status_code == 202 and time.monotonic() - began < SOON
        job = app.state.service.jobs.get(answer.json()["job_id"])
        assert (job.status, job.contract) == (Status.PENDING, "analysis")
        assert job.request == {"path": f"{roots}/long.wav", "name": "long.wav", "tasks": ["mir"], "options": {}}
        until(lambda: app.state.gate.taken == 0, SOON)
        answer = client.post("/infer/transcribe", json={"video_path": "long.wav"})
        assert (answer.status_code, answer.json()["code"]) == (504, "took_too_long")


def test_a_client_that_goes_away_stops_the_analysis(tmp_path: Path, roots: Path) -> None:
    with doors(tmp_path, roots) as (client, app):
        leave = begun(client, app)
        leave.close()
        until(lambda: app.state.gate.taken == 0, SOON)


@pytest.mark.alone
def test_more_than_may_run_are_refused_and_health_goes_on(tmp_path: Path, roots: Path) -> None:
    with doors(tmp_path, roots, max_requests=2) as (client, app):
        running = [begun(client, app, place) for place in (1, 2)]
        answer = client.post("/analyze", json={"path": "poster.png"})
        assert (answer.status_code, answer.json()["code"]) == (503, "too_many_requests")
        assert int(answer.headers["retry-after"]) >= 1
        times = []
        for _ in range(20):
            asked = time.monotonic()
            assert client.get("/health").status_code == 200
            times.append(time.monotonic() - asked)
        assert sorted(times)[10] < 0.1, "the loop is blocked"
        for one in running:
            one.close()
        until(lambda: app.state.gate.taken == 0, SOON)
        report_of(client.post("/analyze", json={"path": "poster.png", "tasks": ["colors"]}))


def begun(client: httpx.Client, app: FastAPI, count: int = 1) -> socket.socket:
    """The connection of a request that is worked on by now, as the ``count``-th."""
    body = json.dumps({"path": "long.wav", "tasks": ["mir"]})
    head = (
        f"POST /analyze HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection((client.base_url.host, client.base_url.port or 0))
    connection.sendall((head + body).encode())
    until(lambda: app.state.gate.taken == count)
    return connection


def test_many_at_once_are_all_answered(client: httpx.Client, roots: Path) -> None:
    def ask(number: int) -> dict[str, Any]:
        asked = {"path": "poster.png", "tasks": ["colors"], "options": {"colors": {"count": number}}}
        return values(report_of(client.post("/analyze", json=asked)))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, [1, 2, 3, 4] * 4))
    assert all(one == found[i % 4] for i, one in enumerate(found))


def test_every_task_is_told_with_its_options(client: httpx.Client) -> None:
    told = client.get("/tasks").json()["tasks"]
    assert [(one["name"], one["kinds"]) for one in told] == [(task.name, sorted(task.kinds)) for task in all_tasks()]
    for one in told:
        jsonschema.Draft202012Validator.check_schema(one["options"])
        assert one["ready"] == (not one["lacks"]) and one["version"] and one["summary"]
    colors = next(one for one in told if one["name"] == "colors" and one["kinds"] == ["image"])
    assert colors["options"]["properties"]["count"]["default"] == 6 and colors["ready"] and colors["default"]
    assert any(one["lacks"] for one in told), "nothing is installed here"


def test_the_doors_are_documented(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    post = paths["/analyze"]["post"]
    assert set(post["requestBody"]["content"]) == {"multipart/form-data", "application/json"}
    assert {"200", "202", "403", "404", "413", "415", "422", "503"} <= set(post["responses"])
    assert post["responses"]["202"]["headers"]["Location"]
    assert {"/tasks", "/schema"} <= set(paths)
