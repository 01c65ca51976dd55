"""Jobs over HTTP, on a media store with one picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from lookhear.jobs.job import Status
from lookhear.serve.http.app import create_app
from lookhear.settings import Settings
from support.service import served, until
from support.working import WorkingService

KEYS = {
    "job_id",
    "task_type",
    "media_store_id",
    "status",
    "priority",
    "created_at",
    "started_at",
    "completed_at",
    "error_message",
    "result",
}


def service_in(folder: Path, **settings: Any) -> WorkingService:
    """One whose media store has the picture '1'."""
    (folder / "media").mkdir()
    Image.new("RGB", (64, 48), "teal").save(folder / "media" / "1", "png")
    return WorkingService(Settings(storage_dir=folder, worker_max_retries=0, **settings))


@pytest.fixture
def service(tmp_path: Path) -> WorkingService:
    """One that lets everyone in."""
    return service_in(tmp_path, auth_disabled=True)


@pytest.fixture
def app(service: WorkingService) -> FastAPI:
    """Its doors."""
    return create_app(service)


@pytest.fixture
def client(service: WorkingService, app: FastAPI) -> Iterator[httpx.Client]:
    """It has opened."""
    with served(app) as client:
        client.get("/").raise_for_status()
        yield client
        service.may_work.set()


def queued(client: httpx.Client, task: str = "colors", medium: Any = "1", **more: Any) -> dict[str, Any]:
    answer = client.post(f"/job/{task}", json={"media_store_id": medium, **more})
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    assert set(job) == KEYS
    return job


def ended(client: httpx.Client, id: str) -> dict[str, Any]:
    until(lambda: Status(client.get(f"/job/{id}").json()["status"]).final)
    job: dict[str, Any] = client.get(f"/job/{id}").json()
    assert set(job) == KEYS
    return job
