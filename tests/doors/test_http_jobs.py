"""Jobs, administration and the analyzer's figures over HTTP, as their clients use them."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from lookhear.analysis.codec import from_json
from lookhear.analysis.report import Report
from lookhear.jobs.job import NewJob
from lookhear.serve.http.app import create_app
from lookhear.serve.http.keys import make_pair, read_private, sign
from lookhear.tasks.catalogue import all_tasks
from support.asking import KEYS, ended, queued, service_in
from support.files import jpeg
from support.service import served, until
from support.working import WorkingService

PICTURE = jpeg()


def test_a_job_is_created_done_and_deleted(client: httpx.Client, service: WorkingService) -> None:
    answer = client.post("/job/colors", json={"media_store_id": "1"})
    assert answer.status_code == 201
    created = answer.json()
    assert set(created) == KEYS
    assert uuid.UUID(created["job_id"]).version == 4
    assert (created["task_type"], created["media_store_id"], created["priority"]) == ("colors", "1", 5)
    assert created["status"] == "pending" and type(created["created_at"]) is int
    assert created["started_at"] is created["completed_at"] is created["result"] is created["error_message"] is None
    assert answer.headers["location"] == f"/job/{created['job_id']}"
    done = ended(client, created["job_id"])
    assert done["status"] == "completed" and done["error_message"] is None
    assert done["created_at"] <= done["started_at"] <= done["completed_at"]
    assert done["result"]["dominant"][0]["hex"] == "#008080"
    assert service.files.usage().files == 1
    deleted = client.delete(f"/job/{created['job_id']}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert service.files.usage().files == 0
    assert client.get(f"/job/{created['job_id']}").status_code == 404
    assert client.delete(f"/job/{created['job_id']}").status_code == 404


def test_ids_may_be_numbers_and_are_kept_as_text(client: httpx.Client) -> None:
    assert queued(client, medium=1)["media_store_id"] == "1"
    assert queued(client, medium=2**60)["media_store_id"] == str(2**60)
    assert queued(client, medium="image-789")["media_store_id"] == "image-789"


def test_a_job_that_fails_says_why(client: httpx.Client) -> None:
    job = ended(client, queued(client, medium="none")["job_id"])
    assert (job["status"], job["result"]) == ("error", None)
    assert "no medium 'none'" in job["error_message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"media_store_id": ""},
        {"media_store_id": None},
        {"media_store_id": True},
        {"media_store_id": 1.5},
        {"media_store_id": ["1"]},
        {"media_store_id": "x" * 600},
        {"media_store_id": "1", "priority": 11},
        {"media_store_id": "1", "priority": -1},
        {"media_store_id": "1", "priority": 2.5},
        {"media_store_id": "1", "priority": "high"},
        {"media_store_id": "1", "priority": "5"},
        {"media_store_id": "1", "priority": True},
        [],
        "1",
    ],
)
def test_bad_bodies_are_422(client: httpx.Client, body: Any) -> None:
    answer = client.post("/job/colors", json=body)
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], list)


def test_unknown_tasks_are_400_and_say_which_there_are(client: httpx.Client) -> None:
    for body in ({"media_store_id": "1"}, {}):
        answer = client.post("/job/painting", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_task")
        assert "image_embedding" in answer.json()["detail"]


def test_every_task_can_be_a_job(client: httpx.Client, service: WorkingService) -> None:
    service.may_work.clear()
    for name in {task.name for task in all_tasks()} | {"image_embedding", "face_detection", "face_embedding"}:
        assert queued(client, name)["task_type"] == name


def test_a_twin_on_its_way_is_409_and_one_that_has_ended_is_no_twin(
    client: httpx.Client, service: WorkingService
) -> None:
    service.may_work.clear()
    first = queued(client, medium=1)
    answer = client.post("/job/colors", json={"media_store_id": "1", "priority": 9})
    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate_job")
    assert first["job_id"] in answer.json()["detail"]
    queued(client, "technical")
    queued(client, medium="2")
    service.may_work.set()
    ended(client, first["job_id"])
    queued(client)


def test_of_many_twins_at_once_one_is_taken(client: httpx.Client, service: WorkingService) -> None:
    service.may_work.clear()
    with ThreadPoolExecutor(8) as pool:
        posts = [pool.submit(client.post, "/job/colors", json={"media_store_id": "1"}) for _ in range(16)]
        statuses = [one.result().status_code for one in posts]
    assert sorted(statuses) == [201] + [409] * 15


def test_an_idempotency_key_gives_the_same_job_again(client: httpx.Client, service: WorkingService) -> None:
    service.may_work.clear()
    answers = [
        client.post("/job/colors", json={"media_store_id": "1"}, headers={"Idempotency-Key": "k1"}) for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json()["job_id"] == answers[1].json()["job_id"]


def test_a_key_with_another_request_is_422_and_each_door_has_its_own(
    client: httpx.Client, service: WorkingService
) -> None:
    service.may_work.clear()
    for key in ("k", "anyone:k"):
        headers = {"Idempotency-Key": key}
        first = client.post("/job/colors", json={"media_store_id": key}, headers=headers)
        others = [("colors", {"media_store_id": "2"}), ("technical", {"media_store_id": key})]
        for task, body in [*others, ("colors", {"media_store_id": key, "priority": 9})]:
            refused = client.post(f"/job/{task}", json=body, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (422, "key_reused"), refused.text
        files = {"file": ("1.png", PICTURE)}
        analysed = client.post("/analyze", params={"wait": False}, files=files, headers=headers)
        assert analysed.status_code == 202 and analysed.json()["job_id"] != first.json()["job_id"]
        again = client.post("/analyze", params={"wait": False}, files=files, headers=headers)
        assert again.json()["job_id"] == analysed.json()["job_id"]
        other = client.post("/analyze", params={"wait": False}, files={"file": ("2.png", PICTURE)}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "key_reused")


def test_what_was_sent_with_a_key_and_is_a_job_by_now_is_not_begun_again(
    client: httpx.Client, service: WorkingService
) -> None:
    service.may_work.clear()
    asked: dict[str, Any] = {"files": {"file": ("1.png", PICTURE)}, "headers": {"Idempotency-Key": "k"}}
    first = client.post("/analyze", params={"wait": False}, **asked)
    again = client.post("/analyze", **asked)
    assert again.status_code == 202 and again.json()["job_id"] == first.json()["job_id"]
    other = client.post("/analyze", data={"tasks": "colors"}, **asked)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    service.may_work.set()
    ended(client, first.json()["job_id"])
    assert client.post("/analyze", **asked).status_code == 200


def test_the_most_urgent_is_done_first(client: httpx.Client, service: WorkingService) -> None:
    service.may_work.clear()
    first = queued(client, medium="held")
    until(lambda: client.get(f"/job/{first['job_id']}").json()["status"] == "processing")
    ids = [queued(client, medium=f"m{i}", priority=priority)["job_id"] for i, priority in enumerate((5, 8, 5, 10))]
    service.may_work.set()
    for id in ids:
        ended(client, id)
    started = [event.job_id for event in service.jobs.events(0) if event.kind == "started"]
    assert [ids.index(id) for id in started[1:]] == [3, 1, 0, 2]


def test_jobs_are_listed_newest_first_page_by_page(client: httpx.Client, service: WorkingService) -> None:
    service.may_work.clear()
    ids = [queued(client, medium=f"m{i}")["job_id"] for i in range(5)]
    technical = queued(client, "technical")["job_id"]
    seen, cursor = [], None
    while True:
        page = client.get("/job", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [job["job_id"] for job in page["jobs"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen == [technical, *reversed(ids)]
    only = client.get("/job", params={"task_type": "technical", "status": "pending"}).json()
    assert [job["job_id"] for job in only["jobs"]] == [technical]
    assert client.get("/job", params={"task_type": "none"}).json() == {"jobs": [], "cursor": None}
    for wrong in ({"status": "lost"}, {"limit": 0}, {"limit": 501}, {"cursor": "x"}):
        assert client.get("/job", params=wrong).status_code == 422


def test_unknown_ids_are_404(client: httpx.Client) -> None:
    for id in ("none", str(uuid.uuid4()), "1", "%00", "..%2F..%2Fetc"):
        for path in (f"/job/{id}", f"/job/{id}/report", f"/job/{id}/report.json"):
            assert client.get(path).status_code == 404, path
        assert client.delete(f"/job/{id}").status_code == 404


def test_deleting_a_job_in_hand_stops_it(client: httpx.Client, service: WorkingService) -> None:
    service.may_work.clear()
    job = queued(client)
    until(lambda: client.get(f"/job/{job['job_id']}").json()["status"] == "processing")
    assert client.delete(f"/job/{job['job_id']}").status_code == 204
    next_one = queued(client)["job_id"]
    until(lambda: client.get(f"/job/{next_one}").json()["status"] == "processing")


def test_the_report_is_a_page_and_json(client: httpx.Client) -> None:
    job = ended(client, queued(client)["job_id"])
    page = client.get(f"/job/{job['job_id']}/report")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert page.text.startswith("<!doctype html>") and "#008080" in page.text
    answer = client.get(f"/job/{job['job_id']}/report.json")
    assert answer.headers["content-type"] == "application/json"
    report = from_json(answer.content)
    assert isinstance(report, Report) and "colors" in report
    failed = ended(client, queued(client, medium="none")["job_id"])
    assert client.get(f"/job/{failed['job_id']}/report").status_code == 404


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_pair(tmp_path_factory.mktemp("keys"))


def test_writes_take_the_permission_and_administration_an_administrator(
    tmp_path: Path, pair: tuple[Path, Path]
) -> None:
    private, public = pair
    key = read_private(private)

    def bearer(*permissions: str, admin: bool = False) -> dict[str, str]:
        return {"Authorization": f"Bearer {sign(key, 'someone', list(permissions), admin, 1)}"}

    may, other, admin = bearer("ai_inference_support"), bearer("reading"), bearer(admin=True)
    with served(create_app(service_in(tmp_path, public_key_path=public))) as client:
        body = {"media_store_id": "1"}
        none = client.post("/job/painting", json={})
        assert none.status_code == 401 and none.headers["www-authenticate"].startswith("Bearer")
        assert client.post("/job/colors", json=body, headers={"Authorization": "Bearer x.y.z"}).status_code == 401
        assert client.post("/job/painting", json={}, headers=other).status_code == 403
        assert client.post("/job/painting", json={}, headers=may).status_code == 400
        created = client.post("/job/colors", json=body, headers=may)
        assert created.status_code == 201
        id = created.json()["job_id"]
        assert client.get(f"/job/{id}").status_code == client.get("/job").status_code == 200
        assert client.delete(f"/job/{id}").status_code == 401
        assert client.delete(f"/job/{id}", headers=other).status_code == 403
        assert client.delete(f"/job/{id}", headers=admin).status_code == 204
        for method, path in (("GET", "/admin/stats"), ("DELETE", "/admin/cleanup")):
            assert client.request(method, path).status_code == 401
            assert client.request(method, path, headers=may).status_code == 403
            assert client.request(method, path, headers=admin).status_code == 200
        same = [
            client.post("/job/technical", json=body, headers={**who, "Idempotency-Key": "k"}).status_code
            for who in (may, bearer("ai_inference_support"))
        ]
        assert same == [201, 201]


def test_jobs_of_other_doors_are_jobs_too(client: httpx.Client, service: WorkingService) -> None:
    service.may_work.clear()
    job = service.submit(NewJob("tagging", "audio"))
    assert client.get(f"/job/{job.id}").json()["task_type"] == "audio"
    assert client.delete(f"/job/{job.id}").status_code == 204
