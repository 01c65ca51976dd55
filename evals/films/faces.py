"""Heads that talk, from near."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sin

from PIL import Image, ImageDraw

from evals.films.camera import SIZE, View, stamp
from evals.films.textures import Color, Rng, near, soft, solid, vivid
from evals.films.things import skin_color


@dataclass(frozen=True)
class Talker:
    """Head and shoulders, at a place of the frame and so large: sways, blinks, speaks."""

    parts: dict[str, Image.Image]
    at: tuple[float, float]
    size: float
    beat: tuple[float, ...]  #: Hz of what it does
    talks: bool = True
    turned: bool = False

    def draw(self, frame: Image.Image, view: View, time: float) -> None:
        """Sums of slow sines are what a head does."""
        x = self.at[0] + self.size * (9 * sin(self.beat[0] * time) + 4 * sin(self.beat[1] * time + 1))
        y = self.at[1] + self.size * 5 * sin(self.beat[2] * time)
        lean = 0.05 * sin(self.beat[1] * time)
        stamp(
            frame, self.parts["body"], (x * 0.3 + self.at[0] * 0.7, self.at[1] + 190 * self.size), self.size, lean / 3
        )
        blink = (time * self.beat[3]) % 3 < 0.16
        open_ = abs(sin(5.3 * time) * sin(2.1 * time + 1)) if self.talks else 0.0
        face = self.parts["head"].copy()
        draw = ImageDraw.Draw(face)
        for left in (62, 118):
            draw.ellipse((left - 12, 92, left + 12, 94 + (2 if blink else 13)), fill=(235, 232, 225, 255))
            if not blink:
                draw.ellipse((left - 5, 93, left + 6, 105), fill=(35, 28, 25, 255))
        draw.ellipse((68, 168 - 9 * open_, 112, 172 + 13 * open_), fill=(95, 30, 32, 255))
        stamp(frame, face, (x, y), self.size, lean, self.turned)


def talker(rng: Rng, skin: Color | None = None, cloth: Color | None = None) -> Talker:
    """Somebody; the like of somebody else where colours are given."""
    skin = near(rng, skin or skin_color(rng), 6)
    cloth = near(rng, cloth or vivid(rng, (30, 200), 0.6), 10)
    head = Image.new("RGBA", (180, 240), (*(int(part) for part in skin), 0))
    shape = solid(rng, (215, 165), skin, "ellipse", 0.12)
    hair = solid(rng, (int(rng.uniform(80, 130)), 178), vivid(rng, (15, 120), 0.6), "rock", 0.5)
    head.paste(shape, (8, 20), shape)
    head.paste(hair, (1, 0), hair)
    ImageDraw.Draw(head).polygon((88, 105, 80, 145, 100, 145), fill=(*(int(0.8 * part) for part in skin), 255))
    body = solid(rng, (260, 420), cloth, "ellipse", 0.3)
    beat = tuple(float(b) for b in rng.uniform(0.5, 2.2, 4))
    return Talker({"head": head, "body": soft(body, 1)}, (SIZE[0] / 2, 165.0), 1.0, beat)


def framed(one: Talker, at: tuple[float, float], size: float, turned: bool, talks: bool = True) -> Talker:
    """The same person elsewhere in the frame."""
    return replace(one, at=at, size=size, turned=turned, talks=talks)
