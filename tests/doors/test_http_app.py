"""The doors as a whole: what they answer when all is well, when it is not, and what they say of it."""

from __future__ import annotations

import logging
import math
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

from lookhear.errors import DamagedMedium, LookhearError, ModelMissing, StorageUnwritable, TooManyRequests
from lookhear.serve.http.app import create_app
from lookhear.serve.http.problems import MEDIA_TYPE, Recast
from lookhear.settings import Settings
from lookhear.version import __version__
from support.service import Service, served, until


class Wish(BaseModel):
    """A body."""

    number: int


def doors(app: FastAPI) -> None:
    """Doors that fail in every way."""
    router = APIRouter()

    @router.post("/wish")
    async def wish(wish: Wish) -> int:
        return wish.number

    @router.get("/fails/{how}")
    def fails(how: str) -> None:
        if how == "bug":
            raise ZeroDivisionError("secret")
        if how == "recast":
            raise Recast(DamagedMedium("Broken."), 400)
        kinds = {
            "full": StorageUnwritable,
            "damaged": DamagedMedium,
            "missing": ModelMissing,
            "busy": TooManyRequests,
            "other": LookhearError,
        }
        raise kinds[how]("A sentence.") from ValueError("the cause")

    app.include_router(router)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(Settings(storage_dir=tmp_path, auth_disabled=True))


@pytest.fixture
def app(service: Service) -> FastAPI:
    app = create_app(service)
    doors(app)
    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[httpx.Client]:
    with served(app) as found:
        yield found


def test_home_says_what_there_is(client: httpx.Client) -> None:
    told = client.get("/").json()
    assert (told["service"], told["version"], told["status"]) == ("lookhear", __version__, "running")
    assert {"/", "/health", "/metrics"} <= set(told["endpoints"])
    schema = client.get("/openapi.json").json()
    assert schema["info"]["version"] == __version__ and schema["openapi"].startswith("3.1")


def test_a_browser_is_sent_to_the_page(client: httpx.Client) -> None:
    answer = client.get("/", headers={"Accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["location"]) == (307, "/ui/")
    assert client.get("/ui/").headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/", headers={"Accept": "*/*"}).status_code == 200


def test_health_has_all_that_its_clients_read(client: httpx.Client, service: Service) -> None:
    until(lambda: client.get("/health").json()["status"] == "healthy")
    service.jobs.now.queue_size = 7
    until(lambda: client.get("/health").json()["queue_size"] == 7)
    told = client.get("/health").json()
    assert type(told["models_loaded"]) is int and told["models"] == [] and told["model_loaded"] is False
    assert told["database"] == "connected" and told["worker"] == "idle" and told["processing_active"] is False
    assert told["version"] == __version__ and told["uptime_seconds"] > 0 and told["gpu_available"] in (True, False)
    assert {"gpu_device_name", "gpu_memory_total_mb", "gpu_memory_used_mb", "timestamp"} <= set(told)
    usage = told["memory_usage"]
    assert usage["percentage"] == pytest.approx(100 * usage["used_mb"] / usage["total_mb"], abs=0.1)
    assert client.get("/health/live").status_code == client.get("/health/ready").status_code == 200


def test_a_wrong_method_is_told_all_that_there_are(client: httpx.Client) -> None:
    for path, methods in (("/search", "GET, HEAD, POST"), ("/job/x", "DELETE, GET, HEAD, POST"), ("/events", "GET")):
        answer = client.put(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, methods), path
        assert methods in answer.json()["detail"]


def test_head_is_get_without_a_body(client: httpx.Client) -> None:
    for path in ("/", "/health", "/health/live", "/health/ready", "/metrics", "/tasks", "/openapi.json", "/ui/"):
        answer, whole = client.head(path), client.get(path)
        assert (answer.status_code, answer.content) == (200, b""), path
        assert answer.headers["content-type"] == whole.headers["content-type"]
    assert client.head("/nothing").status_code == 404
    assert client.head("/events").status_code == client.head("/analyze").status_code == 405
    assert 'method="HEAD",route="/tasks",status="200"' in client.get("/metrics").text


def test_health_is_right_when_it_is_first_asked(client: httpx.Client, service: Service) -> None:
    client.get("/").raise_for_status()  # it is open
    service.jobs.now.queue_size = 7
    told = client.get("/health").json()
    assert (told["status"], told["database"], told["queue_size"]) == ("healthy", "connected", 7)


def test_health_is_fast_while_the_database_hangs(client: httpx.Client, service: Service) -> None:
    until(lambda: client.get("/health/ready").status_code == 200)
    service.jobs.free.clear()
    try:
        took = []
        for _ in range(200):
            began = time.perf_counter()
            assert client.get("/health").status_code == 200
            took.append(time.perf_counter() - began)
        assert max(took) < 10, "it waits for the database"
    finally:
        service.jobs.free.set()


def test_a_lost_database_is_told(client: httpx.Client, service: Service) -> None:
    until(lambda: client.get("/health/ready").status_code == 200)
    service.jobs.broken = OSError("gone")
    until(lambda: client.get("/health").json()["status"] == "unhealthy")
    assert client.get("/health").json()["database"] == "error"
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["reason"]) == (503, "the database does not answer")
    assert "lookhear_queue_size" not in client.get("/metrics").text
    service.jobs.broken = None
    until(lambda: client.get("/health").json()["status"] == "healthy")
    service.ready = (False, "the disk is full")
    until(lambda: client.get("/health").json()["status"] == "degraded")


def test_requests_wait_while_the_service_opens_and_health_does_not(app: FastAPI, service: Service) -> None:
    service.may_open.clear()
    with served(app) as client:
        told = client.get("/health").json()
        assert (told["status"], told["worker"], told["database"]) == ("starting", "starting", "error")
        assert service.done == []
        assert client.get("/health/ready").status_code == 503
        with pytest.raises(httpx.ReadTimeout):
            client.get("/", timeout=0.2)
        service.may_open.set()
        assert client.get("/").status_code == 200
    assert service.done == ["open", "start", "stop", "close"]


def test_a_service_that_cannot_open_ends_the_server(app: FastAPI, service: Service) -> None:
    service.cannot_open = OSError("no disk")
    with served(app):
        until(lambda: app.state.running.failure is service.cannot_open)
    assert service.done == []


FAILURES = {
    "/fails/damaged": (422, "damaged_medium", "A sentence."),
    "/fails/missing": (503, "model_missing", "A sentence."),
    "/fails/busy": (503, "too_many_requests", "A sentence."),
    "/fails/other": (500, "error", "A sentence."),
    "/fails/recast": (400, "damaged_medium", "Broken."),
    "/nowhere": (404, "not_found", "There is nothing at /nowhere. GET / says what there is."),
    "/wish": (405, "method_not_allowed", "GET is not possible at /wish; it takes POST."),
}


@pytest.mark.parametrize(("path", "expected"), FAILURES.items(), ids=FAILURES)
def test_a_failure_is_a_problem_with_a_sentence(
    client: httpx.Client, path: str, expected: tuple[int, str, str]
) -> None:
    answer = client.get(path)
    told = answer.json()
    assert (answer.status_code, told["code"], told["detail"]) == expected
    assert answer.headers["content-type"] == MEDIA_TYPE and told["status"] == answer.status_code
    assert told["instance"] == path and told["request_id"] == answer.headers["x-request-id"] and told["title"]
    assert ("retry-after" in answer.headers) == (told["code"] == "too_many_requests")
    assert (answer.headers.get("allow") == "POST") == (answer.status_code == 405)


def test_a_bug_is_logged_and_tells_nothing(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get("/fails/bug", headers={"Origin": "http://a.b", "X-Request-ID": "mine-1"})
    told = answer.json()
    assert (answer.status_code, told["code"], told["request_id"]) == (500, "internal_error", "mine-1")
    assert "secret" not in answer.text and answer.headers["access-control-allow-origin"] == "*"
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(logged) == 1 and logged[0].exc_info is not None
    caplog.clear()
    assert client.get("/").status_code == 200


def test_where_the_disk_is_is_for_the_log(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get("/fails/full")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unwritable") and answer.headers["retry-after"]
    assert "full" in answer.json()["detail"] and "A sentence." not in answer.text
    assert "A sentence." in [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_with_debug_a_problem_tells_where_it_comes_from(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(Service(Settings(storage_dir=tmp_path, auth_disabled=True, debug=True)))
    doors(app)
    with served(app) as client:
        assert client.get("/fails/damaged").json()["detail"] == "A sentence. [ValueError: the cause]"
        assert client.get("/fails/full").json()["detail"] == "A sentence. [ValueError: the cause]"
        assert "ZeroDivisionError: secret" in client.get("/fails/bug").json()["detail"]
    caplog.clear()


INVALID = {
    "lacking": b"{}",
    "of another type": b'{"number": "x"}',
    "no number at all": b'{"number": NaN}',
    "infinite": b'{"number": [1e999, -Infinity]}',
    "half a character": b'{"number": "\\ud800"}',
    "no JSON": b"{number",
    "nothing": b"",
}


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID)
def test_validation_keeps_the_shape_that_clients_read(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/wish", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422 and answer.headers["content-type"] == "application/json"
    for one in answer.json()["detail"]:
        assert {"type", "loc", "msg"} <= set(one) and one["loc"][0] == "body"


def test_bytes_that_are_no_text_are_refused(client: httpx.Client) -> None:
    answer = client.post("/wish", content=b"\xff\xfe\x00", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 422
    answer = client.post("/wish", content=b'{"number": "\xff"}', headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.headers["content-type"] == MEDIA_TYPE
    deep = b"[" * 100_000
    assert client.post("/wish", content=deep, headers={"Content-Type": "application/json"}).status_code in (400, 422)
    deep = b'{"number": ' + b'{"a":' * 900 + b"1" + b"}" * 901
    answer = client.post("/wish", content=deep, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422 and answer.json()["detail"][0]["loc"] == ["body", "number"]


@pytest.mark.parametrize("given", ["abc-1", "0123456789abcdef" * 8, "urn:x/y+z=="])
def test_a_harmless_request_id_is_kept(client: httpx.Client, given: str) -> None:
    assert client.get("/health/live", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, '{"a":1}', "-x", "ä"])
def test_another_is_replaced(client: httpx.Client, given: str) -> None:
    made = client.get("/health/live", headers=[("X-Request-ID", given.encode())]).headers["x-request-id"]  # type: ignore[list-item]
    assert made != given and len(made) == 32
    twice = client.get("/health/live", headers=[("X-Request-ID", "a"), ("X-Request-ID", "b")])
    assert twice.headers["x-request-id"] not in ("a", "b")


def test_browsers_may_ask_from_anywhere_without_credentials(client: httpx.Client) -> None:
    asked = {"Origin": "http://a.b", "Access-Control-Request-Method": "POST"}
    preflight = client.options("/wish", headers={**asked, "Access-Control-Request-Headers": "authorization"})
    assert preflight.status_code == 200 and "authorization" in preflight.headers["access-control-allow-headers"]
    answer = client.get("/nowhere", headers={"Origin": "http://a.b", "Cookie": "a=b"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


def test_only_origins_of_the_settings_may(tmp_path: Path) -> None:
    settings = Settings(storage_dir=tmp_path, auth_disabled=True, cors_origins="http://a.b, http://c.d")
    with served(create_app(Service(settings))) as client:
        for origin, allowed in (("http://c.d", "http://c.d"), ("http://evil.example", None)):
            answer = client.get("/health/live", headers={"Origin": origin})
            assert answer.headers.get("access-control-allow-origin") == allowed


def test_figures_are_by_route_and_not_by_path(client: httpx.Client, service: Service) -> None:
    service.jobs.now.by_status["pending"] = 3
    for how in ("damaged", "missing", "damaged"):
        client.get(f"/fails/{how}")
    client.get("/no/such/path")
    client.request("PROPFIND", "/health/live")
    text = client.get("/metrics").text
    assert 'lookhear_http_requests_total{method="GET",route="/fails/{how}",status="422"} 2.0' in text
    assert 'route="unmatched",status="404"} 1.0' in text and 'method="OTHER"' in text
    assert 'lookhear_errors_total{code="damaged_medium"} 2.0' in text
    assert 'lookhear_jobs{status="pending"} 3.0' in text and "lookhear_queue_size 0.0" in text
    assert "lookhear_http_requests_in_flight 1.0" in text and "process_resident_memory_bytes" in text
    assert "/no/such/path" not in text


def test_every_request_is_logged_once_and_health_not(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lookhear.requests")
    client.get("/health")
    client.get("/fails/damaged?token=secret")
    until(lambda: any(record.name == "lookhear.requests" for record in caplog.records))
    (record,) = [record for record in caplog.records if record.name == "lookhear.requests"]
    assert record.getMessage() == "GET /fails/damaged 422"
    facts = vars(record)
    assert facts["route"] == "/fails/{how}" and facts["status"] == 422 and 0 < facts["duration_ms"] < 10_000
    assert math.isfinite(facts["duration_ms"]) and facts["client"] == "127.0.0.1"


def test_a_thousand_idle_connections_keep_nobody_waiting(client: httpx.Client) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2200 if hard == resource.RLIM_INFINITY else min(hard, 2200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    assert max(soft, wanted) >= 2200, "too few files may be open here"
    port, idle = client.base_url.port, []
    try:
        for _ in range(1000):
            one = socket.create_connection(("127.0.0.1", port or 0), 10)
            idle.append(one)
            assert _asked(one).startswith(b"HTTP/1.1 200")
        began = time.perf_counter()
        assert client.get("/health").status_code == 200
        assert time.perf_counter() - began < 10
        assert _asked(idle[0]).startswith(b"HTTP/1.1 200"), "still open"
    finally:
        for one in idle:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _asked(connection: socket.socket) -> bytes:
    """An answer as it came, with its body, which may come later."""
    connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    came = connection.recv(4096)
    while b"\r\n\r\n" not in came or not came.endswith(b"}"):
        more = connection.recv(4096)
        assert more, "the connection was closed"
        came += more
    return came
