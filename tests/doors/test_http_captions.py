"""Captions and images as clients of old ask for them, over real sockets."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from examples.picture import poster, scenery
from lookhear.analysis.report import Report
from lookhear.models.own import Description, import_file
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Shelf
from lookhear.serve.http.app import create_app
from lookhear.settings import Settings
from lookhear.wiring.service import Service
from support import captions
from support.files import wav_of_unknown_length
from support.service import served

LARGEST = 400_000


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """Its bytes as a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def picture(seed: int = 1) -> bytes:
    """A small JPEG, another for every seed."""
    return encoded(Image.fromarray(scenery(seed, 120, 160)))


def noise() -> bytes:
    """A PNG larger than is allowed."""
    image = Image.fromarray(np.random.default_rng(1).integers(0, 255, (500, 500, 3), np.uint8))
    assert len(encoded(image, "PNG")) > LARGEST
    return encoded(image, "PNG")


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """Without any model."""
    settings = Settings(storage_dir=tmp_path / "data", model_cache_dir=tmp_path / "models", max_image_size=LARGEST)
    return Service(settings)


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with served(create_app(service, workers=False)) as client:
        yield client
    assert list((service.settings.storage_dir / "scratch").glob("*")) == [], "an upload was left behind"


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """A small BLIP with random weights."""
    for package in ("torch", "transformers"):
        pytest.importorskip(package, reason="pip install 'lookhear[captions]'")
    folder = tmp_path_factory.mktemp("own") / "small-blip"
    folder.mkdir()
    shelf = Shelf(ModelSettings(model_cache_dir=tmp_path_factory.mktemp("store"), use_gpu=False))
    import_file(captions.blip(folder), shelf, Description())
    return shelf


@pytest.fixture
def writing(tmp_path: Path, writer: Shelf) -> Iterator[httpx.Client]:
    """A client of a service that can write."""
    folder = writer.store.folder
    settings = Settings(storage_dir=tmp_path / "data", model_cache_dir=folder, use_gpu=False, max_image_size=LARGEST)
    with served(create_app(Service(settings), workers=False)) as client:
        yield client


def test_an_image_is_processed(client: httpx.Client) -> None:
    data = encoded(poster(1600, 1000), "PNG")
    told = client.post("/image/process", files={"image": ("poster.jpg", data, "text/plain")}).json()
    assert set(told) == {
        *("success", "original_image", "processed_image", "dominant_colors", "processing_time_seconds", "timestamp"),
    }
    facts = {"filename": "poster.jpg", "size": [1600, 1000], "format": "PNG", "file_size": len(data)}
    assert told["success"] is True
    assert told["original_image"] == {**facts, "hash": hashlib.sha256(data).hexdigest()}
    made = told["processed_image"]
    assert 1000 < made["file_size"] < 40_000
    assert made["compression_ratio"] == pytest.approx(len(data) / made["file_size"], abs=1e-3)
    colors = told["dominant_colors"]
    shares = [one["percentage"] for one in colors]
    assert (
        1 <= len(colors) <= 5 and shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1, abs=0.01)
    )
    assert all(one["hex"] == "#{:02x}{:02x}{:02x}".format(*one["rgb"]) for one in colors)


def test_a_turned_image_is_told_upright(client: httpx.Client) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.new("RGB", (160, 80), "red"), exif=exif)
    told = client.post("/image/process", files={"image": ("turned.jpg", data)}).json()
    assert told["original_image"]["size"] == [80, 160]
    assert [one["hex"][1:3] for one in told["dominant_colors"]] == ["fe"]


@pytest.mark.parametrize("door", ["/image/process", "/caption/generate"])
@pytest.mark.parametrize(
    "data, said",
    [
        (b"What is this?\n" * 100, "no audio, video or image"),
        (picture()[:100], ""),
        (b"", "empty"),
        (wav_of_unknown_length(bytes(16000)), "not an image"),
        (b"\x89PNG\r\n\x1a\n" + bytes(2000), ""),
    ],
    ids=["text", "cut", "empty", "sound", "damaged"],
)
def test_what_is_no_image_is_the_client_s_fault(client: httpx.Client, door: str, data: bytes, said: str) -> None:
    answer = client.post(door, files={"image": ("dog.jpg", data, "image/jpeg")})
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["detail"] and answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("door", ["/image/process", "/caption/generate"])
def test_too_large_an_image_is_the_client_s_fault(client: httpx.Client, door: str) -> None:
    answer = client.post(door, files={"image": ("noise.png", noise())})
    assert answer.status_code == 400
    assert f"{LARGEST} bytes" in answer.json()["detail"] and "MAX_IMAGE_SIZE" in answer.json()["detail"]
    bomb = encoded(Image.new("1", (30_000, 30_000)), "PNG")
    assert len(bomb) < LARGEST
    answer = client.post(door, files={"image": ("bomb.png", bomb)})
    assert answer.status_code == 400 and "MAX_IMAGE_PIXELS" in answer.json()["detail"]


def test_a_body_without_an_image_is_invalid(client: httpx.Client) -> None:
    answer = client.post("/caption/generate", files={"picture": ("dog.jpg", picture())})
    assert answer.status_code == 422 and answer.json()["detail"][0]["loc"] == ["body", "image"]
    answer = client.post("/caption/batch", json={})
    assert answer.status_code == 422 and answer.json()["detail"][0]["loc"] == ["body", "images"]


def test_without_a_model_nothing_is_made_up(client: httpx.Client) -> None:
    for door, part in (("/caption/generate", "image"), ("/caption/batch", "images")):
        answer = client.post(door, files={part: ("dog.jpg", picture())})
        assert answer.status_code == 503
        assert answer.json()["code"] == "model_missing" and "lookhear models pull" in answer.json()["detail"]
    info = client.get("/model/info").json()
    assert info == {
        "success": True,
        "model_info": {"status": "missing", "model_name": None, "device": info["model_info"]["device"], "dtype": None},
    }


def test_more_than_ten_are_no_batch(client: httpx.Client) -> None:
    answer = client.post("/caption/batch", files=[("images", (f"{i}.jpg", picture())) for i in range(11)])
    assert answer.status_code == 400 and "10" in answer.json()["detail"]


def test_the_same_bytes_are_answered_from_what_is_kept(service: Service) -> None:
    reports: list[Report] = []
    service.on_report.append(reports.append)
    with served(create_app(service, workers=False)) as client:
        for name in ("one.jpg", "two.jpg"):
            told = client.post("/image/process", files={"image": (name, picture())}).json()
            assert told["original_image"]["filename"] == name
    assert len(reports) == 1, "no more than one was made"


@pytest.mark.filterwarnings("default")
def test_an_image_gets_a_caption(writing: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    assert writing.get("/model/info").json()["model_info"] == {
        "status": "installed",
        "model_name": "small-blip",
        "device": "cpu",
        "dtype": None,
    }
    with caplog.at_level(logging.INFO, "lookhear"):
        told = writing.post("/caption/generate", files={"image": ("dog.webp", picture())}).json()
    assert set(told) == {"success", "caption", "image_info", "processing_time", "timestamp"}
    assert told["success"] is True and isinstance(told["caption"], str) and told["caption"]
    facts = {"filename": "dog.webp", "size": [160, 120], "format": "JPEG", "file_size": len(picture())}
    digest = hashlib.sha256(picture()).hexdigest()
    assert told["image_info"] == {**facts, "hash": f"{digest[:16]}..."}
    times = told["processing_time"]
    assert 0 < times["caption_generation_seconds"] <= times["total_seconds"]
    (line,) = [record for record in caplog.records if record.getMessage() == "Caption generated"]
    assert (line.image_hash, line.caption_length) == (digest[:16], len(told["caption"]))  # type: ignore[attr-defined]
    info = writing.get("/model/info").json()["model_info"]
    assert (info["status"], info["dtype"]) == ("loaded", "float32")
    again = writing.post("/caption/generate", files={"image": ("dog.webp", picture())}).json()
    assert again["caption"] == told["caption"]
    assert again["processing_time"]["caption_generation_seconds"] == times["caption_generation_seconds"]


@pytest.mark.filterwarnings("default")
def test_a_bad_image_costs_only_itself(writing: httpx.Client) -> None:
    bad = {"notes.txt": b"no image", "noise.png": noise(), "empty.jpg": b""}
    images = [("a.jpg", picture(1)), ("b.png", picture(2)), *bad.items()]
    told = writing.post("/caption/batch", files=[("images", image) for image in images]).json()
    assert [(one["filename"], one["index"]) for one in told["results"]] == [
        (name, i) for i, (name, _) in enumerate(images)
    ]
    assert ["caption" in one for one in told["results"]] == [True, True, False, False, False]
    assert ["error" in one for one in told["results"]] == [False, False, True, True, True]
    assert "MAX_IMAGE_SIZE" in told["results"][3]["error"]
    alone = writing.post("/caption/generate", files={"image": images[1]}).json()
    assert told["results"][1]["caption"] == alone["caption"]
    info = told["batch_info"]
    assert info["total_images"] == 5
    assert info["average_time_per_image"] == pytest.approx(info["total_time_seconds"] / 5, abs=1e-3)
