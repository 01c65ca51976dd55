"""A service with a real broker and a real Redis: what they get, and that nothing depends on them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from lookhear.analysis.report import Report
from lookhear.errors import InvalidSettings
from lookhear.jobs.job import Job, NewJob, Status
from lookhear.serve.http.app import create_app
from lookhear.settings import Settings
from lookhear.wiring.service import Service
from support.jobs import eventually
from support.ports import free_port
from support.servers import Listener, Server, mosquitto, redis, retained
from support.service import served
from support.stocked import stocked
from support.working import WorkingService


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Server]:
    with mosquitto(tmp_path / "broker") as server:
        yield server.start()


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Server]:
    with redis(tmp_path / "redis") as server:
        yield server.start()


def mqtt(server: Server) -> dict[str, Any]:
    return {"broadcast_type": "mqtt", "mqtt_broker": "127.0.0.1", "mqtt_port": server.port}


def ended(service: Service, name: str) -> Job:
    job = service.submit(NewJob("jobs", "colors", name))

    def final() -> Job | None:
        now = service.jobs.get(job.id)
        return now if now is not None and now.status.final else None

    found: Job = eventually(final)
    return found


def test_a_broker_hears_of_jobs_until_they_are_deleted(tmp_path: Path, broker: Server) -> None:
    with Listener(broker.port, "#") as listener, stocked(tmp_path, **mqtt(broker)) as service:
        good, bad = ended(service, "teal"), ended(service, "nowhere")
        eventually(lambda: len(listener.heard) == 4)
        first, second = listener.at("inference/events")
        about = {"job_id": good.id, "task_type": "colors", "media_store_id": "teal", "status": "completed"}
        assert first["event"] == "job_completed" and first["data"] == {**about, "result": good.result}
        about = {"job_id": bad.id, "task_type": "colors", "media_store_id": "nowhere", "status": "error"}
        assert second["event"] == "job_failed" and second["data"] == {**about, "error": bad.error_message}
        assert listener.at(f"inference/job/{good.id}/completed") == [{"job_id": good.id, **first}]
        assert service.outlets() == {"mqtt": "connected"}
        assert service.delete(good.id)
        eventually(lambda: len(listener.heard) == 5)
        assert [one["job_id"] for one in retained(broker.port, "inference/job/#")] == [bad.id]


def test_a_cleanup_takes_away_what_the_broker_keeps(tmp_path: Path, broker: Server) -> None:
    (tmp_path / "media").mkdir()
    Image.new("RGB", (64, 48), "teal").save(tmp_path / "media" / "1.png")
    service = WorkingService(Settings(storage_dir=tmp_path, auth_disabled=True, **mqtt(broker)))
    with served(create_app(service)) as client, Listener(broker.port, "inference/job/#") as listener:
        job = client.post("/job/colors", json={"media_store_id": "1"}).raise_for_status().json()
        eventually(lambda: listener.heard)
        assert client.get("/health").json()["mqtt"] == "connected"
        cleaned = client.request("DELETE", "/admin/cleanup", json={"older_than_seconds": 0}).raise_for_status()
        assert cleaned.json()["jobs_deleted"] == 1
        eventually(lambda: len(listener.heard) == 2)
        assert listener.heard[1].topic == f"inference/job/{job['job_id']}/completed" and listener.heard[1].said is None
    assert retained(broker.port, "inference/job/#") == []


@pytest.mark.alone
def test_a_broker_that_is_not_there_costs_jobs_nothing(tmp_path: Path) -> None:
    facts = {"broadcast_type": "mqtt", "mqtt_broker": "127.0.0.1", "mqtt_port": free_port()}
    with stocked(tmp_path, **facts) as service:
        assert ended(service, "teal").status is Status.COMPLETED
        eventually(lambda: service.outlets() == {"mqtt": "down"})
        began = time.monotonic()
    assert time.monotonic() - began < 3, "nor does it hold up the end"


def test_what_ended_while_the_broker_was_away_is_told_by_the_next_server(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as late:
        with stocked(tmp_path, **mqtt(late)) as service:
            job = ended(service, "teal")
        late.start()
        with stocked(tmp_path, **mqtt(late)):
            eventually(lambda: [one["job_id"] for one in retained(late.port, "inference/job/#")] == [job.id])


def test_of_two_servers_one_tells(tmp_path: Path, broker: Server, postgresql_url: str) -> None:
    both = {"database_url": postgresql_url, **mqtt(broker)}
    with (
        Listener(broker.port, "inference/events") as listener,
        stocked(tmp_path, **both) as one,
        stocked(tmp_path, **both) as other,
    ):
        jobs = [service.submit(NewJob("jobs", "colors", "teal")).id for service in (one, other) for _ in range(20)]
        eventually(lambda: len(listener.heard) >= 40)
        assert one.outlets() == other.outlets() == {"mqtt": "connected"}
    assert sorted(told["data"]["job_id"] for told in listener.at("inference/events")) == sorted(jobs)


def test_events_too_old_to_wait_for_the_broker_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with mosquitto(tmp_path / "broker") as late, stocked(tmp_path, event_ttl=0.0, **mqtt(late)) as service:
        job = ended(service, "teal")
        eventually(lambda: service.outlets() == {"mqtt": "down"})
        eventually(lambda: service.jobs.cleanup(0.0).job_ids == (job.id,), seconds=60)
        late.start()
        eventually(lambda: service.outlets() == {"mqtt": "connected"})
        assert retained(late.port, "inference/job/#") == []
    assert "2 messages were too many or too old to wait for it" in caplog.text


def test_wrong_settings_keep_the_service_from_starting(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="MQTT_TOPIC"):
        Service(Settings(storage_dir=tmp_path, broadcast_type="mqtt", mqtt_topic="#")).open()
    with pytest.raises(InvalidSettings, match="REDIS_URL"):
        Service(Settings(storage_dir=tmp_path, redis_url="localhost")).open()


@pytest.mark.alone
def test_two_servers_share_their_answers(tmp_path: Path, shared: Server) -> None:
    both = {"redis_url": shared.url}
    with stocked(tmp_path / "a", **both) as one, stocked(tmp_path / "b", **both) as other:
        made: list[Report] = []
        for service in (one, other):
            service.on_report.append(made.append)
        first = one.analyze(tmp_path / "a" / "media" / "teal.png", ["colors"], name="x")
        eventually(lambda: shared.holds(1))
        second = other.analyze(tmp_path / "b" / "media" / "teal.png", ["colors"], name="y")
        assert len(made) == 1 and second.timings == first.timings and second["colors"] == first["colors"]
        assert (first.medium.name, second.medium.name) == ("x", "y")
        assert one.outlets() == other.outlets() == {"redis": "connected"}


@pytest.mark.alone
def test_a_redis_that_hangs_and_dies_under_load_costs_requests_nothing_but_the_work(
    tmp_path: Path, shared: Server
) -> None:
    facts = {"redis_url": shared.url, "auth_disabled": True, "media_roots": str(tmp_path)}
    service = WorkingService(Settings(storage_dir=tmp_path / "data", **facts))  # type: ignore[arg-type]
    Image.new("RGB", (64, 48), "teal").save(tmp_path / "teal.png")
    wish = {"path": str(tmp_path / "teal.png"), "tasks": ["colors"]}
    with served(create_app(service)) as client:
        made: list[Report] = []
        service.on_report.append(made.append)
        client.post("/analyze", json=wish).raise_for_status()
        eventually(lambda: shared.holds(1))
        client.post("/analyze", json=wish).raise_for_status()
        assert len(made) == 1
        with shared.hanging():
            _asked_by_many(client, wish, until=lambda: len(made) > 20)
            assert client.get("/health").json()["redis"] == "down"
            assert client.get("/health").json()["status"] == "healthy"
        eventually(lambda: service.outlets()["redis"] == "connected")
        shared.kill()
        _asked_by_many(client, wish, until=lambda: len(made) > 40)
        shared.start()
        eventually(lambda: service.outlets()["redis"] == "connected")
        client.post("/analyze", json=wish).raise_for_status()
        eventually(lambda: shared.holds(1))
        before = len(made)
        client.post("/analyze", json=wish).raise_for_status()
        assert len(made) == before


def _asked_by_many(client: httpx.Client, wish: dict[str, Any], until: Any) -> None:
    wrong: list[Any] = []

    def ask() -> None:
        while not until():
            answer = client.post("/analyze", json=wish)
            if answer.status_code != 200:
                wrong.append(answer.text)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert wrong == []
