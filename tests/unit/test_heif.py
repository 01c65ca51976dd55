"""HEIC pictures, written by a real encoder and by telephones: upright once, within limits, refused with what to do."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

import lookhear
from lookhear.errors import DamagedMedium, LimitExceeded
from lookhear.media.limits import Limits
from lookhear.media.medium import open_medium
from lookhear.tasks.image.duplicates import distance


def scene(size: tuple[int, int] = (200, 120)) -> Image.Image:
    coarse = np.random.default_rng(1).uniform(0, 255, (6, 8, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def heic(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=95, **options)
    return out.getvalue()


def test_it_is_a_picture_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(heic(scene()))
    report = lookhear.analyze(path)
    assert report.medium.kind == "image" and not report.errors and report.complete
    assert report["technical"].codec == "heif" and report["technical"].resolution == (200, 120)
    png = io.BytesIO()
    scene().save(png, "PNG")
    assert distance(report["duplicates"].phash, lookhear.analyze(png.getvalue())["duplicates"].phash) <= 4
    assert lookhear.from_json(lookhear.to_json(report)) == report


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_once(orientation: int) -> None:
    """The encoder writes HEIC's own rotation for an orientation of EXIF, as telephones do, and both are in the file."""
    shown = scene()
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # Pillow's Transpose
    stored = shown if undo is None else shown.transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = heic(stored, exif=exif.tobytes())
    assert orientation == 1 or b"irot" in data or b"imir" in data
    with open_medium(data) as medium:
        assert medium.probe.picture is not None
        assert (medium.probe.picture.width, medium.probe.picture.height) == shown.size
        pixels = medium.picture().pixels
    assert np.abs(pixels.astype(int) - np.asarray(shown)).mean() < 4


def test_its_profile_becomes_srgb() -> None:
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    swapped = bytearray(wide.tobytes())  # red and green primaries exchanged: a profile that shows
    table = {bytes(swapped[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(swapped[131])}
    red, green = table[b"rXYZ"], table[b"gXYZ"]
    swapped[red + 4 : red + 12], swapped[green + 4 : green + 12] = (
        swapped[green + 4 : green + 12], swapped[red + 4 : red + 12],
    )  # fmt: skip
    data = heic(Image.new("RGB", (64, 64), (200, 30, 40)), icc_profile=bytes(swapped))
    with open_medium(data) as medium:
        assert medium.probe.picture is not None and medium.probe.picture.color_profile
        colour = medium.picture().pixels.mean(axis=(0, 1))
    np.testing.assert_allclose(colour, (30, 200, 40), atol=8)


def test_limits_hold_before_anything_is_decoded() -> None:
    with (
        pytest.raises(LimitExceeded, match="MAX_IMAGE_PIXELS"),
        open_medium(heic(scene()), Limits(max_image_pixels=9999)),
    ):
        pass


def test_a_header_that_lies_is_found_out() -> None:
    data = heic(scene((640, 480)))
    size = (640).to_bytes(4, "big") + (480).to_bytes(4, "big")
    assert data.count(b"ispe\0\0\0\0" + size) == 1
    lying = data.replace(b"ispe\0\0\0\0" + size, b"ispe\0\0\0\0" + (16).to_bytes(4, "big") * 2)
    with (
        pytest.raises((LimitExceeded, DamagedMedium)),
        open_medium(lying, Limits(max_image_pixels=10_000)) as medium,
    ):
        medium.picture()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_what_breaks_off_is_damaged_and_never_black(share: float) -> None:
    data = heic(scene())
    with pytest.raises(DamagedMedium):
        lookhear.analyze(data[: max(16, round(share * len(data)))])


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    path = tmp_path / "picture.heic"
    path.write_bytes(heic(scene()))
    program = (
        "import sys; sys.modules['pi_heif'] = None\n"  # as where it is not installed
        "import lookhear\n"
        "try: lookhear.analyze(sys.argv[1])\n"
        "except lookhear.errors.Unsupported as error: print(error.exit_code, error)\n"
    )
    program = program.replace("import lookhear\n", "import lookhear, lookhear.errors\n")
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("4 HEIC pictures need pi-heif") and "pip install 'lookhear[heif]'" in done.stdout


def test_pictures_of_telephones(shared: Path) -> None:
    folder = shared / "images" / "heif"
    sizes = {"arrow.heic": (3024, 4032), "IMG_5195.HEIC": (2566, 3313), "HMD_Nokia_8.3_5G_hdr.heif": (4608, 3456)}
    for name, size in sizes.items():
        report = lookhear.analyze(folder / name)
        assert report["technical"].resolution == size and not report.errors, name
    assert lookhear.analyze(folder / "arrow.heic")["technical"].color_profile == "Display P3"
    assert lookhear.analyze(folder / "RGB_10__128x128.heif")["technical"].bits_per_sample == 10
    for name in ("corrupted.heic", "corrupted.hif"):
        with pytest.raises(DamagedMedium):
            lookhear.analyze(shared / "malformed" / "heif_pillow_heif" / name)
