"""A picture with text: a poster drawn on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

LINES = ("Sixteen Bars", "a concert for nobody", "Friday 21:30, the old station")


def poster(width: int = 1600, height: int = 1000) -> Image.Image:
    """An evening sky over hills, and what is on."""
    y, x = np.mgrid[0:height, 0:width] / (height, width)[0]
    sky = np.stack([0.25 + 0.7 * y, 0.2 + 0.35 * y, 0.45 - 0.2 * y], axis=2)
    sky += (0.25 * np.exp(-(((x - 1.2) ** 2 + (y - 0.62) ** 2) / 0.02)))[..., None]
    for k, (base, shade) in enumerate(((0.7, 0.16), (0.8, 0.10), (0.9, 0.05))):
        hill = y > base + 0.05 * np.sin(3.1 * x + 2 * k) + 0.02 * np.sin(9 * x + k)
        sky[hill] = (shade, shade * 1.1, shade * 1.6)
    image = Image.fromarray((255 * np.clip(sky, 0, 1)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for line, size, top in zip(LINES, (150, 64, 56), (110, 300, 400), strict=True):
        draw.text((120, top), line, fill=(255, 244, 214), font=ImageFont.load_default(size))
    return image


def scenery(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """(height, width, 3): soft coloured shapes, another for every seed."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cells, weight in ((3, 0.55), (9, 0.3), (40, 0.15)):
        coarse = rng.uniform(0, 255, (cells, round(cells * width / height), 3)).astype(np.uint8)
        total += weight * np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    return total.astype(np.uint8)


def write_poster(path: Path, scale: float = 1.0, **options: int) -> None:
    """As the ending of ``path`` says."""
    image = poster()
    image.resize((round(image.width * scale), round(image.height * scale))).save(path, **options)
