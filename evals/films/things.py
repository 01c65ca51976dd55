"""What moves in films: walkers, heads that talk, vehicles, balls, things that pass close, rain and snow."""

from __future__ import annotations

from dataclasses import dataclass
from math import sin
from typing import Protocol

import numpy as np
from PIL import Image, ImageDraw

from evals.films.camera import SIZE, View, stamp
from evals.films.places import Place
from evals.films.textures import Color, Rng, near, noise, picture, soft, solid, turned, vivid


class Thing(Protocol):
    """Draws itself into a frame."""

    def draw(self, frame: Image.Image, view: View, time: float) -> None:
        """As the camera sees it ``time`` s after the shot began."""


@dataclass(frozen=True)
class Walker:
    """A figure of jointed parts, ``tall`` place's pixels high, that walks or runs."""

    parts: dict[str, Image.Image]
    foot: tuple[float, float]
    tall: float
    speed: float  #: place's pixels per second, to the right
    pace: float  #: steps per second
    phase: float

    def draw(self, frame: Image.Image, view: View, time: float) -> None:
        """Limbs swing like pendulums, the body bobs."""
        swing = sin(6.283 * self.pace * time / 2 + self.phase)
        bob = abs(swing) * 0.02 * self.tall
        unit = self.tall / 100 / view.scale
        x, y = view.project(self.foot[0] + self.speed * time, self.foot[1] - bob)
        if not -self.tall < x * 1.0 < SIZE[0] + self.tall:
            return
        stride = 0.55 if self.speed else 0.12
        shadow = self.parts["shadow"]
        stamp(frame, shadow, (x, y), unit * 0.5)
        for name, joint, length, angle in (
            ("leg", (-3, -46), 46, stride * swing), ("arm", (-5, -80), 36, -stride * swing),
            ("leg", (3, -46), 46, -stride * swing), ("torso", (0, -84), 42, 0.0),
            ("arm", (5, -80), 36, stride * swing),
        ):  # fmt: skip
            at = x + (joint[0] + length / 2 * sin(angle)) * unit, y + (joint[1] + length / 2) * unit
            stamp(frame, self.parts[name], at, unit * length / self.parts[name].height, -angle, self.speed < 0)
        stamp(frame, self.parts["head"], (x, y - 92 * unit), unit * 18 / self.parts["head"].height)


def walker(rng: Rng, place: Place, hurried: bool = False) -> Walker:
    """Somebody, somewhere in the place."""
    skin = skin_color(rng)
    cloth = vivid(rng, (30, 220), 0.8)
    shadow = Image.new("RGBA", (120, 24), (0, 0, 0, 0))
    ImageDraw.Draw(shadow).ellipse((8, 4, 112, 20), fill=(0, 0, 0, 110))
    parts = {
        "leg": solid(rng, (120, 30), vivid(rng, (20, 120), 0.5), "capsule"),
        "arm": solid(rng, (90, 20), cloth, "capsule"),
        "torso": solid(rng, (110, 64), near(rng, cloth, 8), "capsule", 0.25),
        "head": _small_head(rng, skin),
        "shadow": soft(shadow, 2),
    }
    speed = float(rng.choice([-1, 1]) * rng.uniform(40, 130) * (3 if hurried else 1)) * (rng.random() < 0.8)
    foot = float(rng.uniform(250, 1250)), place.floor + float(rng.uniform(-10, 90))
    return Walker(parts, foot, float(rng.uniform(150, 300)), speed, 1.8 + hurried * 1.4, float(rng.uniform(0, 6)))


def skin_color(rng: Rng) -> Color:
    """From dark to fair."""
    return turned(rng.uniform(0.3, 0.5), rng.uniform(90, 235), rng.uniform(0.3, 0.5))


def _small_head(rng: Rng, skin: Color) -> Image.Image:
    head = solid(rng, (60, 48), skin, "ellipse", 0.1)
    hair = solid(rng, (34, 52), vivid(rng, (15, 130), 0.6), "ellipse", 0.4)
    whole = Image.new("RGBA", (56, 70), (*(int(part) for part in skin), 0))
    whole.paste(head, (4, 8), head)
    whole.paste(hair, (2, 0), hair)
    return whole


@dataclass(frozen=True)
class Glider:
    """A sprite on a path: from a point with a speed (place's pixels per second), hopping, spinning."""

    sprite: Image.Image
    start: tuple[float, float]
    speed: tuple[float, float]
    size: float  #: place's pixels per sprite's pixel
    hop: float = 0.0
    spin: float = 0.0
    grow: float = 1.0  #: factor per second
    rate: float = 1.0  #: hops per second

    def draw(self, frame: Image.Image, view: View, time: float) -> None:
        """Where it is by now."""
        lift = self.hop * abs(sin(3.1416 * self.rate * time))
        at = view.project(self.start[0] + self.speed[0] * time, self.start[1] + self.speed[1] * time - lift)
        stamp(frame, self.sprite, at, self.size * self.grow**time / view.scale, self.spin * time - view.angle)


def vehicle(rng: Rng, place: Place) -> Glider:
    """A car, van or bus."""
    long, tall = int(rng.uniform(220, 420)), int(rng.uniform(80, 150))
    flat = Image.new("RGBA", (long, tall + 20), (0, 0, 0, 0))
    draw = ImageDraw.Draw(flat)
    color = tuple(int(part) for part in vivid(rng, (40, 235), 0.9))
    draw.rectangle((10, tall + 4, long - 10, tall + 16), fill=(0, 0, 0, 120))
    draw.rounded_rectangle((0, tall * 0.4, long, tall), 14, fill=(*color, 255))
    draw.polygon(
        (long * 0.15, tall * 0.45, long * 0.27, 2, long * 0.8, 2, long * 0.92, tall * 0.45), fill=(*color, 255)
    )
    for left in (0.25, 0.55):
        draw.rectangle((long * left, 12, long * (left + 0.24), tall * 0.4), fill=(60, 80, 95, 255))
    for left in (0.12, 0.68):
        draw.ellipse((long * left, tall * 0.68, long * left + tall * 0.42, tall * 1.1), fill=(22, 22, 24, 255))
    shade = 1 + 0.2 * noise(rng, (tall + 20, long), (tall, long), 5)[:, :, None]
    body = np.asarray(flat, np.float32)
    sprite = picture(np.concatenate([body[:, :, :3] * shade, body[:, :, 3:]], axis=2))
    way = int(rng.choice([-1, 1]))
    start = (750 - way * rng.uniform(300, 900), place.floor + rng.uniform(0, 40))
    return Glider(sprite, start, (way * rng.uniform(120, 420), 0.0), float(rng.uniform(0.6, 1.1)))


def ball(rng: Rng, place: Place) -> Glider:
    """Something round that hops."""
    sprite = solid(rng, (90, 90), vivid(rng, (80, 250), 0.9), "ellipse", 0.5)
    start = float(rng.uniform(300, 1200)), place.floor
    speed = float(rng.uniform(-200, 200)), 0.0
    return Glider(sprite, start, speed, float(rng.uniform(0.3, 0.9)), 140, 3.0, 1.0, float(rng.uniform(0.8, 1.6)))


@dataclass(frozen=True)
class Passer:
    """Something out of focus that passes close before the camera, from ``at`` s on for ``length`` s."""

    sprite: Image.Image
    at: float
    length: float
    height: float  #: of its middle in the frame
    way: int

    def draw(self, frame: Image.Image, view: View, time: float) -> None:
        """From one side to the other."""
        along = (time - self.at) / self.length
        if 0 < along < 1:
            reach = SIZE[0] / 2 + self.sprite.width
            stamp(frame, self.sprite, (SIZE[0] / 2 + self.way * (2 * along - 1) * reach, self.height), 2.0)


def passer(rng: Rng, at: float) -> Passer:
    """A back, a vehicle, a pillar."""
    size = int(rng.uniform(190, 330)), int(rng.uniform(90, 420))
    form = str(rng.choice(["capsule", "ellipse", "box", "rock"]))
    sprite = soft(solid(rng, size, vivid(rng, (15, 190), 0.7), form, 0.4), 5)
    return Passer(sprite, at, float(rng.uniform(0.25, 1.3)), float(rng.uniform(120, 260)), int(rng.choice([-1, 1])))


@dataclass(frozen=True)
class Weather:
    """Flakes or drops that fall before the camera."""

    x: np.ndarray
    y: np.ndarray
    speed: np.ndarray
    rain: bool

    def draw(self, frame: Image.Image, view: View, time: float) -> None:
        """All of them."""
        draw = ImageDraw.Draw(frame)
        y = (self.y + self.speed * time) % (SIZE[1] + 20) - 10
        x = (self.x + 20 * np.sin(self.y + time) * (not self.rain) - view.x / view.scale) % SIZE[0]
        for left, top, fast in zip(x.tolist(), y.tolist(), self.speed.tolist(), strict=True):
            if self.rain:
                draw.line((left, top, left + 2, top + fast / 50), fill=(190, 195, 205))
            else:
                draw.ellipse((left, top, left + fast / 40, top + fast / 40), fill=(238, 238, 242))


def weather(rng: Rng) -> Weather:
    """Rain or snow."""
    count, rain = int(rng.uniform(60, 220)), bool(rng.random() < 0.5)
    speed = rng.uniform(500, 900, count) if rain else rng.uniform(60, 170, count)
    return Weather(rng.uniform(0, SIZE[0], count), rng.uniform(0, SIZE[1], count), speed, rain)
