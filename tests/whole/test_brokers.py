"""Real servers with a real broker and a real Redis, killed at any moment."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from support.jobs import eventually
from support.processes import Program
from support.servers import Listener, mosquitto, redis, retained

JOBS = 60


def pictures(folder: Path) -> None:
    (folder / "data" / "media").mkdir(parents=True)
    for number in range(JOBS):
        Image.new("RGB", (320, 240), (number, 80, 160)).save(folder / "data" / "media" / f"{number}.png")


def test_every_end_is_told_though_the_server_is_killed(tmp_path: Path) -> None:
    pictures(tmp_path)
    with mosquitto(tmp_path / "broker") as broker:
        facts = {"BROADCAST_TYPE": "mqtt", "MQTT_BROKER": "127.0.0.1", "MQTT_PORT": str(broker.start().port)}
        server = Program(tmp_path, "serve", "--port", "0", WORKER_LEASE_SECONDS="1", **facts)
        with Listener(broker.port, "inference/events") as listener, server, server.client() as client:
            asked = [client.post("/job/colors", json={"media_store_id": str(n)}).json()["job_id"] for n in range(JOBS)]
            for told in (5, 20):
                eventually(lambda told=told: len(listener.heard) >= told)
                server.kill()
                server.start()
            eventually(lambda: {said["data"]["job_id"] for said in listener.at("inference/events")} == set(asked), 60)
            assert server.ended()[0] == 0
        assert {one["job_id"] for one in retained(broker.port, "inference/job/#")} == set(asked)
        assert len(listener.heard) < JOBS + 40, "few are told twice"


def test_two_servers_answer_from_one_redis(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "other").mkdir()
    body = (tmp_path / "data" / "media" / "7.png").read_bytes()
    with redis(tmp_path / "redis") as shared:
        facts = {"REDIS_URL": shared.start().url}
        one = Program(tmp_path, "serve", "--port", "0", **facts)
        other = Program(tmp_path / "other", "serve", "--port", "0", **facts)
        with one, other, one.client() as first, other.client() as second:
            asked = {"files": {"file": ("7.png", body)}, "data": {"tasks": "colors"}}
            made = first.post("/analyze", **asked).raise_for_status().json()
            eventually(lambda: shared.holds(1))
            read = second.post("/analyze", **asked).raise_for_status().json()
            assert read["timings"] == made["timings"], "it was not made again"
            assert first.get("/health").json()["redis"] == second.get("/health").json()["redis"] == "connected"
            shared.kill()
            assert second.post("/analyze", **asked).raise_for_status().json()["timings"] != made["timings"]
            assert second.get("/health").json()["redis"] == "down"
