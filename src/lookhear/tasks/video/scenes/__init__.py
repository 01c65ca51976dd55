"""Where one shot becomes another, and the scenes between: cuts, dissolves, wipes and fades; flashes are none.

Aim: the segments of a film, each with a frame that shows it, to search, to jump to, to edit.
Reference: cuts as frames that differ from the one before more than their neighbours do, and for good (Zhang, Kankanhalli
& Smoliar, Multimedia Systems 1993; Lienhart, IJIG 2001); dissolves and wipes as stretches in which every part of the
picture goes straight from what it was to what it will be (after Hampapur, Jain & Weymouth, ACM Multimedia 1994). What
counts how much is fitted on rendered films of known transitions: see lookhear.dsp.transitions.
Conventions: frames count from 0, times are in s. ``frame`` is the first of the new shot, or the middle of what is gradual,
whose frames ``start_frame`` to ``end_frame`` show both shots. A stretch of one colour between two shots is one fade.
``scenes`` tile 0 .. duration; ``end_frame`` is the first one after the scene. ``key_frame``: sharp and still, near the
middle. A scene of fewer than three frames is not told apart. Transitions that are closer than ``min_scene_length``
leave the likelier one.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.growing import Growing
from lookhear.dsp.shots import signals
from lookhear.dsp.transitions import Transition, TransitionFinder
from lookhear.errors import InvalidOptions
from lookhear.tasks.base import Block, Context, Fold, Form, Task
from lookhear.tasks.video.scenes.keys import key_frame


@dataclass(frozen=True)
class ScenesOptions:
    """``threshold``: the least probability of a transition; ``min_scene_length``: s."""

    threshold: float = 0.4
    min_scene_length: float = 0.6

    def __post_init__(self) -> None:
        if not (0 < self.threshold < 1 and 0 <= self.min_scene_length < math.inf):
            raise InvalidOptions("scenes: 0 < threshold < 1 and min_scene_length ≥ 0 must hold.")


@dataclass(frozen=True)
class Cut:
    """A transition between two scenes."""

    frame: int
    time: float  #: s
    kind: str  #: "cut", "dissolve", "wipe" or "fade"
    start_frame: int
    end_frame: int
    start: float  #: s
    end: float  #: s, of a cut the same as its start
    probability: float


@dataclass(frozen=True)
class Scene:
    """From one transition to the next."""

    start: float  #: s
    end: float
    duration: float
    start_frame: int
    end_frame: int  #: the first frame after it
    key_frame: int
    key_time: float  #: s


@dataclass(frozen=True)
class ScenesResult:
    """``flashes``: times (s) of bright moments after which the shot goes on."""

    count: int = 0
    cuts: tuple[Cut, ...] = ()
    scenes: tuple[Scene, ...] = ()
    flashes: tuple[float, ...] = ()


class _ScenesFold:
    def __init__(self, context: Context, options: ScenesOptions) -> None:
        self._context = context
        self._options = options
        self._finder = TransitionFinder()
        self._before: NDArray[np.uint8] | None = None
        self._times, self._change = Growing(np.float64), Growing(np.float16)

    def add(self, block: Block) -> None:
        """The next frames."""
        if block.frames is None:
            return
        found = signals(block.frames.luma, block.frames.chroma, self._before)
        self._before = block.frames.luma[-1]
        self._finder.add(found)
        self._times.add(block.frames.times)
        self._change.add(found.change)

    def finish(self) -> ScenesResult:
        """Transitions and scenes."""
        if not len(self._times):
            return ScenesResult()
        times, change, detail = self._times, self._change.values, self._finder.detail
        found = self._finder.finish()
        duration = max(self._context.seen.seconds, float(times[-1]))
        cuts = [_cut(one, times) for one in self._chosen(found.transitions, times, duration)]
        edges = [0, *(cut.frame for cut in cuts), len(times)]
        bounds = [0.0, *(cut.time for cut in cuts), round(duration, 6)]
        busy = [(-1, -1), *((cut.start_frame, cut.end_frame) for cut in cuts), (len(times), len(times))]
        scenes = []
        for i, (low, high) in enumerate(itertools.pairwise(edges)):
            start, end = bounds[i], bounds[i + 1]
            first = low if i == 0 or cuts[i - 1].kind == "cut" else min(busy[i][1] + 1, high - 1)
            last = max(first + 1, min(high, busy[i + 1][0]))
            key = key_frame(change, detail, first, last)
            scenes.append(Scene(start, end, round(end - start, 6), low, high, key, _at(times, key)))
        flashes = tuple(_at(times, at) for at in found.flashes)
        return ScenesResult(len(scenes), tuple(cuts), tuple(scenes), flashes)

    def _chosen(self, transitions: tuple[Transition, ...], times: Growing, duration: float) -> list[Transition]:
        """The likely ones that leave scenes of the least length, in order; of two too close ones the likelier."""
        least, kept = self._options.min_scene_length, [0.0, duration]
        chosen = []
        for one in sorted(transitions, key=lambda one: -one.probability):
            time = float(times[one.frame])
            long_enough = min(abs(time - other) for other in kept) >= least - 1e-9
            if one.probability >= self._options.threshold and long_enough and one.frame > 0:
                chosen.append(one)
                kept.append(time)
        return sorted(chosen, key=lambda one: one.frame)


def _at(times: Growing, frame: int) -> float:
    return round(float(times[frame]), 6)


def _cut(one: Transition, times: Growing) -> Cut:
    place = _at(times, one.frame), one.kind, one.start, one.end, _at(times, one.start), _at(times, one.end)
    return Cut(one.frame, *place, round(one.probability, 4))


class Scenes(Task[ScenesOptions, ScenesResult]):
    """Transitions between shots, and the scenes they bound."""

    name = "scenes"
    version = "1"
    summary = "cuts, dissolves, wipes, fades; scenes that tile the film, a key frame each"
    kinds = frozenset({"video"})
    forms = frozenset({Form.FRAMES})
    headline: ClassVar[dict[str, str]] = {"scenes": "count"}
    Options = ScenesOptions
    Result = ScenesResult

    def start(self, context: Context, options: ScenesOptions) -> Fold[ScenesResult]:
        """A fresh fold."""
        return _ScenesFold(context, options)


TASKS = (Scenes(),)
