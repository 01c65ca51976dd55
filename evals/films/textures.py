"""Surfaces: fractal value noise, materials, shaded solids. Colours are RGB over 0..255 as float32, or Pillow images."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Rng = np.random.Generator
Floats = NDArray[np.float32]
Color = tuple[float, float, float]


def noise(rng: Rng, size: tuple[int, int], cell: tuple[float, float], octaves: int = 5, gain: float = 0.55) -> Floats:
    """(height, width) of value noise in -1..1, about; ``cell``: height and width of its largest features, pixels."""
    height, width = size
    total = np.zeros(size, np.float32)
    weight, sum_of = 1.0, 0.0
    for octave in range(octaves):
        rows = max(2, round(height / cell[0] * 2**octave) + 1)
        columns = max(2, round(width / cell[1] * 2**octave) + 1)
        if rows > height or columns > width:
            break
        grid = Image.fromarray(rng.uniform(-1, 1, (rows, columns)).astype(np.float32))
        total += weight * np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC))
        sum_of += weight
        weight *= gain
    return np.asarray(total / sum_of * 1.6, np.float32)


def ridge(rng: Rng, width: int, cell: float, octaves: int = 6, gain: float = 0.5) -> Floats:
    """(width,) of a fractal line in -1..1, about: hills, treetops, skylines."""
    return noise(rng, (2, width), (2, cell), 1)[0] if octaves == 1 else _line(rng, width, cell, octaves, gain)


def _line(rng: Rng, width: int, cell: float, octaves: int, gain: float) -> Floats:
    at, total, weight = np.arange(width), np.zeros(width), 1.0
    for octave in range(octaves):
        knots = max(3, round(width / cell * 2**octave) + 2)
        total += weight * np.interp(at, np.linspace(0, width - 1, knots), rng.uniform(-1, 1, knots))
        weight *= gain
    return np.asarray(total, np.float32)


def textured(flat: Image.Image, grain: Floats, strength: float) -> Image.Image:
    """An RGB image, its brightness varied by (height, width) noise."""
    return picture(np.asarray(flat, np.float32) * (1 + strength * grain[:, :, None]))


def material(rng: Rng, size: tuple[int, int], color: Color, cell: tuple[float, float], strength: float) -> Floats:
    """(height, width, 3) of a colour that varies in brightness, and slowly and less in hue."""
    bright = noise(rng, size, cell)
    tint = noise(rng, size, (cell[0] * 3, cell[1] * 3), 3)
    shift = rng.normal(0, 0.35 * strength, 3).astype(np.float32)
    return np.asarray(
        np.asarray(color, np.float32) * (1 + strength * bright[:, :, None] + tint[:, :, None] * shift), np.float32
    )


def gradient(size: tuple[int, int], top: Color, bottom: Color) -> Floats:
    """(height, width, 3) from one colour to another, downwards."""
    along = np.linspace(0, 1, size[0], dtype=np.float32)[:, None, None]
    column = np.asarray(top, np.float32) * (1 - along) + np.asarray(bottom, np.float32) * along
    return np.broadcast_to(column, (*size, 3)).copy()


def picture(values: Floats) -> Image.Image:
    """As an image of eight bits."""
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def solid(rng: Rng, size: tuple[int, int], color: Color, form: str = "ellipse", rough: float = 0.15) -> Image.Image:
    """RGBA of a rounded thing lit from above left: ``ellipse``, ``capsule`` (upright), ``box`` or ``rock``."""
    height, width = size
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    if form == "box":
        distance = np.maximum(np.abs(x), np.abs(y)) ** 6
    elif form == "capsule":
        short = min(1.0, width / height)
        past = np.maximum(np.abs(y) - (1 - short), 0) / short
        distance = x**2 + past**2
    else:
        distance = x**2 + y**2
    if form == "rock":
        distance = distance * (1.3 + 0.6 * noise(rng, size, (height / 2, width / 2), 4))
    light = 1.0 - 0.35 * np.clip(distance, 0, 1) - 0.18 * x - 0.16 * y
    body = material(rng, size, color, (height / 3, width / 3), rough) * light[:, :, None]
    alpha = np.clip((1 - distance) * min(height, width) / 3, 0, 1) * 255
    return picture(np.concatenate([body, alpha[:, :, None]], axis=2))


def soft(image: Image.Image, radius: float) -> Image.Image:
    """Out of focus, edges too."""
    return image.filter(ImageFilter.BoxBlur(radius)) if radius > 0 else image


def vivid(rng: Rng, light: tuple[float, float] = (60, 220), chroma: float = 0.5) -> Color:
    """A colour by chance, of some lightness and at most that saturation."""
    value = rng.uniform(*light)
    hue = rng.uniform(0, 6)
    saturation = chroma * rng.uniform(0.3, 1)
    return turned(hue, value, saturation)


def turned(hue: float, value: float, saturation: float) -> Color:
    """Hue 0..6 from red, value 0..255, saturation 0..1."""
    red, green, blue = colorsys.hsv_to_rgb(hue / 6 % 1, 1.0, 1.0)
    return tuple(value * (1 - saturation * (1 - part)) for part in (red, green, blue))  # type: ignore[return-value]


def near(rng: Rng, color: Color, spread: float) -> Color:
    """A colour like another."""
    return tuple(float(np.clip(part + rng.normal(0, spread), 0, 255)) for part in color)  # type: ignore[return-value]
