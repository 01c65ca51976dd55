"""Inference on films as clients of old ask for it, over real sockets."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import xxhash
from PIL import Image

from examples.picture import poster
from lookhear.serve.http.app import create_app
from lookhear.settings import Settings
from lookhear.wiring.service import Service
from support import models
from support.films import encoded, shots
from support.service import served

HASHES = {
    "objects": "624c4bbab9d15998",
    "faces": "b4398c653436ee09",
    "transcribe": "542381b7a48f556c",
    "ocr": "cc9fee3d6c6759fe",
    "places": "ba06dfe294c6e66e",
    "scenes": "b47fa0eadb2a8d20",
}
NEEDS = ("objects", "faces", "places")  # tasks whose weights must be there
SECONDS, RATE = 4, 10


def film() -> bytes:
    """Two shots of drifting shapes, then a poster for as long."""
    still = np.asarray(poster(800, 500).resize((640, 360)))
    wide = [np.asarray(Image.fromarray(frame).resize((640, 360))) for frame in shots(3, SECONDS, RATE)]
    return encoded([*wide, *([still] * (SECONDS * RATE))], RATE)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that requests may name, with a film in it."""
    folder = tmp_path_factory.mktemp("roots")
    (folder / "film.mkv").write_bytes(film())
    (folder / "empty.mkv").write_bytes(b"")
    return folder


def made(tmp_path: Path, roots: Path, store: Path | None = None) -> Service:
    """A service that may name files in ``roots``."""
    models = store or tmp_path / "models"
    return Service(Settings(storage_dir=tmp_path / "data", model_cache_dir=models, media_roots=str(roots)))


@pytest.fixture
def bare(tmp_path: Path, roots: Path) -> Iterator[httpx.Client]:
    """Of a service without any model."""
    service = made(tmp_path, roots)
    with served(create_app(service, workers=False)) as client:
        yield client
    assert list((service.settings.storage_dir / "scratch").glob("*")) == [], "an upload was left behind"
    assert service.spool.size() == 0


@pytest.fixture
def client(tmp_path: Path, roots: Path) -> Iterator[httpx.Client]:
    """Of a service with the models that there are."""
    store = models.need("video", *NEEDS).store.folder
    with served(create_app(made(tmp_path, roots, store), workers=False)) as client:
        yield client


def infer(client: httpx.Client, path: str, **fields: Any) -> dict[str, Any]:
    """An answer that must be one."""
    answer = client.post(f"/infer/{path}", json={"video_path": "film.mkv", **fields})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.parametrize("path", HASHES)
def test_a_request_of_defaults_has_the_hash_of_old(client: httpx.Client, path: str, roots: Path) -> None:
    told = infer(client, path)
    assert told["config_hash"] == HASHES[path]
    assert told["input_hash"] == xxhash.xxh64((roots / "film.mkv").read_bytes()).hexdigest()
    assert uuid.UUID(told["run_id"]).version == 4
    assert told["producer"] and told["producer_version"]
    assert set(told["model"]) == {"name", "version"}
    assert infer(client, path)["run_id"] != told["run_id"]


def test_detections_have_their_shape(client: httpx.Client) -> None:
    told = infer(client, "ocr", frame_interval=20)
    assert {one["text"] for one in told["detections"]} & {"Sixteen Bars", "a concert for nobody"}
    for one in told["detections"]:
        assert one["frame_index"] == one["frame_number"] and one["frame_index"] % 20 == 0
        assert one["timestamp_ms"] == 100 * one["frame_index"]
        assert len(one["polygon"]) == 4 and set(one["polygon"][0]) == {"x", "y"}
    assert told["config_hash"] != HASHES["ocr"]
    for path in ("objects", "faces"):
        for one in infer(client, path, frame_interval=10, confidence_threshold=0.05)["detections"][:50]:
            assert one["bbox"] == one["bounding_box"] and set(one["bbox"]) == {"x", "y", "width", "height"}
            assert 0 <= one["confidence"] <= 1 and one["label"]


def test_places_are_told_of_every_frame(client: httpx.Client) -> None:
    told = infer(client, "places", frame_interval=20, top_k=3)["classifications"]
    assert [one["frame_index"] for one in told] == [0, 20, 40, 60]
    for one in told:
        scores = [place["confidence"] for place in one["predictions"]]
        assert len(scores) == 3 and scores == sorted(scores, reverse=True)


def test_scenes_tile_the_film(bare: httpx.Client) -> None:
    scenes = infer(bare, "scenes")["scenes"]
    assert [one["scene_index"] for one in scenes] == [0, 1, 2]
    assert [one["start_ms"] for one in scenes] == [0, 2000, 4000]
    assert [one["end_ms"] for one in scenes] == [2000, 4000, 8000]
    assert all(one["duration_ms"] == one["end_ms"] - one["start_ms"] for one in scenes)
    merged = infer(bare, "scenes", min_scene_length=3)["scenes"]
    assert [(one["start_ms"], one["end_ms"]) for one in merged] == [(0, 4000), (4000, 8000)]


def test_an_upload_is_answered_like_a_file(bare: httpx.Client, roots: Path) -> None:
    data = (roots / "film.mkv").read_bytes()
    digest = xxhash.xxh64(data).hexdigest()
    fields = {"threshold": "0.4", "min_scene_length": "3", "input_hash": digest.upper(), "more": "is ignored"}
    answer = bare.post("/infer/scenes", files={"file": ("film.mkv", data)}, data=fields)
    assert answer.status_code == 200, answer.text
    by_path = infer(bare, "scenes", min_scene_length=3, input_hash=digest, more=1)
    same = {"config_hash", "input_hash", "scenes", "producer", "producer_version", "model"}
    assert {name: answer.json()[name] for name in same} == {name: by_path[name] for name in same}
    assert by_path["input_hash"] == digest


@pytest.mark.parametrize("text", ["en,de", '["en", "de"]'])
def test_a_form_may_hold_lists_and_nothing(bare: httpx.Client, roots: Path, text: str) -> None:
    data = (roots / "film.mkv").read_bytes()
    fields = {"frame_interval": "40", "languages": text, "use_gpu": "true"}
    told = bare.post("/infer/ocr", files={"file": ("a.mkv", data)}, data=fields).json()
    asked = {"frame_interval": 40, "languages": ["en", "de"]}
    assert told["config_hash"] == infer(bare, "ocr", **asked)["config_hash"]
    answer = bare.post("/infer/transcribe", files={"file": ("a.mkv", data)}, data={"language": "null"})
    assert answer.json()["config_hash"] == HASHES["transcribe"]
    answer = bare.post("/infer/ocr", files={"file": ("a.mkv", data)}, data={"languages": "[" * 60_000})
    assert answer.status_code == 422


def test_what_is_wrong_with_a_file_is_said(bare: httpx.Client, roots: Path, tmp_path: Path) -> None:
    (roots / "folder").mkdir(exist_ok=True)
    (tmp_path / "secret.mkv").write_bytes(film())
    (roots / "way.mkv").unlink(missing_ok=True)
    (roots / "way.mkv").symlink_to(tmp_path / "secret.mkv")
    expected = {
        "nothing.mkv": (400, "medium_not_found"),
        f"{roots}/nothing.mkv": (400, "medium_not_found"),
        f"{tmp_path}/secret.mkv": (403, "path_refused"),
        "../secret.mkv": (403, "path_refused"),
        f"{roots}/way.mkv": (403, "path_refused"),
        "/etc/passwd": (403, "path_refused"),
        "folder": (415, "not_a_medium"),
        "empty.mkv": (422, "empty_medium"),
    }
    for path, (status, code) in expected.items():
        answer = bare.post("/infer/scenes", json={"video_path": path})
        assert (answer.status_code, answer.json()["code"]) == (status, code), path
    answer = bare.post("/infer/scenes", json={"video_path": "film.mkv", "input_hash": "0" * 16})
    assert (answer.status_code, answer.json()["code"]) == (400, "hash_mismatch")
    answer = bare.post("/infer/scenes", files={"file": ("a.jpg", png())})
    assert answer.status_code == 415


def png() -> bytes:
    """A picture, which is no film."""
    out = io.BytesIO()
    poster(160, 100).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    "fields",
    [{}, {"video_path": ""}, {"video_path": 3}, {"video_path": "film.mkv", "threshold": 2}, [], "text"],
)
def test_a_wrong_field_is_told_as_a_list(bare: httpx.Client, fields: Any) -> None:
    answer = bare.post("/infer/scenes", json=fields)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body" and answer.json()["detail"][0]["msg"]


def test_a_body_that_is_no_json_is_told(bare: httpx.Client) -> None:
    for body in (b"", b"{", b"\xff", b"[" * 100_000):
        answer = bare.post("/infer/scenes", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 422 and answer.json()["detail"][0]["type"] == "json_invalid"


def test_a_model_must_be_known_and_installed(bare: httpx.Client) -> None:
    for path in ("objects", "faces", "transcribe"):
        answer = bare.post(f"/infer/{path}", json={"video_path": "film.mkv", "model_name": "no-such-model"})
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_model")
        assert "Known: " in answer.json()["detail"]
    for path, name in (("objects", "yolov8n.pt"), ("objects", "yolox-nano"), ("faces", "yolov8n-face.pt")):
        answer = bare.post(f"/infer/{path}", json={"video_path": "film.mkv", "model_name": name})
        assert (answer.status_code, answer.json()["code"]) == (503, "model_missing")
        assert "lookhear models pull" in answer.json()["detail"]


def test_the_doors_are_documented(bare: httpx.Client) -> None:
    schema = bare.get("/openapi.json").json()
    for path, hash in HASHES.items():
        post = schema["paths"][f"/infer/{path}"]["post"]
        assert set(post["requestBody"]["content"]) == {"multipart/form-data", "application/json"}
        example = post["responses"]["200"]["content"]["application/json"]["example"]
        assert example["config_hash"] == hash
        assert {"400", "403", "422", "503"} <= set(post["responses"])
