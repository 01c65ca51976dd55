"""What every task that looks at films is held to, whatever it finds; read from the catalogue as for sound."""

from __future__ import annotations

import copy
import dataclasses
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lookhear
from lookhear.analysis.codec import plain
from lookhear.analysis.plan import make_options, make_plan
from lookhear.analysis.sweep import Grid, Runner
from lookhear.errors import InvalidOptions
from lookhear.media.decoder import Decoder, Item
from lookhear.media.forms import FILM, Form, Frames
from lookhear.media.medium import open_medium
from lookhear.media.probe import Probe, VideoStream
from lookhear.media.seen import Seen
from lookhear.tasks.base import Context
from lookhear.tasks.catalogue import AnyTask
from support.film import encode, panned, texture
from support.laws import same
from support.models import installed, shelf

TASKS: dict[str, AnyTask] = {
    task.name: task
    for task in lookhear.tasks("video")
    if task.forms & FILM or (task.kinds == {"video"} and not task.forms)
}
NAMES = sorted(TASKS)
each_task = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def weights(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the task takes; without them it is not tested here."""
    if "name" in request.fixturenames:
        installed(monkeypatch, "video", request.getfixturevalue("name"))


@lru_cache(maxsize=1)
def film() -> bytes:
    """Three shots in four seconds: a pan, a still, another pan that fades to black."""
    last = panned(30, seed=3)
    faded = [(frame * max(0.0, 1 - i / 20)).astype(np.uint8) for i, frame in enumerate(last)]
    return encode([*panned(40), *[texture(seed=2)] * 30, *faded])


@lru_cache(maxsize=32)
def items(name: str, data: bytes | None = None) -> tuple[tuple[Item, ...], Probe, Seen]:
    """What the decoder makes of a film for a task, in order."""
    task = TASKS[name]
    samplings = [task.sampling(task.Options())] if Form.PIXELS in task.forms else []
    with open_medium(data or film()) as medium:
        decoder = Decoder(medium, task.forms, samplings)
        return tuple(decoder), medium.probe, decoder.seen


def run(name: str, parts: tuple[Item, ...], probe: Probe, seen: Seen, snapshot_at: int | None = None) -> Any:
    """Drive a task by hand; what it needs is left to it."""
    (step,) = [step for step in make_plan("video", [name], shelf=shelf()).steps if step.task.name == name]
    context = Context(probe, lambda message: None, seen=seen, models=step.models)
    sampling = TASKS[name].sampling(step.options) if Form.PIXELS in TASKS[name].forms else None
    runner = Runner(name, TASKS[name].forms, TASKS[name].start(context, step.options), sampling)
    grid = Grid([runner])
    for i, item in enumerate(parts):
        grid.add(item)
        if i == snapshot_at:
            copy.deepcopy(runner.fold).finish()
    assert runner.failure is None, runner.failure
    return runner.fold.finish()


def recut(parts: tuple[Item, ...], cuts: list[int]) -> tuple[Item, ...]:
    """The runs of frames in pieces that end at ``cuts``."""
    made: list[Item] = []
    for item in parts:
        if not isinstance(item, Frames):
            made.append(item)
            continue
        count = len(item.times)
        edges = sorted({0, count, *(cut - item.start for cut in cuts if 0 < cut - item.start < count)})
        for low, high in pairwise(edges):
            motion = None if item.motion is None else item.motion[low:high]
            piece = (item.times[low:high], item.seconds[low:high], item.luma[low:high], item.chroma[low:high])
            made.append(Frames(item.start + low, *piece, motion))
    return tuple(made)


@each_task
def test_options_have_defaults_and_refuse_unknown_names(name: str) -> None:
    task = TASKS[name]
    assert make_options(task, {}) == task.Options()
    with pytest.raises(InvalidOptions, match="no option 'no_such_thing'"):
        make_options(task, {"no_such_thing": 1})
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(task.Options(), "new", 1)  # noqa: B010


@each_task
def test_the_module_says_what_it_does(name: str) -> None:
    import importlib

    documentation = importlib.import_module(type(TASKS[name]).__module__).__doc__ or ""
    for word in ("Aim:", "Reference:", "Conventions:"):
        assert word in documentation
    assert TASKS[name].summary and TASKS[name].version


@each_task
def test_results_survive_json(name: str) -> None:
    report = lookhear.analyze(film(), [name])
    assert report.errors == () and report.findings
    assert lookhear.from_json(lookhear.to_json(report)) == report


@each_task
@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(1, 99), max_size=20))
def test_runs_of_any_size_give_the_same(name: str, cuts: list[int]) -> None:
    parts, probe, seen = items(name)
    assert same(plain(run(name, recut(parts, cuts), probe, seen)), plain(run(name, parts, probe, seen))) is None


@each_task
def test_a_running_fold_can_be_told_from(name: str) -> None:
    parts, probe, seen = items(name)
    assert plain(run(name, parts, probe, seen, snapshot_at=1)) == plain(run(name, parts, probe, seen))


@each_task
def test_nothing_at_all_has_a_result(name: str) -> None:
    probe = Probe("video", "mp4", "MP4", 1.0, video=(VideoStream(0, "h264", 64, 48),), video_index=0)
    plain(run(name, (), probe, Seen()))


@each_task
@pytest.mark.parametrize(
    "frames",
    [[texture()], [np.zeros((48, 64, 3), np.uint8)] * 50, [np.full((48, 64, 3), 255, np.uint8)] * 3,
     [texture(16, 16)] * 2, [texture(40, 800)] * 30, [texture(800, 40)] * 30,
     [np.random.default_rng(i).integers(0, 256, (48, 64, 3), np.uint8) for i in range(40)]],
    ids=["one frame", "black", "white", "tiny", "wide", "tall", "noise"],
)  # fmt: skip
def test_what_is_hardly_a_film_has_a_result(name: str, frames: list[np.ndarray]) -> None:
    report = lookhear.analyze(encode(frames), [name])
    assert report.errors == () and len(report.findings) == 1
    assert lookhear.from_json(lookhear.to_json(report)) == report
