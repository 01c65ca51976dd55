"""Which films there are: ``tune`` to develop and fit on, ``report`` to be judged by. Other seeds, places and proportions."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from evals.films.camera import SIZE
from evals.films.edit import Film, Flash, Join, Title
from evals.films.shots import Shot, Take
from evals.films.slides import sentence
from evals.films.styles import STYLES, Style
from evals.films.takes import Blast, Stage, chosen
from evals.films.textures import Rng
from evals.films.write import write

CACHE = Path(__file__).parents[1] / ".cache" / "films"
SEEDS = {"tune": 2100, "report": 9500}
ROUNDS = {"tune": 3, "report": 1}  #: films of each style
_RATES = {"tune": (24.0, 25.0, 30.0), "report": (24000 / 1001, 25.0, 30000 / 1001)}
_WIPES = {
    "tune": ("left", "right", "iris out", "clock"),
    "report": ("left", "right", "iris out", "iris in", "clock", "diagonal", "down", "barn doors"),
}
_LEAST = 7.0  #: levels between neighbouring shots; in dark films a share of their spread
_TRIES = 12


@dataclass(frozen=True)
class Plan:
    """One film to render."""

    set: str
    style: Style
    seed: int
    round: int = 0

    @property
    def file(self) -> str:
        """Its file's name."""
        name = self.style.name.replace(",", "").replace(" ", "-") + (f"-{self.round + 1}" if self.round else "")
        return name + (".mkv" if self.style.irregular else ".mp4")


def plans(name: str) -> list[Plan]:
    """The films of a set; always the same."""
    return [
        Plan(name, style, SEEDS[name] + 100 * again + k, again)
        for again in range(ROUNDS[name])
        for k, style in enumerate(STYLES)
    ]


def rendered(name: str, jobs: int = 2) -> list[Path]:
    """Files of the set, made where they are not there yet; the truth lies beside each as JSON."""
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    todo = [(plan, folder / plan.file) for plan in plans(name)]
    missing = [(plan, path) for plan, path in todo if not (path.exists() and path.with_suffix(".json").exists())]
    with ProcessPoolExecutor(jobs) as pool:
        list(pool.map(_render, missing))
    return [path for _, path in todo]


def _render(todo: tuple[Plan, Path]) -> None:
    plan, path = todo
    write(make(plan), path)


def make(plan: Plan, seconds: float | None = None) -> Film:
    """The film, as long as its style says or so many seconds, at least; pictures come as they are asked for."""
    rng, style = np.random.default_rng(plan.seed), plan.style
    seconds = style.seconds if seconds is None else seconds
    rate = float(rng.choice(_RATES[plan.set]))
    stage = Stage(plan.set, style, rng)
    shots: list[tuple[Shot, int]] = []
    joins: list[Join] = []
    total = 0
    while total < seconds * rate:
        lasts = float(rng.uniform(*style.shots))
        count = max(round(0.7 * rate) if style.shots[0] < 1 else 15, round(lasts * rate))
        if shots:
            joins.append(join(rng, plan.set, style))
            total += joins[-1].frames
        shots.append((_following(stage, lasts, shots, rate), count))
        total += count
    film = Film(shots, joins, _times(rng, total, rate, style.irregular), seed=plan.seed)
    film.blasts = _blasts(film)
    _finish(film, rng, style)
    return film


def join(rng: Rng, name: str, style: Style) -> Join:
    """A transition by chance."""
    kind = chosen(rng, style.joins)
    length = int(np.exp(rng.uniform(*np.log(style.gradual))))
    if kind == "cut":
        return Join("cut")
    if kind == "black":
        return Join("fade", hold=int(rng.integers(3, 25)))
    if kind == "fade":
        level = 0 if rng.random() < 0.7 else 255
        after = int(np.exp(rng.uniform(*np.log(style.gradual)))) * (rng.random() < 0.85)
        hold = int(rng.integers(1, 40)) if rng.random() < 0.6 or not after else 1
        return Join("fade", length, hold, after, level, bool(rng.random() < 0.3))
    if kind == "wipe":
        wipe, edge = str(rng.choice(_WIPES[name])), float(rng.choice([0.005, 0.03, 0.15]))
        return Join("wipe", length, wipe=wipe, edge=edge, smooth=bool(rng.random() < 0.3))
    return Join("dissolve", length, smooth=bool(rng.random() < 0.3))


def _following(stage: Stage, lasts: float, shots: list[tuple[Shot, int]], rate: float) -> Shot:
    """A shot whose first picture is not the last one of the shot before."""
    before = _small(shots[-1][0].picture(shots[-1][1] / rate)) if shots else None
    for _ in range(_TRIES):
        shot = stage.shot(lasts)
        if before is None:
            break
        least = _LEAST if stage.style.spread is None else 0.6 * float(before[:, :, 0].std())
        if np.abs(_small(shot.picture(0.0)) - before).mean() * 3 > least:
            break
    return shot


def _small(picture: Image.Image) -> NDArray[np.float32]:
    return np.asarray(picture.convert("YCbCr").resize((32, 18), Image.Resampling.BOX), np.float32)


def _times(rng: Rng, count: int, rate: float, irregular: bool) -> NDArray[np.float64]:
    """When frames are shown: evenly, or as a telephone in poor light records, with gaps."""
    if not irregular:
        return np.asarray(np.arange(count) / rate)
    steps = 1 / rate * (1 + rng.normal(0, 0.08, count).clip(-0.3, 0.3))
    steps += (rng.random(count) < 0.04) * rng.integers(1, 6, count) / rate
    slow = np.repeat(rng.random(count // 60 + 1) < 0.25, 60)[:count]
    return np.concatenate([[0.0], np.cumsum(steps * np.where(slow, 1.8, 1.0))[:-1]])


def _blasts(film: Film) -> list[int]:
    """First frames of what explodes while only its own shot is seen."""
    found = []
    for (shot, _), (began, first, after) in zip(film.shots, film.runs(), strict=True):
        for thing in shot.things if isinstance(shot, Take) else ():
            if isinstance(thing, Blast):
                frame = began + int(np.searchsorted(film.times[began:after] - film.times[began], thing.at))
                found += [frame] if first <= frame < after else []
    return found


def _finish(film: Film, rng: Rng, style: Style) -> None:
    """Flashes, blackouts, look, encoder."""
    seconds = len(film.times) / 25
    for at in _free(film, rng, int(rng.poisson(style.flashes * seconds)), 12):
        film.flashes.append(_flash(rng, at))
    for at in _free(film, rng, int(rng.poisson(style.blackouts * seconds)), 20):
        film.blackouts.append((at, int(rng.integers(1, 6))))
    for _, first, after in film.runs():
        if rng.random() < style.titles and after - first > 40:
            film.titles.append(_title(rng, first, after))
    film.grain = float(rng.uniform(*style.grain))
    film.gains = tuple(float(one) for one in rng.uniform(0.88, 1.08, 3))  # type: ignore[assignment]
    film.lift = float(rng.uniform(0, 10)) if style.spread is None else 0.0
    film.encoder = {"crf": str(rng.integers(style.crf[0], style.crf[1] + 1))}
    if style.bars:
        film.bars = (46, 0)
    if style.fields:
        film.fields, film.bars = True, (0, 80)
        film.encoder, film.bit_rate = {}, int(rng.uniform(220_000, 380_000))


def _free(film: Film, rng: Rng, count: int, apart: int) -> list[int]:
    """Frames within shots, so far from transitions and from one another."""
    taken = [(0, apart)] + [(one["start"], one["end"]) for one in film.truth()["transitions"]]
    taken.append((len(film.times) - apart, len(film.times)))
    found: list[int] = []
    for at in rng.integers(0, len(film.times), count * 3).tolist():
        if len(found) < count and all(at < low - apart or at > high + apart for low, high in taken):
            found.append(at)
            taken.append((at, at + 10))
    return sorted(found)


def _title(rng: Rng, first: int, after: int) -> Title:
    """Somewhere in the shot, large or small; it appears at once or slowly, and may be there from its beginning."""
    begins = first if rng.random() < 0.2 else int(rng.integers(first + 6, after - 25))
    ends = after if rng.random() < 0.2 else int(rng.integers(begins + 12, after - 5))
    slope = int(rng.integers(6, 40)) if rng.random() < 0.75 else 0
    mask = Image.new("L", SIZE)
    draw = ImageDraw.Draw(mask)
    size = int(rng.integers(24, 110))
    place = float(rng.uniform(0.03, 0.3)) * SIZE[0], float(rng.uniform(0.05, 0.6)) * SIZE[1]
    words = "\n".join(sentence(rng, int(rng.integers(1, 3))).title() for _ in range(int(rng.integers(1, 4))))
    draw.multiline_text(place, words, fill=255, font=ImageFont.load_default(size))
    ink = (255, 255, 255) if rng.random() < 0.6 else tuple(int(one) for one in rng.integers(0, 256, 3))
    return Title(begins, ends - begins, min(slope, (ends - begins) // 2), mask, ink)  # type: ignore[arg-type]


def _flash(rng: Rng, at: int) -> Flash:
    kind = rng.integers(4)
    if kind == 0:  # of a camera
        return Flash(at, tuple(float(one) for one in (rng.uniform(0.5, 1), 0.5, 0.2, 0.07)[: rng.integers(1, 5)]))
    if kind == 1:  # lightning
        pulses = rng.random(int(rng.integers(2, 9))) ** 2 * rng.uniform(0.3, 0.9)
        pulses[0] = max(pulses[0], 0.4)
        return Flash(at, tuple(float(one) for one in pulses), (0.85, 0.95, 1.2))
    if kind == 2:  # white for one to three frames
        return Flash(at, (1.0, 1.0, 1.0)[: rng.integers(1, 4)])
    fall = np.exp(-np.arange(16) / rng.uniform(2, 5))  # an explosion off screen
    return Flash(at, tuple(float(one) for one in fall), (1.2, 1.0, 0.75))
