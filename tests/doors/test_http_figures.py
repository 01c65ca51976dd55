"""Administration and the analyzer's figures over HTTP."""

from __future__ import annotations

import uuid
from pathlib import Path

import httpx
import pytest

from lookhear.serve.http.app import create_app
from support.asking import ended, queued, service_in
from support.films import encoded, shots
from support.models import installed
from support.service import served, until
from support.working import WorkingService


def test_administrators_see_figures_and_tidy_up(client: httpx.Client, service: WorkingService) -> None:
    done = ended(client, queued(client)["job_id"])
    ended(client, queued(client, medium="none")["job_id"])
    service.may_work.clear()
    held = queued(client, "technical")["job_id"]
    until(lambda: client.get(f"/job/{held}").json()["status"] == "processing")
    waiting = queued(client)["job_id"]
    stats = client.get("/admin/stats").json()
    assert stats["queue_size"] == 1
    assert stats["jobs"] == {"pending": 1, "processing": 1, "completed": 1, "error": 1, "sync_failed": 0}
    assert stats["storage"]["total_jobs"] == 4
    assert 0 < stats["storage"]["disk_usage_mb"] < 1
    nothing = {"jobs_deleted": 0, "files_deleted": 0, "queue_entries_removed": 0}
    assert client.delete("/admin/cleanup").json() == nothing  # all are young
    orphan = service.settings.storage_dir / str(uuid.uuid4()) / "embedding.bin"
    orphan.parent.mkdir()
    orphan.write_bytes(b"left")
    wish = {"older_than_seconds": 0, "status": "completed", "remove_orphaned_files": True}
    removed = client.request("DELETE", "/admin/cleanup", json=wish).json()
    assert removed == {"jobs_deleted": 1, "files_deleted": 2, "queue_entries_removed": 0}
    assert client.get(f"/job/{done['job_id']}").status_code == 404 and not orphan.exists()
    client.request("DELETE", "/admin/cleanup", json={"older_than_seconds": 0})
    left = {job["job_id"] for job in client.get("/job").json()["jobs"]}
    assert left == {held, waiting}
    ages = ({"older_than_seconds": age} for age in (-1, 1e308, 10**40))
    for wrong in (*ages, {"status": "lost"}, {"remove_results": "perhaps"}):
        assert client.request("DELETE", "/admin/cleanup", json=wrong).status_code == 422


def test_the_analyzer_tells_figures_that_were_measured(client: httpx.Client, service: WorkingService) -> None:
    empty = client.get("/stats").json()
    assert empty["processed_files"] == 0
    assert empty["average_processing_time"] is empty["success_rate"] is empty["error_rate"] is None
    assert set(empty["feature_extraction_times"]) == {"audio_spectral", "audio_mir", "video_visual"}
    assert set(empty["feature_extraction_times"].values()) == {None}
    ended(client, queued(client)["job_id"])
    ended(client, queued(client, medium="none")["job_id"])
    stats = client.get("/stats").json()
    assert (stats["processed_files"], stats["success_rate"], stats["error_rate"]) == (2, 0.5, 0.5)
    assert stats["average_processing_time"] > 0
    assert stats["queue_metrics"] == {"pending": 0, "processing": 0, "completed_today": 1}


def test_the_time_of_features_is_told(client: httpx.Client, service: WorkingService) -> None:
    (service.settings.storage_dir / "media" / "film").write_bytes(encoded(shots(1, seconds=2)))
    ended(client, queued(client, "visual", "film")["job_id"])
    assert client.get("/stats").json()["feature_extraction_times"]["video_visual"] > 0


def test_the_models_that_are_installed_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = installed(monkeypatch, "image", "embedding")
    service = service_in(tmp_path, auth_disabled=True, model_cache_dir=shelf.store.folder)
    with served(create_app(service)) as client:
        answer = client.get("/models").json()
        assert set(answer) == {"models", "total_models", "memory_usage_mb"}
        assert answer["total_models"] == len(answer["models"]) == len(shelf.store.all())
        for model in answer["models"]:
            assert set(model) == {"name", "version", "type", "status", "accuracy", "classes"}
        service.analyze(tmp_path / "media" / "1", ["embedding"])
        again = client.get("/models").json()
        loaded = [model["name"] for model in again["models"] if model["status"] == "loaded"]
        assert loaded and again["memory_usage_mb"] > 0


def test_no_models_are_no_error(client: httpx.Client) -> None:
    assert client.get("/models").json() == {"models": [], "total_models": 0, "memory_usage_mb": 0}
