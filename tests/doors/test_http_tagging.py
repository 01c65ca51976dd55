"""Tagging as its C++ client does it: upload, then ask until the answer is no longer pending."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from examples.tune import compose, write
from lookhear.jobs.job import NewJob
from lookhear.settings import Settings
from support.films import encoded, shots
from support.service import until
from support.working import WorkingService

WAIT = 1.0


@pytest.fixture
def service(tmp_path: Path) -> WorkingService:
    settings = Settings(storage_dir=tmp_path, auth_disabled=True, result_wait=WAIT, worker_max_retries=0)
    return WorkingService(settings)


@pytest.fixture(scope="module")
def tune(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("tune") / "tune.flac"
    write(compose(4), path, "flac", "s16")
    return path.read_bytes()


@pytest.fixture(scope="module")
def film() -> bytes:
    return encoded(shots(3, seconds=6))


def queued(client: httpx.Client, kind: str, data: bytes) -> int:
    answer = client.post(f"/tag/{kind}", files={"file": ("a file.bin", data)})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"job_id"}
    number = answer.json()["job_id"]
    assert type(number) is int and number > 0
    return number


def polled(client: httpx.Client, number: int) -> dict[str, object]:
    """As the client does: 100 times, 200 ms apart."""
    for _ in range(100):
        answer = client.get(f"/result/{number}")
        assert answer.status_code == 200
        found: dict[str, object] = answer.json()
        if found != {"status": "pending"}:
            return found
        time.sleep(0.2)
    raise AssertionError("still pending")


def test_a_recording_is_tagged(client: httpx.Client, tune: bytes) -> None:
    found = polled(client, queued(client, "audio", tune))
    assert set(found) == {"genre", "mood", "instruments", "fingerprint", "transcript", "warnings"}
    assert isinstance(found["fingerprint"], str) and len(found["fingerprint"]) > 20
    assert found["genre"] == found["mood"] == found["instruments"] == []  # no model is installed here
    warnings = found["warnings"]
    assert isinstance(warnings, dict) and {"genre", "mood", "instruments"} <= set(warnings)
    assert "lookhear models pull" in warnings["genre"]


def test_the_top_level_of_an_answer_has_nothing_that_the_client_would_choke_on(
    client: httpx.Client, tune: bytes, film: bytes
) -> None:
    for kind, data in (("audio", tune), ("video", film), ("audio", b"no media")):
        found = polled(client, queued(client, kind, data))
        assert "status" not in found
        for value in found.values():
            assert value is None or isinstance(value, (str, dict)) or all(isinstance(one, str) for one in value)


def test_scenes_of_a_film_are_an_object(client: httpx.Client, film: bytes) -> None:
    found = polled(client, queued(client, "video", film))
    scenes = found["scenes"]
    assert isinstance(scenes, dict) and set(scenes) == {"cuts", "segments"}
    assert len(scenes["cuts"]) == 2 and len(scenes["segments"]) == 3
    assert scenes["segments"][0]["start"] == 0


def test_what_is_no_media_fails_with_an_object(client: httpx.Client) -> None:
    found = polled(client, queued(client, "audio", b"no media at all"))
    assert set(found) == {"error"}
    error = found["error"]
    assert isinstance(error, dict) and set(error) == {"code", "message"} and error["code"] == "not_a_medium"


def test_an_answer_is_held_open_until_the_job_ends(client: httpx.Client, service: WorkingService, tune: bytes) -> None:
    service.may_work.clear()
    number = queued(client, "audio", tune)
    began = time.monotonic()
    assert client.get(f"/result/{number}").json() == {"status": "pending"}
    assert time.monotonic() - began >= WAIT * 0.9
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(client.get, f"/result/{number}") for _ in range(4)]
        until(lambda: service.jobs.numbered(number).status == "processing")  # type: ignore[union-attr]
        service.may_work.set()
        answers = [one.result().json() for one in waiting]
    assert all("fingerprint" in answer for answer in answers)


def test_unknown_ids_are_pending_at_once(client: httpx.Client, service: WorkingService) -> None:
    other = service.submit(NewJob("jobs", "colors", "none"))
    until(lambda: service.jobs.get(other.id).status.final)  # type: ignore[union-attr]
    took = []
    for id in ("999", "0", "-1", "1.5", "x", "9" * 30, "٣", str(other.number)):
        began = time.monotonic()
        answer = client.get(f"/result/{id}")
        assert (answer.status_code, answer.json()) == (200, {"status": "pending"})
        took.append(time.monotonic() - began)
    assert min(took) < WAIT / 2


def test_a_cancelled_job_is_an_error_and_a_deleted_one_unknown(
    client: httpx.Client, service: WorkingService, tune: bytes
) -> None:
    service.may_work.clear()
    for end, expected in ((service.jobs.cancel, {"error"}), (service.jobs.delete, {"status"})):
        number = queued(client, "audio", tune)
        job = service.jobs.numbered(number)
        assert job is not None
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(client.get, f"/result/{number}")
            end(job.id)
            assert set(waiting.result().json()) == expected


def test_uploads_without_the_part_are_refused(client: httpx.Client) -> None:
    answer = client.post("/tag/audio", files={"audio": ("a.wav", b"x")})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "file"]
    assert client.post("/tag/audio", json={}).status_code == 422
    assert client.post("/tag/images", files={"file": ("a", b"x")}).status_code == 404


def test_requests_do_not_wait_for_each_other(client: httpx.Client, service: WorkingService, tune: bytes) -> None:
    service.may_work.clear()
    numbers = [queued(client, "audio", tune) for _ in range(8)]
    assert len(set(numbers)) == 8
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(client.get, f"/result/{number}") for number in numbers]
        assert client.get("/health").status_code == 200
        assert [one.result().json() for one in waiting] == [{"status": "pending"}] * 8
    service.may_work.set()
    assert all("fingerprint" in polled(client, number) for number in numbers)


def test_the_schema_tells_of_the_part_and_of_the_answers(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    body = paths["/tag/audio"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert body["required"] == ["file"]
    assert "unfinished" in json.dumps(paths["/result/{id}"]["get"]["responses"]["200"])
