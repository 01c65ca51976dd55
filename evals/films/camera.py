"""Cameras: where they look at a moment, and how places and things appear in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evals.films.places import HIGH, WIDE, Place
from evals.films.textures import Rng

SIZE = (640, 360)  #: of a frame: width, height
_FPS = 25.0
_Affine = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class View:
    """A place's point in the middle of the frame, place's pixels per frame's pixel, angle (rad)."""

    x: float
    y: float
    scale: float
    angle: float = 0.0

    def seen(self, depth: float) -> View:
        """The same for a layer nearer or farther than where the action is."""
        return replace(
            self,
            x=WIDE / 2 + (self.x - WIDE / 2) * depth,
            y=HIGH / 2 + (self.y - HIGH / 2) * (0.6 + 0.4 * depth),
            scale=self.scale * (1 - 0.15 * (depth - 1)) if depth < 1 else self.scale,
        )

    def onto(self) -> _Affine:
        """From the frame's pixels to the layer's, as Pillow takes it."""
        a, b = self.scale * cos(self.angle), -self.scale * sin(self.angle)
        middle, down = SIZE[0] / 2, SIZE[1] / 2
        return (a, b, self.x - a * middle - b * down, -b, a, self.y + b * middle - a * down)

    def project(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the layer is in the frame."""
        dx, dy = (x - self.x) / self.scale, (y - self.y) / self.scale
        c, s = cos(self.angle), sin(self.angle)
        return SIZE[0] / 2 + c * dx + s * dy, SIZE[1] / 2 - s * dx + c * dy


@dataclass(frozen=True)
class Whip:
    """A sudden move: at ``at`` s for ``length`` s, by so much."""

    at: float
    length: float
    x: float = 0.0
    y: float = 0.0
    zoom: float = 1.0

    def share(self, time: float) -> float:
        """0 before, 1 after."""
        along = min(1.0, max(0.0, (time - self.at) / self.length))
        return along * along * (3 - 2 * along)


@dataclass(frozen=True)
class Camera:
    """``pan`` in place's pixels per second, ``zoom`` the factor of the scale per second, ``shake`` in frame's pixels."""

    start: View
    pan: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    roll: float = 0.0
    shake: float = 0.0
    tremor: tuple[tuple[float, float, float], ...] = ()  #: frequency (Hz), phase (rad), share
    whips: tuple[Whip, ...] = ()

    def at(self, time: float) -> View:
        """What it sees ``time`` s after the shot began."""
        view = self.start
        x, y = view.x + self.pan[0] * time, view.y + self.pan[1] * time
        scale, angle = view.scale * self.zoom**time, view.angle + self.roll * time
        for whip in self.whips:
            share = whip.share(time)
            x, y, scale = x + whip.x * share, y + whip.y * share, scale * whip.zoom**share
        for k, (frequency, phase, share) in enumerate(self.tremor):
            swing = self.shake * share * sin(6.283 * frequency * time + phase)
            x += swing * scale * (k % 3 != 0)
            y += swing * scale * (k % 3 != 1)
            angle += 0.0012 * swing * (k % 3 == 2)
        scale = min(scale, 1.75)
        half = 320 * scale, 180 * scale
        x = min(max(x, half[0]), WIDE - half[0]) if half[0] * 2 < WIDE else WIDE / 2
        y = min(max(y, half[1]), HIGH - half[1]) if half[1] * 2 < HIGH else HIGH / 2
        return View(x, y, scale, angle)


def tremor(rng: Rng) -> tuple[tuple[float, float, float], ...]:
    """Sways of a hand: slow and large, fast and small."""
    frequencies = np.exp(rng.uniform(np.log(0.2), np.log(7), 9))
    return tuple((float(f), float(rng.uniform(0, 6.28)), float(1.2 / (1 + f))) for f in frequencies)


def scenery(place: Place, view: View, time: float) -> Image.Image:
    """The place as a camera sees it, without things."""
    back, *others = place.layers
    frame = back.image.transform(SIZE, Image.Transform.AFFINE, view.seen(back.depth).onto(), Image.Resampling.BILINEAR)
    for layer in others:
        seen = view.seen(layer.depth)
        if layer.drift:
            seen = replace(seen, x=min(max(seen.x + 40 * sin(layer.drift * time / 40), 0), WIDE))
        first = max(0, int(_top(layer.image, seen)))
        if first >= SIZE[1]:
            continue
        a, b, c, d, e, f = seen.onto()
        part = layer.image.transform(
            (SIZE[0], SIZE[1] - first), Image.Transform.AFFINE, (a, b, c + b * first, d, e, f + e * first),
            Image.Resampling.BILINEAR,
        )  # fmt: skip
        frame.paste(part, (0, first), part)
    return frame


def _top(image: Image.Image, view: View) -> float:
    """First row of the frame that the layer reaches: the empty part above costs nothing then."""
    box = image.getchannel("A").getbbox() if "box" not in image.info else image.info["box"]
    image.info["box"] = box
    if not box:
        return SIZE[1]
    return min(view.project(x, box[1])[1] for x in (0, WIDE)) - 4


def stamp(
    frame: Image.Image,
    sprite: Image.Image,
    at: tuple[float, float],
    scale: float,
    angle: float = 0.0,
    flip: bool = False,
) -> None:
    """Paste a sprite, its middle at a place of the frame, ``scale`` frame's pixels per sprite's pixel."""
    scale = max(scale, 0.01)
    if flip:
        sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    width, height = sprite.width * scale, sprite.height * scale
    c, s = cos(angle), sin(angle)
    reach = (abs(c) * width + abs(s) * height) / 2 + 1, (abs(s) * width + abs(c) * height) / 2 + 1
    left, top = max(0, int(at[0] - reach[0])), max(0, int(at[1] - reach[1]))
    right, bottom = min(frame.width, int(at[0] + reach[0]) + 1), min(frame.height, int(at[1] + reach[1]) + 1)
    if right <= left or bottom <= top:
        return
    if scale < 0.4:
        factor = int(0.5 / scale) + 1
        sprite, scale = sprite.reduce(factor), scale * factor
    inverse = np.array([[c, s], [-s, c]]) / scale
    offset: NDArray[np.float64] = np.array([sprite.width, sprite.height]) / 2 + inverse @ (np.array([left, top]) - at)
    data = (*inverse[0], offset[0], *inverse[1], offset[1])
    part = sprite.transform((right - left, bottom - top), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
    frame.paste(part, (left, top), part)
