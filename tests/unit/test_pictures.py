"""Pictures: what is recognised, refused, turned upright; colours, hashes and facts against known truth."""

from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFilter

import lookhear
from lookhear.dsp import picture_quality
from lookhear.dsp.areas import area_means
from lookhear.errors import DamagedMedium, LimitExceeded, LookhearError
from lookhear.media.limits import Limits
from lookhear.media.medium import open_medium
from lookhear.tasks.image.colors import Counts, lab
from lookhear.tasks.image.duplicates import distance, hashes


def scene(height: int = 300, width: int = 400, seed: int = 1) -> np.ndarray:
    """(height, width, 3) uint8: soft shapes, as photographs have."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (6, 8, 3))
    return np.asarray(Image.fromarray(coarse.astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC))


def saved(pixels: np.ndarray, form: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, **options)
    return out.getvalue()


def oriented(pixels: np.ndarray, orientation: int) -> bytes:
    """A PNG whose stored pixels must be turned by its EXIF orientation to show ``pixels``."""
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # Pillow's Transpose
    image = Image.fromarray(pixels)
    if undo is not None:
        image = image.transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    image.save(out, "PNG", exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_show_the_same_picture(orientation: int) -> None:
    pixels = scene()
    with open_medium(oriented(pixels, orientation)) as medium:
        np.testing.assert_array_equal(medium.picture().pixels, pixels)
    one, other = lookhear.analyze(oriented(pixels, orientation)), lookhear.analyze(saved(pixels))
    assert one["technical"].resolution == (400, 300) and one["technical"].orientation == orientation
    assert one["colors"] == other["colors"] and one["duplicates"] == other["duplicates"]


def test_what_is_scaled_and_reduced_is_upright_too() -> None:
    ramp = np.tile(np.linspace(0, 65535, 2000).astype(np.uint16)[:, None], (1, 900))  # dark above, bright below
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.fromarray(ramp).transpose(Image.Transpose.ROTATE_90).save(out, "PNG", exif=exif)
    with open_medium(out.getvalue()) as medium:
        pixels = medium.picture().pixels
    assert pixels.shape == (1600, 720, 3) and pixels[5, 300, 0] < 5 and pixels[-5, 300, 0] > 250


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "PPM"])
def test_every_format_is_recognised_by_its_content(form: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.mp3"
    path.write_bytes(saved(scene(), form))
    report = lookhear.analyze(path)
    assert report.medium.kind == "image" and report.errors == () and report.complete
    assert report["technical"].codec == form.lower() and report["technical"].resolution == (400, 300)
    assert distance(report["duplicates"].phash, hashes(scene()).phash or "") <= 6
    assert lookhear.from_json(lookhear.to_json(report)) == report


def test_a_picture_through_a_pipe() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self._data = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return self._data.read(min(size, 11) if size > 0 else size)

    data = saved(scene(), "JPEG")
    report = lookhear.analyze(Pipe(data))
    assert report["colors"] == lookhear.analyze(data)["colors"]
    assert report.medium.sha256 == lookhear.analyze(data).medium.sha256


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("L", (128, 128, 128)), ("LA", (128, 128, 128)), ("P", (200, 30, 40)), ("RGBA", (200, 30, 40)), ("1", (255, 255, 255)),
     ("CMYK", (200, 30, 40)), ("LAB", (200, 30, 40)), ("I;16", (128, 128, 128))],
)  # fmt: skip
def test_every_mode_becomes_rgb(mode: str, expected: tuple[int, int, int]) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((20, 30), 128 * 257, np.uint16))
    elif mode == "LAB":
        red = Image.new("RGB", (30, 20), (200, 30, 40))
        converted = ImageCms.profileToProfile(
            red, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )
        assert converted is not None
        image = converted
    elif mode == "P":
        image = Image.new("RGB", (30, 20), (200, 30, 40)).quantize(4)
    elif mode in ("L", "LA"):
        image = Image.new("L", (30, 20), 128).convert(mode)
    else:
        image = Image.new("RGB", (30, 20), (255, 255, 255) if mode == "1" else (200, 30, 40)).convert(mode)
    out = io.BytesIO()
    image.save(out, "TIFF")
    with open_medium(out.getvalue()) as medium:
        pixels = medium.picture().pixels
    assert pixels.shape == (20, 30, 3)
    np.testing.assert_allclose(pixels[5, 5], expected, atol=3)


def test_what_is_transparent_is_white() -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, 4:] = (0, 0, 255, 255)
    report = lookhear.analyze(saved(pixels))
    assert [(color.hex, color.share) for color in report["colors"].dominant] == [("#0000ff", 0.5), ("#ffffff", 0.5)]


def test_a_large_picture_reaches_tasks_small_and_keeps_its_facts() -> None:
    pixels = scene(1500, 4000)
    for form in ("JPEG", "PNG"):
        with open_medium(saved(pixels, form)) as medium:
            assert max(medium.picture().pixels.shape) == 1600
            assert (medium.probe.picture.width, medium.probe.picture.height) == (4000, 1500)  # type: ignore[union-attr]
        assert distance(lookhear.analyze(saved(pixels, form))["duplicates"].phash, hashes(pixels).phash or "") <= 4


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.3, 2.0), quality=st.integers(30, 95))
def test_copies_are_near_and_strangers_far(seed: int, scale: float, quality: int) -> None:
    pixels, stranger = scene(seed=seed), scene(seed=seed + 20_000)
    size = (round(400 * scale), round(300 * scale))
    copy = np.asarray(
        Image.open(io.BytesIO(saved(np.asarray(Image.fromarray(pixels).resize(size)), "JPEG", quality=quality)))
    )
    one, two, other = hashes(pixels), hashes(copy), hashes(stranger)
    assert distance(one.phash or "", two.phash or "") <= 10 and distance(one.dhash or "", two.dhash or "") <= 10
    assert distance(one.phash or "", other.phash or "") > 10


def test_one_colour_has_no_hash_and_is_its_own_dominant_colour() -> None:
    report = lookhear.analyze(saved(np.full((50, 60, 3), (10, 200, 30), np.uint8)))
    assert report["duplicates"].phash is None and any("one colour" in note.message for note in report.warnings)
    (color,) = report["colors"].dominant
    assert color.rgb == (10, 200, 30) and color.share == 1.0
    assert report["colors"].contrast == 0.0 and report["colors"].grayscale is False


@settings(max_examples=20, deadline=None)
@given(shares=st.lists(st.integers(5, 60), min_size=1, max_size=4))
def test_flat_areas_are_found_with_their_shares(shares: list[int]) -> None:
    colors = [(250, 250, 250), (200, 20, 20), (20, 30, 180), (15, 15, 15)][: len(shares)]
    pixels = np.concatenate(
        [np.tile(np.array(color, np.uint8), (share, 1)) for color, share in zip(colors, shares, strict=True)]
    )
    found = {color.rgb: color.share for color in Counts.of(pixels).dominant(6)}
    assert found == {c: pytest.approx(s / sum(shares), abs=1e-3) for c, s in zip(colors, shares, strict=True)}


def test_lab_of_known_colours() -> None:
    known = {
        (1, 1, 1): (100, 0, 0),
        (1, 0, 0): (53.24, 80.09, 67.20),
        (0, 0, 1): (32.30, 79.19, -107.86),
        (0, 0, 0): (0, 0, 0),
    }
    np.testing.assert_allclose(lab(np.array(list(known), float)), list(known.values()), atol=0.02)


def test_grey_is_told_from_colour() -> None:
    grey = np.repeat(scene()[..., :1], 3, axis=2)
    assert lookhear.analyze(saved(grey))["colors"].grayscale is True
    assert lookhear.analyze(saved(grey))["colors"].colorfulness < 1
    assert lookhear.analyze(saved(scene()))["colors"].colorfulness > 30


@given(rows=st.integers(1, 12), columns=st.integers(1, 12), height=st.integers(1, 40), width=st.integers(1, 40))
def test_area_means_keep_the_mean_and_do_not_favour_a_side(rows: int, columns: int, height: int, width: int) -> None:
    values = np.random.default_rng(height * width).uniform(0, 1, (height, width, 2))
    small = area_means(values, rows, columns)
    assert small.shape == (rows, columns, 2)
    np.testing.assert_allclose(small.mean(axis=(0, 1)), values.mean(axis=(0, 1)), atol=1e-9)
    np.testing.assert_allclose(area_means(values[::-1, ::-1], rows, columns), small[::-1, ::-1], atol=1e-9)
    turned = area_means(values.transpose(1, 0, 2), columns, rows)
    np.testing.assert_allclose(turned, small.transpose(1, 0, 2), atol=1e-9)


def png_header(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 50)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in (head, data)
    )


def test_a_bomb_is_refused_by_its_header() -> None:
    with pytest.raises(LimitExceeded, match="MAX_IMAGE_PIXELS"):
        lookhear.analyze(png_header(20_000, 10_000))
    with pytest.raises(LimitExceeded, match="400 x 300"):
        lookhear.analyze(saved(scene()), limits=Limits(max_image_pixels=1000))
    with pytest.raises(DamagedMedium):
        lookhear.analyze(b"\x89PNG\r\n\x1a\n" + b"nothing that follows")


def test_a_picture_cut_short_gives_what_is_there() -> None:
    data = saved(scene(), "JPEG")
    report = lookhear.analyze(data[: len(data) // 2])
    assert not report.complete and report["technical"].resolution == (400, 300)
    assert any("breaks off" in note.message for note in report.warnings)


def test_several_pictures_are_told_of() -> None:
    frames = [Image.fromarray(scene(seed=seed)) for seed in range(3)]
    out = io.BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    report = lookhear.analyze(out.getvalue())
    assert report["technical"].frames == 3 and any("only the main one" in note.message for note in report.warnings)


def test_sound_tasks_say_nothing_of_pictures() -> None:
    report = lookhear.analyze(saved(scene()), ["mir"])
    assert report.findings == () and any("No task" in note.message for note in report.warnings)


def test_exif_of_a_camera(shared: Path) -> None:
    exif = lookhear.analyze(shared / "images/exif/DSCN0010.jpg")["technical"].exif
    assert exif["Make"] == "NIKON" and exif["latitude"] == pytest.approx(43.467, abs=1e-3)
    assert exif["longitude"] == pytest.approx(11.885, abs=1e-3)


def test_real_pictures_in_every_orientation_are_one(shared: Path) -> None:
    for name in ("Landscape", "Portrait"):
        hashes_ = {
            lookhear.analyze(p)["duplicates"].phash
            for p in sorted((shared / "images/exif_orientation").glob(f"{name}_*"))
        }
        assert len(hashes_) == 1


def test_every_broken_picture_is_an_answer_soon(shared: Path) -> None:
    folders = [path for path in (shared / "malformed").iterdir() if path.is_dir() and not path.name.startswith("audio")]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    assert len(files) > 20
    for path in files:
        began = time.monotonic()
        try:
            report = lookhear.analyze(path)
            assert all(error.code != "task_failed" for error in report.errors), (path.name, report.errors)
            assert lookhear.from_json(lookhear.to_json(report)) == report
        except LookhearError as error:
            assert error.message.endswith("."), (path.name, error.message)
        assert time.monotonic() - began < 10, path.name


def textured(seed: int = 4) -> np.ndarray:
    """(240, 320) float32: shapes with sharp edges, and flat parts between."""
    rng = np.random.default_rng(seed)
    luma = np.full((240, 320), 90.0, np.float32)
    for _ in range(30):
        y, x, h, w = rng.integers(0, 200), rng.integers(0, 280), rng.integers(8, 60), rng.integers(8, 60)
        luma[y : y + h, x : x + w] = rng.uniform(20, 230)
    return luma


def rgb(luma: np.ndarray) -> np.ndarray:
    return np.repeat(np.clip(np.rint(luma), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def test_blur_grows_with_the_radius_whatever_the_orientation() -> None:
    image = Image.fromarray(rgb(textured()))
    found = []
    for radius in (0, 1, 2, 4):
        luma = np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), np.float32)[..., 0]
        value = picture_quality.blur(luma)
        assert value is not None and picture_quality.blur(np.rot90(luma, 3)) == pytest.approx(value, abs=1e-6)
        found.append(value)
    assert found == sorted(found) and found[0] < 0.2 and found[-1] > 0.7
    assert picture_quality.blur(np.zeros((50, 50), np.float32)) is None


@pytest.mark.parametrize("sigma", [2.0, 5.0, 12.0])
def test_noise_is_measured_where_the_picture_is_flat(sigma: float) -> None:
    noisy = textured() + np.random.default_rng(8).normal(0, sigma, (240, 320)).astype(np.float32)
    assert picture_quality.noise(noisy) == pytest.approx(sigma, rel=0.25)
    assert (picture_quality.noise(textured()) or 0.0) < 0.5


def test_blocks_show_where_jpeg_is_coarse_and_wherever_they_lie() -> None:
    pixels = scene(256, 320)
    fine, coarse = (
        np.asarray(Image.open(io.BytesIO(saved(pixels, "JPEG", quality=q))).convert("L"), np.float32) for q in (95, 8)
    )
    assert (picture_quality.blockiness(fine) or 9) < 1.3
    assert (picture_quality.blockiness(coarse) or 0) > 2
    assert (picture_quality.blockiness(coarse[3:, 5:]) or 0) > 2


@pytest.mark.parametrize(
    ("change", "code"),
    [(lambda p: p, None), (lambda p: p * 0.12, "dark"), (lambda p: 215 + p * 0.15, "washed_out"),
     (lambda p: 120 + p * 0.05, "flat"), (lambda p: p + np.random.default_rng(1).normal(0, 30, p.shape), "noisy"),
     (lambda p: p[:60, :80], "small")],
    ids=["good", "dark", "washed out", "flat", "noisy", "small"],
)  # fmt: skip
def test_problems_are_named_and_cost_score(change: Callable[[np.ndarray], np.ndarray], code: str | None) -> None:
    good = lookhear.analyze(saved(rgb(textured())))["quality"]
    found = lookhear.analyze(saved(rgb(change(textured()))))["quality"]
    assert good.problems == () and good.quality_score == 1.0
    if code is not None:
        assert code in {problem.code for problem in found.problems} and found.quality_score < 1.0


def test_a_blank_picture_has_no_score() -> None:
    found = lookhear.analyze(saved(np.full((90, 90, 3), 77, np.uint8)))["quality"]
    assert found.quality_score is None and [problem.code for problem in found.problems] == ["blank"]


def test_real_photographs_are_good_and_their_blurred_copies_are_not(shared: Path) -> None:
    for path in sorted((shared / "images").glob("fastestdet_*.jpg")):
        sharp = lookhear.analyze(path)["quality"]
        out = io.BytesIO()
        Image.open(path).filter(ImageFilter.GaussianBlur(3)).save(out, "PNG")
        soft = lookhear.analyze(out.getvalue())["quality"]
        assert sharp.quality_score > 0.9 and soft.quality_score < 0.75
        assert "blurred" in {problem.code for problem in soft.problems}
