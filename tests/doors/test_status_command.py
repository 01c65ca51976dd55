"""``lookhear status`` and ``lookhear worker``, as real processes on one database."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lookhear.jobs.job import Job
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from support.films import encoded, shots
from support.jobs import eventually, new
from support.ports import free_port
from support.processes import LOOKHEAR, Program


def status(folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "STORAGE_DIR": str(folder / "data"), **variables}
    return subprocess.run([LOOKHEAR, "status", *options], env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    media = tmp_path / "data" / "media"
    media.mkdir(parents=True)
    (media / "film").write_bytes(encoded(shots(1, seconds=2)))
    with JobStore(JobSettings(storage_dir=tmp_path / "data")) as store:
        yield store


def film(store: JobStore, *names: str) -> list[Job]:
    return [store.put(new(name, task_type="visual")) for name in names]


def all_ended(store: JobStore, jobs: list[Job]) -> bool:
    return all((now := store.get(job.id)) is not None and now.status.final for job in jobs)


def test_without_a_database_it_says_where_one_would_be(tmp_path: Path) -> None:
    none = status(tmp_path)
    assert none.returncode == 4 and str(tmp_path / "data") in none.stderr and "lookhear serve" in none.stderr
    assert not (tmp_path / "data").exists()
    away = status(tmp_path, DATABASE_URL="postgresql://someone:secret@127.0.0.1:1/none")
    assert away.returncode == 4 and "does not answer" in away.stderr and "secret" not in away.stderr


def test_it_shows_workers_jobs_and_connections(tmp_path: Path, store: JobStore) -> None:
    with Program(tmp_path, "worker", "--workers", "1", "--tasks", "visual", WORKER_MODE="processes") as worker:
        jobs = film(store, "film", "none")
        eventually(lambda: all_ended(store, jobs))
        eventually(lambda: sum(one.done + one.failed for one in store.workers()) == 2)
        shown = status(tmp_path)
        assert shown.returncode == 0, shown.stderr
        assert all(word in shown.stdout for word in ("Workers", "visual", "idle", "SQLite", "storage", "cpu"))
        told = json.loads(status(tmp_path, "--json").stdout)
        (one,) = told["workers"]
        assert (one["state"], one["done"], one["failed"], one["task_types"]) == ("idle", 1, 1, ["visual"])
        assert one["pid"] != worker.pid, "the process that works, not the one that looks after it"
        assert told["queue"]["by_task_type"] == {"visual": {"completed": 1, "error": 1}}
        assert told["queue"]["ended_per_minute"]["minute"] == 2
        assert {one["name"]: one["state"] for one in told["connections"]}["database"] == "ok"
    eventually(lambda: not store.workers())
    broken = status(tmp_path, QDRANT_URL="http://127.0.0.1:1")
    assert broken.returncode == 3 and "127.0.0.1:1 does not answer" in broken.stdout
    assert "No workers" in broken.stdout, "it was killed, and its children end with it"


def test_a_service_that_just_began_has_its_storage_folder(tmp_path: Path) -> None:
    elsewhere = {"DATABASE_URL": f"sqlite:///{tmp_path / 'jobs.db'}"}
    with Program(tmp_path, "serve", "--port", "0", "--workers-off", **elsewhere) as server, server.client() as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        shown = status(tmp_path, **elsewhere)
        assert shown.returncode == 0 and "is not there" not in shown.stdout, shown.stdout
        for variable in ("WEBHOOK_URL", "QDRANT_URL", "AMQP_CONNECTION_STRING"):
            broken = status(tmp_path, "--json", **elsewhere, **{variable: "broker"})
            assert broken.returncode == 3 and "its URL cannot be read" in broken.stdout, broken.stdout


def test_a_service_that_can_keep_no_uploads_does_not_begin(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    own = {"DATABASE_URL": f"sqlite:///{tmp_path / 'jobs.db'}", "STORAGE_DIR": str(tmp_path / "file" / "data")}
    command = [LOOKHEAR, "serve", "--port", "0", "--workers-off"]
    ended = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2 and f"STORAGE_DIR={own['STORAGE_DIR']} cannot be made" in ended.stderr, ended


def test_it_goes_on_looking(tmp_path: Path, store: JobStore) -> None:
    environment = {**os.environ, "STORAGE_DIR": str(tmp_path / "data")}
    command = [LOOKHEAR, "status", "--watch", "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        waiting = []
        for _ in range(2):
            waiting.append(json.loads(process.stdout.readline())["queue"]["waiting"])
            film(store, "film")
        process.kill()
    assert waiting[0] == 0 and len(waiting) == 2


def test_a_server_tells_what_other_processes_do(tmp_path: Path, store: JobStore) -> None:
    with (
        Program(tmp_path, "serve", "--port", "0", "--workers-off") as server,
        Program(tmp_path, "worker", "--workers", "2", "--device", "cpu", WORKER_MODE="processes"),
        server.client() as client,
    ):
        eventually(lambda: len(client.get("/stats").json()["workers"]) == 2)
        assert client.get("/stats").json()["feature_extraction_times"]["video_visual"] is None
        jobs = film(store, "film", "none")
        eventually(lambda: all_ended(store, jobs))
        eventually(lambda: client.get("/stats").json()["feature_extraction_times"]["video_visual"])
        seen = client.get("/stats").json()["workers"]
        assert {one["device"] for one in seen} == {"cpu"} and sum(one["slots"] for one in seen) == 2
        figures = client.get("/metrics").text
        assert 'lookhear_shared_inference_seconds_count{model="none",task="visual"} 1.0' in figures
        assert 'lookhear_shared_job_seconds_count{status="completed",task_type="visual"} 1.0' in figures
        assert 'lookhear_workers{state="idle"} 2.0' in figures


def test_a_worker_shows_figures_where_it_is_told_to(tmp_path: Path, store: JobStore) -> None:
    port = str(free_port())
    with Program(tmp_path, "worker", "--metrics-port", port):
        jobs = film(store, "film")
        eventually(lambda: all_ended(store, jobs))
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        assert 'lookhear_inference_seconds_count{model="none",task="visual"} 1.0' in text
        taken = subprocess.run(
            [LOOKHEAR, "worker", "--metrics-port", port],
            env={**os.environ, "STORAGE_DIR": str(tmp_path / "data")},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert taken.returncode == 2 and f"127.0.0.1:{port}" in taken.stderr


@pytest.mark.parametrize(("device", "code", "said"), [("cuda:99", 4, "There are: cpu"), ("gpu", 2, "Give cpu, cuda")])
def test_a_device_that_is_not_there(tmp_path: Path, device: str, code: int, said: str) -> None:
    refused = subprocess.run(
        [LOOKHEAR, "worker", "--device", device],
        env={**os.environ, "STORAGE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode == code and said in refused.stderr


@pytest.mark.parametrize(("tasks", "said"), [("visual,colour", "There is no task 'colour'"), ("analysis,audio", None)])
def test_a_worker_takes_types_that_jobs_can_have(tmp_path: Path, tasks: str, said: str | None) -> None:
    if said is None:
        with Program(tmp_path, "worker", "--tasks", tasks):
            return
    refused = subprocess.run(
        [LOOKHEAR, "worker", "--tasks", tasks],
        env={**os.environ, "STORAGE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 2 and said in refused.stderr and "image_embedding" in refused.stderr
