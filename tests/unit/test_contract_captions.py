"""Captions and processed images as their clients get them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookhear
from examples.picture import write_poster
from examples.tune import compose, write
from lookhear.contracts import captions
from lookhear.contracts.base import status_of
from lookhear.errors import DamagedMedium, InputError, ModelMissing, WrongMedium
from lookhear.media.canvas import fitted_jpeg
from lookhear.media.limits import Limits
from lookhear.media.medium import open_medium
from lookhear.tasks.image.caption import CaptionResult
from support.reports import with_finding


@pytest.fixture(scope="module")
def poster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("poster") / "poster.png"
    write_poster(path, 0.5)
    return path


def analysed(path: Path, door: str) -> lookhear.Report:
    asked = captions.ask(door)
    return lookhear.analyze(path, asked.tasks, asked.options)


def test_no_model_no_caption(poster: Path) -> None:
    report = analysed(poster, "caption")
    with pytest.raises(ModelMissing, match="lookhear models pull") as raised:
        captions.generated(report, "poster.png")
    assert status_of(raised.value, captions.STATUSES) == 503
    with pytest.raises(ModelMissing):
        captions.item(report, "poster.png", 0)


def test_a_caption_and_what_it_is_about(poster: Path) -> None:
    report = with_finding(analysed(poster, "caption"), "caption", CaptionResult("a poster of a concert"))
    answer = captions.generated(report, "my poster.jpg", total_seconds=0.25, now=1700000000.5)
    digest = hashlib.sha256(poster.read_bytes()).hexdigest()
    assert answer == {
        "success": True,
        "caption": "a poster of a concert",
        "image_info": {
            "filename": "my poster.jpg",
            "size": [800, 500],
            "format": "PNG",
            "file_size": poster.stat().st_size,
            "hash": digest[:16] + "...",
        },
        "processing_time": {"total_seconds": 0.25, "caption_generation_seconds": pytest.approx(0, abs=0.1)},
        "timestamp": 1700000000.5,
    }
    assert captions.generated(with_finding(report, "caption", CaptionResult()), "a")["caption"] == ""


def test_sound_is_no_image(tmp_path: Path) -> None:
    write(compose(1), tmp_path / "tune.png.wav", "pcm_s16le", "s16")
    for door, made in (("caption", captions.generated), ("process", lambda *a: captions.processed(a[0], b"x", a[1]))):
        with pytest.raises(WrongMedium, match="not an image") as raised:
            made(analysed(tmp_path / "tune.png.wav", door), "tune.png")
        assert status_of(raised.value, captions.STATUSES) == 400


def test_a_bad_one_does_not_spoil_the_batch(poster: Path, tmp_path: Path) -> None:
    write(compose(1), tmp_path / "tune.wav", "pcm_s16le", "s16")
    good = with_finding(analysed(poster, "caption"), "caption", CaptionResult("a poster"))
    outcomes = [good, DamagedMedium("Its header is damaged."), analysed(tmp_path / "tune.wav", "caption")]
    items = [captions.item(one, f"{i}.png", i) for i, one in enumerate(outcomes)]
    assert items[0] == {"filename": "0.png", "index": 0, "caption": "a poster"}
    assert items[1] == {"filename": "1.png", "index": 1, "error": "Its header is damaged."}
    assert "not an image" in items[2]["error"] and "caption" not in items[2]
    answer = captions.batch(items, 1.5, now=5.0)
    assert answer["results"] == items and answer["success"] is True and answer["timestamp"] == 5.0
    assert answer["batch_info"] == {"total_images": 3, "total_time_seconds": 1.5, "average_time_per_image": 0.5}


@pytest.mark.parametrize(("count", "good"), [(0, False), (1, True), (10, True), (11, False)])
def test_a_batch_has_one_to_ten(count: int, good: bool) -> None:
    if good:
        captions.check_batch(count)
    else:
        with pytest.raises(InputError, match="1 to 10"):
            captions.check_batch(count)


def test_a_processed_image(poster: Path) -> None:
    with open_medium(poster, Limits()) as medium:
        jpeg = fitted_jpeg(medium.picture(384).pixels, 384, 384)
    answer = captions.processed(analysed(poster, "process"), jpeg, "poster.png", total_seconds=0.1, now=1.0)
    size = poster.stat().st_size
    digest = hashlib.sha256(poster.read_bytes()).hexdigest()
    assert answer["original_image"] == {
        "filename": "poster.png", "size": [800, 500], "format": "PNG", "file_size": size, "hash": digest,
    }  # fmt: skip
    assert answer["processed_image"] == {"file_size": len(jpeg), "compression_ratio": round(size / len(jpeg), 4)}
    colours = answer["dominant_colors"]
    shares = [one["percentage"] for one in colours]
    assert (
        1 <= len(colours) <= 5 and shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1, abs=0.01)
    )
    assert all(one["hex"] == "#{:02x}{:02x}{:02x}".format(*one["rgb"]) for one in colours)
    assert set(answer) == {
        "success", "original_image", "processed_image", "dominant_colors", "processing_time_seconds", "timestamp",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("size", "inside"), [((800, 400), (384, 192)), ((100, 384 * 3), (33, 384)), ((60, 40), (60, 40))]
)
def test_it_lies_in_the_middle_of_white(size: tuple[int, int], inside: tuple[int, int]) -> None:
    jpeg = fitted_jpeg(np.full((size[1], size[0], 3), (200, 30, 30), np.uint8), 384, 384)
    image = Image.open(io.BytesIO(jpeg))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (384, 384))
    red = np.asarray(image)[:, :, 1] < 128
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    for edge, length in ((rows, inside[1]), (columns, inside[0])):
        assert abs(len(edge) - length) <= 2 and abs(edge[0] - (384 - length) // 2) <= 2
    corner = np.asarray(image)[0, 0] if not red[0, 0] else np.asarray(image)[192, 0]
    assert corner.min() > 245


def test_the_model_is_told() -> None:
    plain = captions.model_info(status="missing", model_name=None, device="cpu", dtype=None)
    assert plain == {
        "success": True, "model_info": {"status": "missing", "model_name": None, "device": "cpu", "dtype": None},
    }  # fmt: skip
    gpu = captions.Gpu("H200", 10, 20)
    told = captions.model_info(status="loaded", model_name="blip-base", device="cuda", dtype="float16", gpu=gpu)
    assert told["model_info"]["gpu_name"] == "H200"
    assert (told["model_info"]["gpu_memory_allocated"], told["model_info"]["gpu_memory_cached"]) == (10, 20)
