"""Shots: a place, a camera, what moves, and the light; nothing in them is a transition."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import hypot, sin
from typing import Protocol

import numpy as np
from PIL import Image, ImageChops

from evals.films.camera import SIZE, Camera, View, scenery
from evals.films.places import Place
from evals.films.textures import Rng, soft
from evals.films.things import Thing

_SHUTTER = 0.5 / 25  # s that a frame is exposed
_BLUR = 6.0  # pixels of movement within it that are one exposure
_MOST = 5


class Shot(Protocol):
    """Pictures of 640 x 360 by time."""

    def picture(self, time: float) -> Image.Image:
        """What is seen ``time`` s after it began; RGB."""


class Light(Protocol):
    """What light does to a picture."""

    def lit(self, frame: Image.Image, time: float) -> Image.Image:
        """The picture in the light of that time."""


def gained(frame: Image.Image, gain: tuple[float, float, float], lift: float = 0.0) -> Image.Image:
    """Each channel times its gain, plus levels."""
    levels = np.arange(256)
    table = np.concatenate([np.clip(levels * one + lift, 0, 255) for one in gain])
    return frame.point(table.astype(int).tolist())


@dataclass(frozen=True)
class Dimmer:
    """Light that goes slowly to a gain, from ``at`` s on for ``length`` s: clouds, dusk, an iris that adapts."""

    at: float
    length: float
    gain: tuple[float, float, float]

    def lit(self, frame: Image.Image, time: float) -> Image.Image:
        """Smoothly between."""
        share = min(1.0, max(0.0, (time - self.at) / self.length))
        share = share * share * (3 - 2 * share)
        return gained(frame, tuple(1 + share * (one - 1) for one in self.gain)) if share else frame  # type: ignore[arg-type]


@dataclass(frozen=True)
class Lamp:
    """Switched at some times (s): all is ``dim`` without it, and most where it stands."""

    times: tuple[float, ...]
    dim: float
    pool: Image.Image  #: how much of its light falls where
    warm: float

    def lit(self, frame: Image.Image, time: float) -> Image.Image:
        """On or off; on at first when it is switched an odd number of times."""
        on = (sum(time >= at for at in self.times) + len(self.times)) % 2 == 0
        dark = gained(frame, (self.dim, self.dim, self.dim * 1.08))
        return Image.composite(gained(frame, (1.0, 0.97, self.warm)), dark, self.pool) if on else dark


def lamp(rng: Rng, times: tuple[float, ...]) -> Lamp:
    """Somewhere in the upper half."""
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(np.float32)
    far = np.hypot(x - rng.uniform(100, 540), 1.2 * (y - rng.uniform(30, 200)))
    pool = Image.fromarray(
        np.clip(255 * rng.uniform(0.75, 1.0) * np.exp(-far / rng.uniform(250, 900)) + 40, 0, 255).astype(np.uint8)
    )
    return Lamp(times, float(rng.uniform(0.25, 0.65)), pool, float(rng.uniform(0.75, 1.0)))


@dataclass(frozen=True)
class Flicker:
    """A fire, a tube, coloured lamps to a beat."""

    rate: float
    amount: float
    colored: bool

    def lit(self, frame: Image.Image, time: float) -> Image.Image:
        """Gains of the moment."""
        if self.colored:
            phase = int(time * self.rate) * 2.4
            gains = [1 + self.amount * sin(phase + k * 2.1) for k in range(3)]
        else:
            gains = [1 + self.amount * sin(self.rate * 5 * time) * sin(self.rate * 2.3 * time + 1)] * 3
        return gained(frame, tuple(gains))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Dark:
    """So little light that luma spreads only a few levels: gain and lift are constant."""

    gain: float
    lift: float

    def lit(self, frame: Image.Image, time: float) -> Image.Image:
        """The same at all times."""
        return gained(frame, (self.gain, self.gain, self.gain), self.lift)


@dataclass(frozen=True)
class Focus:
    """A lens that goes out of focus and back, around ``at`` s."""

    at: float
    length: float
    most: float

    def lit(self, frame: Image.Image, time: float) -> Image.Image:
        """Blurred by as much as it is out."""
        share = max(0.0, 1 - abs(time - self.at) / self.length)
        return soft(frame, self.most * share) if share > 0.05 else frame


@dataclass
class Take:
    """One run of a camera at a place."""

    place: Place
    camera: Camera
    things: tuple[Thing, ...] = ()
    lights: tuple[Light, ...] = ()
    vignette: Image.Image | None = None
    blur: float = 0.0  #: of what is behind the things, pixels
    _kept: tuple[View, Image.Image] | None = field(default=None, repr=False)

    def picture(self, time: float) -> Image.Image:
        """Exposed for half a frame where the camera moves fast."""
        here, there = self.camera.at(time), self.camera.at(time + _SHUTTER)
        moved = hypot(there.x - here.x, there.y - here.y) / here.scale + 300 * abs(there.scale / here.scale - 1)
        count = min(_MOST, 1 + int(moved / _BLUR))
        frame = self._instant(time)
        if count > 1:
            total = np.asarray(frame, np.uint16).copy()
            for k in range(1, count):
                total += np.asarray(self._instant(time + _SHUTTER * k / (count - 1)))
            frame = Image.fromarray((total // count).astype(np.uint8))
        for light in self.lights:
            frame = light.lit(frame, time)
        return ImageChops.multiply(frame, self.vignette) if self.vignette else frame

    def _instant(self, time: float) -> Image.Image:
        view = self.camera.at(time)
        still = not any(layer.drift for layer in self.place.layers)
        if still and self._kept and self._kept[0] == view:
            frame = self._kept[1].copy()
        else:
            frame = soft(scenery(self.place, view, time), self.blur)
            self._kept = (view, frame.copy())
        for thing in self.things:
            thing.draw(frame, view, time)
        return frame


def vignette(strength: float) -> Image.Image:
    """What a lens takes away towards the corners."""
    y, x = np.mgrid[-1 : 1 : SIZE[1] * 1j, -1 : 1 : SIZE[0] * 1j]
    share = 1 - strength * (x**2 + y**2) / 2
    return Image.fromarray((np.repeat(share[:, :, None], 3, axis=2) * 255).astype(np.uint8))
