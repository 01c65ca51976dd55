"""How shots follow one another: cuts, dissolves, wipes, fades; and what happens to pictures without being any of these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evals.films.camera import SIZE
from evals.films.shots import Shot, gained

_Y, _X = np.mgrid[0 : 1 : SIZE[1] * 1j, 0 : 1 : SIZE[0] * 1j].astype(np.float32)
#: When a wipe reaches each pixel, as a share of its time.
WIPES = {
    "right": _X,
    "left": 1 - _X,
    "down": _Y,
    "diagonal": (_X + _Y) / 2,
    "iris out": np.hypot(_X - 0.5, (_Y - 0.5) * 0.5625) / 0.574,
    "iris in": 1 - np.hypot(_X - 0.5, (_Y - 0.5) * 0.5625) / 0.574,
    "clock": (np.arctan2(_X - 0.5, 0.5 - _Y) / (2 * np.pi)) % 1,
    "barn doors": np.abs(_X - 0.5) * 2,
}


@dataclass(frozen=True)
class Join:
    """Between two shots: ``length`` mixed frames; a fade has so many out, ``hold`` of one colour, ``after`` in."""

    kind: str  #: "cut", "dissolve", "wipe" or "fade"
    length: int = 0
    hold: int = 0
    after: int = 0
    level: int = 0  #: of the colour that a fade leads through
    smooth: bool = False  #: slow at both ends
    wipe: str = ""
    edge: float = 0.01  #: width of a wipe's edge, share of its way

    @property
    def frames(self) -> int:
        """How many frames belong to it."""
        return self.length + self.hold + self.after

    def share(self, k: int, length: int) -> float:
        """Of the new picture in mixed frame k."""
        along = (k + 1) / (length + 1)
        return along * along * (3 - 2 * along) if self.smooth else along

    def mixed(self, k: int, old: Image.Image, new: Image.Image) -> Image.Image:
        """Frame k of a dissolve or wipe."""
        share = self.share(k, self.length)
        if self.kind == "dissolve":
            return Image.blend(old, new, share)
        reached = np.clip((share * (1 + self.edge) - WIPES[self.wipe]) / self.edge, 0, 1)
        return Image.composite(new, old, Image.fromarray((reached * 255).astype(np.uint8)))


@dataclass(frozen=True)
class Flash:
    """Light over the whole picture for a few frames; no transition."""

    frame: int
    strengths: tuple[float, ...]  #: 0 .. 1, frame by frame
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Title:
    """Words over a shot that goes on; no transition."""

    first: int
    frames: int
    slope: int  #: frames in which it appears, and goes
    words: Image.Image  #: as a mask over the whole picture
    ink: tuple[int, int, int]

    def over(self, frame: Image.Image, number: int) -> Image.Image:
        """The frame with what is to be read in it then."""
        k = number - self.first
        if not 0 <= k < self.frames:
            return frame
        share = min(1.0, (k + 1) / (self.slope + 1), (self.frames - k) / (self.slope + 1))
        return Image.composite(
            Image.new("RGB", SIZE, self.ink), frame, self.words.point(lambda value: round(share * value))
        )


@dataclass
class Film:
    """Shots with the frames that each has to itself, and the joins between them."""

    shots: list[tuple[Shot, int]]
    joins: list[Join]
    times: NDArray[np.float64]  #: s, of all frames
    flashes: list[Flash] = field(default_factory=list)
    blasts: list[int] = field(default_factory=list)  #: frames in which something explodes within a shot
    blackouts: list[tuple[int, int]] = field(default_factory=list)  #: first frame, how many: no transition
    titles: list[Title] = field(default_factory=list)
    grain: float = 1.0  #: levels
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    lift: float = 0.0
    bars: tuple[int, int] = (0, 0)  #: black rows above and below, columns left and right
    fields: bool = False  #: odd rows are half a frame later, as from interlaced cameras
    seed: int = 0
    encoder: dict[str, str] = field(default_factory=dict)
    bit_rate: int | None = None

    def runs(self) -> list[tuple[int, int, int]]:
        """Of each shot the frame with which it begins, the first that it has to itself, and the first that it has not."""
        found, at = [], 0
        for (_, count), before in zip(self.shots, [Join("cut"), *self.joins], strict=True):
            first = at + before.frames
            found.append((first - before.after if before.kind == "fade" else at, first, first + count))
            at = first + count
        return found

    def truth(self) -> dict[str, Any]:
        """Of a cut, start and end are the first frame of the new shot."""
        runs = self.runs()
        transitions = [
            {"kind": join.kind, "start": after, "end": max(after, after + join.frames - 1)}
            for join, (_, _, after) in zip(self.joins, runs[:-1], strict=True)
        ]
        flashes = sorted([*self.blasts, *(flash.frame for flash in self.flashes)])
        return {"frames": runs[-1][2], "transitions": transitions, "flashes": flashes}

    def pictures(self) -> Iterator[NDArray[np.uint8]]:
        """(360, 640, 3) uint8, frame by frame."""
        rng = np.random.default_rng(self.seed)
        sheets = [np.round(rng.normal(0, self.grain, (SIZE[1] + 40, SIZE[0] + 40))).astype(np.int16) for _ in range(6)]
        lit = {flash.frame + k: (one, flash.tint) for flash in self.flashes for k, one in enumerate(flash.strengths)}
        dark = {first + k for first, count in self.blackouts for k in range(count)}
        for number in range(self.runs()[-1][2]):
            frame = self.edited(number)
            for title in self.titles:
                frame = title.over(frame, number)
            if number in lit:
                (strength, tint) = lit[number]
                frame = gained(frame, tuple(1 + 2.5 * strength * one for one in tint), 130 * strength)  # type: ignore[arg-type]
            if number in dark:
                frame = gained(frame, (0.0, 0.0, 0.0))
            if self.gains != (1.0, 1.0, 1.0) or self.lift:
                frame = gained(frame, self.gains, self.lift)
            sheet, (y, x) = sheets[rng.integers(len(sheets))], rng.integers(0, 40, 2)
            noisy = np.asarray(frame) + sheet[y : y + SIZE[1], x : x + SIZE[0], None]
            final = np.clip(noisy, 0, 255).astype(np.uint8)
            rows, columns = self.bars
            final[:rows], final[SIZE[1] - rows :] = 0, 0
            final[:, :columns], final[:, SIZE[0] - columns :] = 0, 0
            yield final

    def edited(self, number: int) -> Image.Image:
        """Frame ``number`` as cut together, before anything else happens to it."""
        runs = self.runs()
        k = next(k for k, (_, _, after) in enumerate(runs) if number < after)
        shot, (began, first, _) = self.shots[k][0], runs[k]
        if number >= first:
            return self._of(shot, began, number)
        join, step, old = self.joins[k - 1], number - runs[k - 1][2], (self.shots[k - 1][0], runs[k - 1][0])
        if join.kind == "fade":
            return self._faded(join, step, old, (shot, began), number)
        return join.mixed(step, self._of(*old, number), self._of(shot, began, number))

    def _faded(self, join: Join, step: int, old: tuple[Shot, int], new: tuple[Shot, int], number: int) -> Image.Image:
        empty = Image.new("RGB", SIZE, (join.level,) * 3)
        if step < join.length:
            return Image.blend(self._of(*old, number), empty, join.share(step, join.length))
        step -= join.length + join.hold
        return empty if step < 0 else Image.blend(empty, self._of(*new, number), join.share(step, join.after))

    def _of(self, shot: Shot, began: int, number: int) -> Image.Image:
        time = float(self.times[number] - self.times[began])
        frame = shot.picture(time)
        if not self.fields:
            return frame
        odd = np.asarray(frame).copy()
        odd[1::2] = np.asarray(shot.picture(time + 0.5 * float(self.times[1] - self.times[0])))[1::2]
        return Image.fromarray(odd)
