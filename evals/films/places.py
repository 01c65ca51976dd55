"""Places that films play at: layers of painted, textured scenery, far to near, larger than what a camera sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from evals.films.textures import (
    Color,
    Floats,
    Rng,
    gradient,
    material,
    near,
    noise,
    picture,
    ridge,
    soft,
    solid,
    textured,
    turned,
    vivid,
)

WIDE, HIGH = 1500, 760  #: pixels of a place; a camera sees 640 x 360 of them at scale 1
SIZE = (HIGH, WIDE)


@dataclass(frozen=True)
class Layer:
    """``depth``: how far it moves with the camera, 0 for what is infinitely far, 1 for where the action is."""

    image: Image.Image
    depth: float
    drift: float = 0.0  #: pixels to the right per second


@dataclass(frozen=True)
class Place:
    """``floor``: the row on which things stand."""

    layers: tuple[Layer, ...]
    floor: float
    tones: tuple[Color, ...] = field(default=())


def _masked(body: Floats, mask: Floats) -> Image.Image:
    return picture(np.concatenate([body, np.clip(mask, 0, 1)[:, :, None] * 255], axis=2))


def _below(line: Floats) -> Floats:
    """(height, width) share of each pixel that lies under a line of rows."""
    return np.asarray(np.clip(np.arange(HIGH, dtype=np.float32)[:, None] - line[None, :] + 0.5, 0, 1), np.float32)


def _sky(rng: Rng, hue: float, value: float, cloudy: float) -> Floats:
    top, bottom = turned(hue, value * 0.75, rng.uniform(0.25, 0.6)), turned(hue, value, rng.uniform(0.02, 0.25))
    sky = gradient(SIZE, top, bottom)
    clouds = np.clip(noise(rng, SIZE, (90, 320), 6) * 1.2 + cloudy - 0.5, 0, 1)[:, :, None]
    return np.asarray(sky * (1 - clouds) + clouds * value * 0.95, np.float32)


def landscape(rng: Rng, hues: tuple[float, float], steep: float, water: bool = False) -> Place:
    """Sky, ridges in haze, ground or water, and something near; hue of sky and ground 0..6."""
    value = rng.uniform(150, 245)
    haze = turned(hues[0], value, 0.15)
    sky = _sky(rng, hues[0], value, rng.uniform(0, 0.7))
    horizon = rng.uniform(0.42, 0.58) * HIGH
    for k in range(rng.integers(1, 4)):
        line = horizon - (60 - 15 * k) * steep + ridge(rng, WIDE, 500) * 55 * steep
        share = _below(line)[:, :, None]
        color = np.asarray(near(rng, turned(hues[1], 110, 0.4), 12)) * (0.3 + 0.2 * k) + np.asarray(haze) * (
            0.6 - 0.2 * k
        )
        body = material(rng, SIZE, tuple(color), (60, 130), 0.12)
        sky = sky * (1 - share) + body * share
    cell = (22, 260) if water else (rng.uniform(30, 70), rng.uniform(120, 260))
    color = turned(hues[0], rng.uniform(70, 130), 0.55) if water else turned(hues[1], rng.uniform(80, 170), 0.5)
    ground = material(rng, SIZE, color, cell, 0.28)
    if water:
        glitter = np.clip(noise(rng, SIZE, (6, 30), 3) - 0.45, 0, 1)[:, :, None]
        ground = ground + glitter * 260
    line = horizon + (0 if water else 1) * ridge(rng, WIDE, 400) * 12
    layers = [Layer(picture(sky), 0.25)]
    layers.append(Layer(_masked(ground, _below(line)), 0.8, rng.uniform(-25, 25) if water else 0.0))
    edge = HIGH - rng.uniform(20, 130) + ridge(rng, WIDE, 120, 7, 0.75) * 40
    bushes = material(rng, SIZE, turned(hues[1] + 0.4, rng.uniform(25, 70), 0.6), (12, 12), 0.5)
    layers.append(Layer(_masked(bushes, _below(edge)), 1.5))
    return Place(tuple(layers), horizon + 110, (haze, color))


def town(rng: Rng, tall: float, night: bool) -> Place:
    """Fronts with windows along a road, by day or with lit windows by night."""
    value = rng.uniform(14, 45) if night else rng.uniform(140, 245)
    sky = _sky(rng, rng.uniform(3, 4.3), value, 0.2)
    floor = rng.uniform(0.6, 0.72) * HIGH
    layers = [Layer(picture(sky), 0.15)]
    for depth, dim in ((0.5, 0.6), (1.0, 1.0)):
        flat, mask = Image.new("RGB", (WIDE, HIGH)), Image.new("L", (WIDE, HIGH))
        draw, over = ImageDraw.Draw(flat), ImageDraw.Draw(mask)
        x = -rng.integers(0, 60)
        while x < WIDE:
            width = int(rng.uniform(70, 240))
            top = floor - rng.uniform(0.4, 1.0) * tall * (1.3 - 0.4 * depth)
            wall = vivid(rng, (20, 50) if night else (80, 215), 0.35)
            wall = tuple(part * dim + value * (1 - dim) * 0.6 for part in wall)  # type: ignore[assignment]
            draw.rectangle((x, top, x + width, HIGH), fill=_whole(wall))
            over.rectangle((x, top, x + width, HIGH), fill=255)
            _windows(rng, draw, (x, top, x + width, floor), night)
            x += width + int(rng.choice([0, 0, 25]))
        if depth == 1.0:
            road = vivid(rng, (18, 40) if night else (70, 140), 0.12)
            draw.rectangle((0, floor - 6, WIDE, HIGH), fill=_whole(near(rng, road, 12)))
            draw.rectangle((0, floor + 25, WIDE, HIGH), fill=_whole(road))
            over.rectangle((0, floor - 6, WIDE, HIGH), fill=255)
            for left in range(0, WIDE, 130):
                draw.rectangle((left, floor + 95, left + 65, floor + 103), fill=_whole(tuple(p * 1.5 for p in road)))
        image = textured(flat, noise(rng, SIZE, (160, 200), 7, 0.7), 0.25)
        image.putalpha(mask)
        layers.append(Layer(image, depth))
    return Place(tuple(layers), floor + 45, (wall, road))


def _windows(rng: Rng, draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], night: bool) -> None:
    left, top, right, bottom = box
    across, down = rng.uniform(18, 42), rng.uniform(26, 48)
    dark = vivid(rng, (12, 22) if night else (40, 110), 0.3)
    for y in np.arange(top + 12, bottom - down, down):
        for x in np.arange(left + 8, right - across * 0.8, across):
            lit = night and rng.random() < 0.35
            color = turned(rng.uniform(0.5, 1.1), rng.uniform(150, 250), 0.5) if lit else near(rng, dark, 8)
            draw.rectangle((x, y, x + across * 0.55, y + down * 0.55), fill=_whole(color))


def interior(rng: Rng, hue: float, busy: float) -> Place:
    """A wall with what hangs and stands there, and a floor."""
    wall = turned(hue, rng.uniform(90, 215), rng.uniform(0.08, 0.4))
    floor = rng.uniform(0.68, 0.8) * HIGH
    flat = Image.new("RGB", (WIDE, HIGH), _whole(wall))
    draw = ImageDraw.Draw(flat)
    draw.rectangle((0, floor, WIDE, HIGH), fill=_whole(turned(rng.uniform(0.2, 0.9), rng.uniform(60, 150), 0.4)))
    draw.rectangle((0, floor - 12, WIDE, floor), fill=_whole(near(rng, tuple(0.7 * p for p in wall), 6)))
    x = rng.uniform(0, 120)
    while x < WIDE - 150:
        width = rng.uniform(110, 280)
        kind = rng.choice(["window", "shelf", "frame", "door", "sofa", "nothing"])
        _furnish(rng, draw, kind, (x, floor, width), busy)
        x += width + rng.uniform(20, 120)
    light = noise(rng, SIZE, (900, 1100), 2) * 0.35 + noise(rng, SIZE, (60, 60), 6, 0.75) * 0.10
    near_mask, near_flat = Image.new("L", (WIDE, HIGH)), Image.new("RGB", (WIDE, HIGH), _whole(vivid(rng, (20, 90))))
    at = rng.uniform(0.1, 0.9) * WIDE
    ImageDraw.Draw(near_mask).rounded_rectangle((at, floor - 20, at + rng.uniform(150, 420), HIGH + 50), 40, fill=255)
    fore = textured(near_flat, noise(rng, SIZE, (80, 80), 5), 0.25)
    fore.putalpha(soft(near_mask, 3))
    return Place((Layer(textured(flat, light, 1.0), 0.9), Layer(fore, 1.5)), floor + 30, (wall,))


def _furnish(rng: Rng, draw: ImageDraw.ImageDraw, kind: str, at: tuple[float, float, float], busy: float) -> None:
    x, floor, width = at
    top = floor - rng.uniform(250, 420)
    if kind == "window":
        draw.rectangle(
            (x, top, x + width, top + 230), fill=_whole(turned(rng.uniform(3, 4), rng.uniform(190, 250), 0.1))
        )
        for bar in np.linspace(x, x + width, 4):
            draw.rectangle((bar - 5, top, bar + 5, top + 230), fill=_whole(vivid(rng, (60, 230), 0.1)))
    elif kind == "shelf":
        wood = turned(rng.uniform(0.2, 0.8), rng.uniform(40, 120), 0.55)
        draw.rectangle((x, top, x + width, floor), fill=_whole(wood))
        for row in np.arange(top + 10, floor - 50, 75):
            book = x + 8.0
            while book < x + width - 25:
                thick = rng.uniform(8, 24)
                if rng.random() < busy:
                    tall = rng.uniform(35, 62)
                    draw.rectangle(
                        (book, row + 65 - tall, book + thick - 1, row + 65), fill=_whole(vivid(rng, (50, 220), 0.7))
                    )
                book += thick
    elif kind == "frame":
        draw.rectangle((x, top + 40, x + width * 0.8, top + 170), fill=_whole(vivid(rng, (20, 120), 0.4)))
        draw.rectangle((x + 10, top + 50, x + width * 0.8 - 10, top + 160), fill=_whole(vivid(rng)))
        draw.ellipse((x + 25, top + 75, x + width * 0.5, top + 150), fill=_whole(vivid(rng)))
    elif kind == "door":
        draw.rectangle((x, floor - 380, x + 130, floor), fill=_whole(vivid(rng, (60, 200), 0.4)))
        draw.ellipse((x + 105, floor - 190, x + 118, floor - 177), fill=(210, 190, 120))
    elif kind == "sofa":
        color = vivid(rng, (50, 180), 0.6)
        draw.rounded_rectangle((x, floor - 150, x + width, floor + 25), 30, fill=_whole(color))
        draw.rounded_rectangle((x, floor - 70, x + width, floor + 30), 20, fill=_whole(tuple(0.8 * p for p in color)))


def plants(rng: Rng, hue: float, trunks: int, flowers: int) -> Place:
    """Foliage in patches of light, trunks, blossoms."""
    back = material(rng, SIZE, turned(hue, rng.uniform(60, 140), 0.6), (70, 70), 0.55)
    gaps = np.clip(noise(rng, SIZE, (50, 50), 5) - 0.35, 0, 1)[:, :, None]
    back = back * (1 - gaps) + gaps * np.asarray(turned(1.2, 245, 0.15), np.float32)
    floor = rng.uniform(0.66, 0.8) * HIGH
    under = _below(floor + ridge(rng, WIDE, 200) * 20)[:, :, None]
    back = back * (1 - under) + material(rng, SIZE, turned(rng.uniform(0.5, 1.8), 80, 0.5), (20, 60), 0.4) * under
    layers = [Layer(picture(back), 0.5)]
    for depth, count in ((0.9, trunks), (1.5, trunks // 3)):
        mask = Image.new("L", (WIDE, HIGH))
        draw = ImageDraw.Draw(mask)
        for _ in range(count):
            x, thick, lean = rng.uniform(0, WIDE), rng.uniform(8, 34) * depth, rng.uniform(-60, 60)
            foot = floor + 90 * depth
            draw.polygon((x, foot, x + lean, -5, x + lean + thick * 0.7, -5, x + thick, foot), fill=255)
        for _ in range(flowers):
            x, y, r = rng.uniform(0, WIDE), rng.uniform(0.35 * HIGH, HIGH), rng.uniform(5, 17) * depth
            draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
        color = vivid(rng, (130, 240), 0.8) if flowers else turned(rng.uniform(0.3, 0.9), rng.uniform(25, 90), 0.4)
        bark = picture(material(rng, SIZE, color, (60, 8), 0.4))
        bark.putalpha(soft(mask, 1))
        layers.append(Layer(bark, depth))
    return Place(tuple(layers), floor + 60, (turned(hue, 90, 0.6),))


def still_life(rng: Rng, forms: tuple[str, ...], count: int) -> Place:
    """Things on a table or cloth, seen from near."""
    base = picture(material(rng, SIZE, vivid(rng, (70, 200), 0.5), (30, 420), 0.25))
    for _ in range(count):
        size = int(rng.uniform(60, 260))
        thing = solid(
            rng, (int(size * rng.uniform(0.6, 1.2)), size), vivid(rng, (50, 235), 0.8), str(rng.choice(forms))
        )
        x, y = int(rng.uniform(-80, WIDE)), int(rng.uniform(-60, HIGH))
        shade = Image.new("RGBA", thing.size, (0, 0, 0, 0))
        shade.putalpha(thing.getchannel("A").point(lambda level: level * 0.45))
        base.paste(shade, (x + 14, y + 18), shade)
        base.paste(thing, (x, y), thing)
    return Place((Layer(base, 1.0),), HIGH * 0.6, (vivid(rng),))


def arena(rng: Rng, hue: float) -> Place:
    """A crowd over a striped field."""
    floor = rng.uniform(0.42, 0.52) * HIGH
    people = rng.uniform(0.25, 1, (HIGH // 9, WIDE // 9, 3)) * np.asarray(vivid(rng, (130, 240), 0.4))
    crowd = Image.fromarray(people.astype(np.uint8)).resize((WIDE, HIGH), Image.Resampling.BICUBIC)
    field = material(rng, SIZE, turned(hue, rng.uniform(100, 170), 0.6), (14, 60), 0.12)
    stripes = ((np.arange(WIDE) // int(rng.uniform(70, 150))) % 2).astype(np.float32)[None, :, None]
    field = field * (0.88 + 0.2 * stripes)
    image = picture(field)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, floor, WIDE, floor + 26), fill=_whole(vivid(rng, (80, 230), 0.8)))
    for x in np.arange(0, WIDE, 190):
        draw.line((x, floor + 26, x + (x - WIDE / 2) * 0.6, HIGH), fill=(235, 235, 235), width=5)
    image.paste(crowd, (0, 0), Image.fromarray(((1 - _below(np.full(WIDE, floor, np.float32))) * 255).astype(np.uint8)))
    return Place((Layer(image, 0.9),), floor + 130, (turned(hue, 130, 0.6),))


def _whole(color: tuple[float, ...]) -> tuple[int, int, int]:
    return tuple(int(min(255, max(0, part))) for part in color)  # type: ignore[return-value]


Maker = Callable[[Rng], Place]
#: The two sets share painters, but no place: colours, proportions and contents differ.
PLACES: dict[str, dict[str, Maker]] = {
    "tune": {
        "hills": lambda rng: landscape(rng, (rng.uniform(3.2, 3.6), rng.uniform(1.4, 2)), 0.7),
        "coast": lambda rng: landscape(rng, (rng.uniform(3.1, 3.5), rng.uniform(0.7, 1.2)), 0.5, water=True),
        "street": lambda rng: town(rng, 330, night=False),
        "street at night": lambda rng: town(rng, 300, night=True),
        "living room": lambda rng: interior(rng, rng.uniform(0.3, 1.2), 0.9),
        "wood": lambda rng: plants(rng, rng.uniform(1.3, 1.9), 16, 0),
        "table": lambda rng: still_life(rng, ("ellipse", "capsule"), 34),
        "stadium": lambda rng: arena(rng, rng.uniform(1.6, 2.1)),
    },
    "report": {
        "mountains": lambda rng: landscape(rng, (rng.uniform(3.6, 4.1), rng.uniform(3.2, 4)), 1.7),
        "desert at dusk": lambda rng: landscape(rng, (rng.uniform(0.1, 0.6), rng.uniform(0.3, 0.7)), 0.4),
        "lake": lambda rng: landscape(rng, (rng.uniform(2.8, 3.2), rng.uniform(1.8, 2.4)), 1.2, water=True),
        "towers": lambda rng: town(rng, 520, night=False),
        "towers at night": lambda rng: town(rng, 480, night=True),
        "office": lambda rng: interior(rng, rng.uniform(2.8, 4), 0.5),
        "garden": lambda rng: plants(rng, rng.uniform(1.7, 2.3), 6, 60),
        "market": lambda rng: still_life(rng, ("rock", "box", "ellipse"), 55),
        "hall": lambda rng: arena(rng, rng.uniform(0.3, 0.8)),
    },
}
