"""Flat pictures: text slides on which points appear, cartoons, and plain cards with a counter."""

from __future__ import annotations

from dataclasses import dataclass
from math import sin

from PIL import Image, ImageDraw, ImageFont

from evals.films.camera import SIZE
from evals.films.textures import Color, Rng, near, turned, vivid

_WORDS = """results of the second quarter show steady growth in every region we serve while costs fall because of
better planning and fewer returns our next step is a shared calendar for all teams measure first then decide what to
keep water light sound signal picture record frame window number table method answer question example"""


@dataclass
class Slide:
    """``lines``: when each appears (s), where, its text and size."""

    base: Image.Image
    lines: list[tuple[float, tuple[float, float], str, int]]
    ink: tuple[int, ...]

    def picture(self, time: float) -> Image.Image:
        """What is there by now, and a pointer that moves at times."""
        frame = self.base.copy()
        draw = ImageDraw.Draw(frame)
        for at, place, text, size in self.lines:
            if time >= at:
                draw.text(place, text, fill=self.ink, font=ImageFont.load_default(size))
        x, y = 320 + 200 * sin(0.5 * max(0.0, time - 1)), 200 + 90 * sin(0.8 * max(0.0, time - 1))
        draw.polygon((x, y, x + 4, y + 15, x + 11, y + 11), fill=(20, 20, 20), outline=(250, 250, 250))
        return frame


@dataclass(frozen=True)
class Template:
    """What all slides of a talk share."""

    paper: Color
    bar: Color
    ink: tuple[int, ...]


def template(rng: Rng) -> Template:
    """Mostly dark on light."""
    light = rng.random() < 0.7
    paper = vivid(rng, (215, 255), 0.12) if light else vivid(rng, (15, 70), 0.8)
    return Template(paper, vivid(rng, (60, 220), 0.9), (30, 30, 40) if light else (235, 235, 225))


def slide(rng: Rng, look: Template) -> Slide:
    """Title and points, or a chart."""
    base = Image.new("RGB", SIZE, _whole(look.paper))
    draw = ImageDraw.Draw(base)
    draw.rectangle((0, 0, SIZE[0], 62), fill=_whole(look.bar))
    lines = [(0.0, (24.0, 16.0), sentence(rng, 3).title(), 30)]
    if rng.random() < 0.4:
        base_line, left = 320, 60.0
        while left < 560:
            tall = rng.uniform(20, 210)
            draw.rectangle((left, base_line - tall, left + 45, base_line), fill=_whole(vivid(rng, (70, 230), 0.9)))
            left += 70
        draw.line((40, base_line, 600, base_line), fill=look.ink, width=3)
        return Slide(base, lines, look.ink)
    if rng.random() < 0.5:
        x, y = rng.uniform(330, 420), rng.uniform(90, 150)
        draw.rectangle((x, y, 610, y + 170), fill=_whole(vivid(rng)))
        draw.ellipse((x + 20, y + 25, x + 120, y + 140), fill=_whole(vivid(rng)))
    at = 0.0
    for row in range(int(rng.integers(2, 7))):
        lines.append((at, (40.0, 85.0 + 42 * row), "• " + sentence(rng, int(rng.integers(3, 8))), 19))
        at += float(rng.choice([0.0, rng.uniform(0.5, 1.5)]))
    return Slide(base, lines, look.ink)


@dataclass
class Cartoon:
    """Areas of one colour with dark outlines; somebody moves, his mouth and arms."""

    base: Image.Image
    body: tuple[int, ...]
    head: tuple[int, ...]
    start: float
    speed: float
    size: float

    def picture(self, time: float) -> Image.Image:
        """Animated on twos, as cartoons are."""
        time = int(time * 12) / 12
        frame = self.base.copy()
        draw = ImageDraw.Draw(frame)
        x, y, s = self.start + self.speed * time, 230 + 8 * sin(6 * time), self.size
        swing = 40 * sin(7 * time) * s
        ink = (20, 16, 20)
        for side in (-1, 1):
            draw.line((x, y + 40 * s, x + side * 30 * s + side * swing * 0.4, y + 95 * s), fill=ink, width=int(14 * s))
            draw.line((x, y - 10 * s, x + side * 45 * s, y + side * swing), fill=self.head, width=int(12 * s))
        draw.ellipse((x - 34 * s, y - 45 * s, x + 34 * s, y + 55 * s), fill=self.body, outline=ink, width=3)
        draw.ellipse((x - 32 * s, y - 105 * s, x + 32 * s, y - 40 * s), fill=self.head, outline=ink, width=3)
        for side in (-1, 1):
            draw.ellipse((x + side * 12 * s - 5, y - 84 * s, x + side * 12 * s + 5, y - 72 * s), fill=ink)
        mouth = 4 + 9 * abs(sin(9 * time))
        draw.ellipse((x - 12 * s, y - 62 * s, x + 12 * s, y - 62 * s + mouth), fill=(150, 30, 40))
        return frame


def cartoon(rng: Rng, hue: float) -> Cartoon:
    """Somewhere in a drawn world."""
    base = Image.new("RGB", SIZE, _whole(turned(hue, rng.uniform(170, 255), rng.uniform(0.1, 0.5))))
    draw = ImageDraw.Draw(base)
    for k in range(int(rng.integers(1, 4))):
        y = 120 + 70 * k
        draw.ellipse(
            (rng.uniform(-400, 100), y, rng.uniform(540, 1000), 600),
            fill=_whole(turned(hue + rng.uniform(1, 4), 230 - 45 * k, 0.6)), outline=(20, 16, 20), width=3,
        )  # fmt: skip
    for _ in range(int(rng.integers(2, 7))):
        x, tall = rng.uniform(0, SIZE[0]), rng.uniform(60, 190)
        color = _whole(vivid(rng, (90, 240), 0.9))
        draw.rectangle((x, 260 - tall, x + rng.uniform(20, 110), 270), fill=color, outline=(20, 16, 20), width=3)
    body, head = _whole(vivid(rng, (90, 250), 0.9)), _whole(near(rng, (240, 200, 160), 12))
    start, size = float(rng.uniform(100, 540)), float(rng.uniform(0.7, 1.9))
    return Cartoon(base, body, head, start, float(rng.uniform(-60, 60)), size)


@dataclass
class Card:
    """One colour; in the middle a number that counts up every ``every`` s, below it words."""

    paper: tuple[int, ...]
    ink: tuple[int, ...]
    first: int
    every: float
    size: int
    words: str

    def picture(self, time: float) -> Image.Image:
        """With the number of that time."""
        frame = Image.new("RGB", SIZE, self.paper)
        draw = ImageDraw.Draw(frame)
        number = str(self.first + int(time / self.every + 1e-6))
        middle = SIZE[0] / 2
        draw.text((middle, 150), number, fill=self.ink, font=ImageFont.load_default(self.size), anchor="mm")
        draw.text((middle, 310), self.words, fill=self.ink, font=ImageFont.load_default(22), anchor="mm")
        return frame


def card(rng: Rng, before: Card | None) -> Card:
    """Often as bright as the one before, in another colour."""
    paper = vivid(rng, (60, 245), 0.95)
    if before is not None and rng.random() < 0.6:
        paper = tuple(part * _light(before.paper) / max(1.0, _light(paper)) for part in paper)
    ink = (255, 255, 255) if _light(paper) < 130 else (10, 10, 10)
    every = float(rng.choice([0.04, 0.1, 0.5, 1.0]))
    return Card(_whole(paper), ink, int(rng.integers(0, 900)), every, int(rng.integers(50, 190)), sentence(rng, 3))


def _light(color: tuple[float, ...]) -> float:
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]


def sentence(rng: Rng, count: int) -> str:
    return " ".join(str(word) for word in rng.choice(_WORDS.split(), count))


def _whole(color: tuple[float, ...]) -> tuple[int, ...]:
    return tuple(int(min(255, max(0, part))) for part in color)
