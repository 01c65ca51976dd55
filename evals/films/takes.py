"""Shots by chance: which place, which camera, who is there, and in what light."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import log

import numpy as np
from PIL import Image

from evals.films.camera import SIZE, Camera, View, Whip, stamp, tremor
from evals.films.faces import Talker, framed, talker
from evals.films.places import HIGH, PLACES, WIDE, Place
from evals.films.shots import Dark, Dimmer, Flicker, Focus, Light, Shot, Take, lamp, vignette
from evals.films.slides import Card, Template, card, cartoon, slide, template
from evals.films.styles import Style
from evals.films.textures import Rng, noise, picture
from evals.films.things import Glider, Thing, Walker, ball, passer, vehicle, walker, weather


@dataclass
class Stage:
    """What the shots of a film have in common, and what the last one was."""

    set: str
    style: Style
    rng: Rng
    place: Place | None = None
    talkers: list[Talker] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    said: int = -1
    slides: Template | None = None
    card: Card | None = None
    hue: float = 0.0

    def shot(self, seconds: float) -> Shot:
        """The next one."""
        kind = chosen(self.rng, self.style.takes)
        if kind == "slide":
            if self.slides is None or self.rng.random() < 0.15:
                self.slides = template(self.rng)
            return slide(self.rng, self.slides)
        if kind == "card":
            self.card = card(self.rng, self.card)
            return self.card
        if kind == "cartoon":
            if self.rng.random() > self.style.again:
                self.hue = float(self.rng.uniform(0, 6))
            return cartoon(self.rng, self.hue)
        take = self._talk() if kind == "talk" else self._take(kind, seconds)
        if self.style.spread:
            take = darkened(take, self.rng, self.style.spread)
        return take

    def _take(self, kind: str, seconds: float) -> Take:
        rng = self.rng
        if self.place is None or rng.random() > self.style.again:
            makers = PLACES[self.set]
            self.place = makers[str(rng.choice(list(makers)))](rng)
        things = self._things(kind, seconds)
        camera = self._camera(chosen(rng, self.style.cameras), things, seconds)
        lights = self._lights(seconds) if kind == "lights" else ()
        lens = vignette(float(rng.uniform(0.1, 0.5))) if rng.random() < 0.5 else None
        return Take(self.place, camera, things, lights, lens)

    def _things(self, kind: str, seconds: float) -> tuple[Thing, ...]:
        rng, place = self.rng, self.place
        assert place is not None
        things: list[Thing] = []
        hurried = kind == "action"
        for _ in range(int(rng.integers(1 + 2 * hurried, 4 + 2 * hurried))):
            make = rng.choice(3, p=[0.55, 0.3, 0.15])
            things.append((walker(rng, place, hurried), vehicle(rng, place), ball(rng, place))[make])
        if rng.random() < 0.12:
            things.append(weather(rng))
        for _ in range(int(rng.poisson(0.9 * seconds)) if hurried else int(rng.random() < 0.12)):
            things.append(passer(rng, float(rng.uniform(0, max(0.3, seconds - 0.5)))))
        if hurried and rng.random() < 0.25:
            things.append(_blast(rng, float(rng.uniform(0.4, max(0.6, seconds - 1)))))
        return tuple(things)

    def _camera(self, kind: str, things: tuple[Thing, ...], seconds: float) -> Camera:
        rng = self.rng
        scale = float(np.exp(rng.uniform(log(0.45), log(1.5))))
        start = View(float(rng.uniform(0.25, 0.75) * WIDE), float(rng.uniform(0.4, 0.68) * HIGH), scale)
        camera = Camera(start)
        if kind in ("hand", "shaky", "whip", "crash"):
            shake = rng.uniform(8, 22) if kind == "shaky" else rng.uniform(2, 7)
            camera = replace(camera, shake=float(shake), tremor=tremor(rng))
        if kind == "shaky" and rng.random() < 0.6:
            camera = replace(camera, pan=(float(rng.normal(0, 60)), 0.0), zoom=float(np.exp(rng.normal(0, 0.12))))
        if kind == "pan":
            speed = float(rng.choice([-1, 1]) * rng.uniform(25, 170))
            x = WIDE / 2 - speed * seconds / 2
            camera = replace(camera, start=replace(start, x=x), pan=(speed, float(rng.normal(0, 8))))
        if kind == "tilt":
            speed = float(rng.choice([-1, 1]) * rng.uniform(10, 90))
            y = HIGH / 2 - speed * seconds / 2
            camera = replace(camera, start=replace(start, y=y), pan=(float(rng.normal(0, 15)), speed))
        if kind == "zoom":
            camera = replace(camera, zoom=float(np.exp(rng.choice([-1, 1]) * rng.uniform(0.04, 0.25))))
        if kind in ("whip", "crash"):
            camera = replace(camera, whips=tuple(self._whips(kind, seconds)))
        leader = next((one for one in things if isinstance(one, Walker | Glider)), None)
        if kind == "track" and leader is not None:
            moving = isinstance(leader, Walker)
            x, speed = (
                (leader.foot[0], leader.speed) if isinstance(leader, Walker) else (leader.start[0], leader.speed[0])
            )
            start = replace(start, x=x, y=HIGH * 0.55 if moving else start.y)
            camera = replace(camera, start=start, pan=(speed, 0.0), shake=2.0, tremor=tremor(rng))
        return camera

    def _whips(self, kind: str, seconds: float) -> list[Whip]:
        rng, whips, at = self.rng, [], float(self.rng.uniform(0.0, 1.2))
        while at < seconds - 0.15:
            if kind == "whip":
                move = float(rng.choice([-1, 1]) * rng.uniform(250, 900))
                whips.append(Whip(at, float(rng.uniform(0.12, 0.6)), move, float(rng.normal(0, 60))))
            else:
                factor = float(np.exp(rng.choice([-1, 1]) * rng.uniform(0.5, 1.1)))
                whips.append(Whip(at, float(rng.uniform(0.12, 0.8)), zoom=factor))
            at += float(rng.uniform(0.7, 2.5))
        return whips

    def _lights(self, seconds: float) -> tuple[Light, ...]:
        rng = self.rng
        kind = rng.integers(5)
        at = float(rng.uniform(0.5, max(0.6, seconds - 1)))
        if kind == 0:
            gain = float(rng.choice([rng.uniform(0.3, 0.6), rng.uniform(1.4, 1.9)]))
            tint = rng.uniform(0.85, 1.15, 3)
            return (Dimmer(at * 0.5, float(rng.uniform(0.4, 4)), tuple(float(gain * one) for one in tint)),)  # type: ignore[arg-type]
        if kind in (1, 2):
            times = [at, *(at + np.cumsum(rng.uniform(0.5, 2.0, int(rng.integers(0, 3)))))]
            return (lamp(rng, tuple(float(one) for one in times)),)
        if kind == 3:
            return (Flicker(float(rng.uniform(1.0, 3.5)), float(rng.uniform(0.08, 0.4)), bool(rng.random() < 0.5)),)
        return (Focus(at, float(rng.uniform(0.3, 1.2)), float(rng.uniform(4, 14))),)

    def _talk(self) -> Take:
        rng = self.rng
        if not self.talkers or rng.random() < 0.08:
            makers = PLACES[self.set]
            inside = {"tune": "living room", "report": "office"}[self.set]
            self.place = makers[inside if rng.random() < 0.75 else str(rng.choice(list(makers)))](rng)
            first = talker(rng)
            body = first.parts["body"].getpixel((210, 60))
            skin = first.parts["head"].getpixel((60, 150))
            assert isinstance(body, tuple) and isinstance(skin, tuple)
            self.talkers = [first, talker(rng, skin[:3], body[:3])]  # type: ignore[arg-type]
            shift = float(rng.uniform(200, 420))
            low = float(rng.uniform(0.4, 0.5) * HIGH)
            self.views = [View(WIDE / 2 + side * shift / 2, low, 0.62) for side in (-1, 1)]
            self.said = -1
        assert self.place is not None
        self.said = 1 - self.said if self.said in (0, 1) else int(rng.integers(2))
        camera = Camera(self.views[self.said])
        if chosen(rng, self.style.cameras) == "hand":
            camera = replace(camera, shake=2.0, tremor=tremor(rng))
        if rng.random() < 0.18:
            both = [framed(one, (190.0 + 260 * k, 190.0), 0.62, bool(k)) for k, one in enumerate(self.talkers)]
            self.said = 2
            return Take(self.place, replace(camera, start=View(WIDE / 2, self.views[0].y, 1.0)), tuple(both), blur=1)
        size = float(rng.choice([0.85, 0.85, 1.15]))
        at = (300.0 + 70 * (self.said * 2 - 1), 160.0 + 30 * (size - 0.85))
        who = framed(self.talkers[self.said], at, size, bool(self.said))
        things: list[Thing] = [who]
        if rng.random() < 0.4:  # over the other's shoulder
            side = 560.0 if self.said == 0 else 80.0
            things.append(framed(self.talkers[1 - self.said], (side, 260.0), 1.1, True, talks=False))
        return Take(self.place, camera, tuple(things), blur=3)


@dataclass(frozen=True)
class Blast:
    """A ball of fire that grows and fades, from ``at`` s on."""

    sprite: Image.Image
    at: float
    place: tuple[float, float]

    def draw(self, frame: Image.Image, view: View, time: float) -> None:
        """White at first, then larger and fainter."""
        since = time - self.at
        if not 0 <= since < 1.2:
            return
        if since < 0.08:
            frame.paste((255, 250, 235), (0, 0, *SIZE))
            return
        faint = self.sprite.copy()
        alpha = faint.getchannel("A").point(lambda level: level * max(0.0, 1 - since / 1.2))
        faint.putalpha(alpha)
        stamp(frame, faint, view.project(*self.place), (0.8 + 2.2 * since**0.5) / view.scale, since)


def _blast(rng: Rng, at: float) -> Blast:
    size = (220, 220)
    y, x = np.mgrid[-1:1:220j, -1:1:220j]
    body = np.clip(1.4 - np.hypot(x, y) * 1.5 + 0.5 * noise(rng, size, (60, 60), 5), 0, 1)
    fire = np.stack([255 * body**0.4, 220 * body**1.1, 120 * body**2.5, 255 * np.minimum(1, body * 2)], axis=2)
    return Blast(picture(fire.astype(np.float32)), at, (float(rng.uniform(500, 1000)), HIGH * 0.55))


def darkened(take: Take, rng: Rng, spread: tuple[float, float]) -> Take:
    """The same with so little light that luma has a standard deviation within that span of levels."""
    luma = np.asarray(take.picture(0.0).convert("L"), np.float64)
    gain = rng.uniform(*spread) / max(luma.std(), 1.0)
    return replace(take, lights=(*take.lights, Dark(float(gain), float(rng.uniform(2, 14)))))


def chosen(rng: Rng, weights: dict[str, float]) -> str:
    """A name by its weight."""
    shares = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=shares / shares.sum()))
