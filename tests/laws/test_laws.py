"""What every task is held to, whatever it finds. Tasks are read from the catalogue: a new one is held to it as well."""

from __future__ import annotations

import copy
import dataclasses
import math
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lookhear
from examples.tune import compose
from lookhear.analysis.codec import plain
from lookhear.analysis.plan import make_options, make_plan
from lookhear.analysis.sweep import Grid, Runner
from lookhear.errors import InvalidOptions
from lookhear.media.forms import Form, Samples
from lookhear.media.probe import AudioStream, Probe
from lookhear.media.sound import Heard
from lookhear.tasks.base import Context
from support.models import installed, shelf
from support.sound import encode, tone

TASKS = {task.name: task for task in lookhear.tasks("audio")}
NAMES = sorted(TASKS)
each_task = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def weights(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the task takes; without them it is not tested here."""
    if "name" in request.fixturenames:
        installed(monkeypatch, "audio", request.getfixturevalue("name"))


@lru_cache(maxsize=1)
def tune() -> np.ndarray:
    """(2, samples): twelve seconds of music at 44.1 kHz."""
    return compose(8)[:, : 12 * 44100]


def run(name: str, sound: np.ndarray, rate: int, cuts: list[int], snapshot_at: int | None = None) -> Any:
    """Drive a task and what it needs by hand, the sound cut at ``cuts``; half-rate mono stands for the other forms."""
    plan = make_plan("audio", [name], shelf=shelf())
    layout = "mono" if len(sound) == 1 else "stereo"
    stream = AudioStream(0, "pcm_s16le", rate, len(sound), layout, "s16", 16)
    probe = Probe("audio", "wav", "WAV", sound.shape[1] / rate, None, None, (stream,), audio_index=0)
    heard = Heard(sound.shape[1], rate, len(sound), layout)
    results: dict[str, Any] = {}
    contexts = {
        step.task.name: Context(probe, lambda message: None, heard, results=results, models=step.models)
        for step in plan.steps
    }
    runners = [
        Runner(step.task.name, step.task.forms, step.task.start(contexts[step.task.name], step.options))
        for step in plan.steps
    ]
    grid = Grid(runners)
    half = np.ascontiguousarray(sound.mean(axis=0)[::2]) if rate == 44100 else sound.mean(axis=0)
    edges = [0, *sorted(cuts), sound.shape[1] // 2 * 2]
    snapshot = None
    for i, (low, high) in enumerate(pairwise(edges)):
        low, high = low // 2 * 2, high // 2 * 2
        if high > low:
            grid.add((Form.NATIVE, _samples(low, rate, sound[:, low:high])))
            for form, half_rate in ((Form.MONO_22K, 22050), (Form.MONO_16K, 16000)):
                grid.add((form, _samples(low // 2, half_rate, half[low // 2 : high // 2])))
        if i == snapshot_at:
            snapshot = copy.deepcopy(runners[-1].fold)
    grid.finish()
    for runner in runners:
        assert runner.failure is None, runner.failure
        results[runner.name] = runner.fold.finish()
    if snapshot is not None and not TASKS[name].needs:  # what needs others is finished after them
        snapshot.finish()
    return results[name]


def _samples(start: int, rate: int, data: np.ndarray) -> Samples:
    data = np.array(data, np.float32)
    data.flags.writeable = False  # whoever writes to a shared form fails here
    return Samples(start, rate, data)


def same(a: Any, b: Any, tolerance: float = 1e-4) -> bool:
    """Equal, but for rounding of floats."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key], tolerance) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y, tolerance) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
    return bool(a == b)


@each_task
def test_options_have_defaults_and_refuse_unknown_names(name: str) -> None:
    task = TASKS[name]
    assert dataclasses.is_dataclass(task.Options) and dataclasses.is_dataclass(task.Result)
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
    report = lookhear.analyze(encode(tune()), [name])
    assert report.errors == ()
    assert lookhear.from_json(lookhear.to_json(report)) == report


@each_task
@settings(max_examples=6, deadline=None)
@given(cuts=st.lists(st.integers(0, 12 * 44100), max_size=12))
def test_blocks_of_any_size_give_the_same(name: str, cuts: list[int]) -> None:
    whole = plain(run(name, tune(), 44100, [6 * 44100]))
    assert same(plain(run(name, tune(), 44100, cuts)), whole)


@each_task
def test_a_running_fold_can_be_told_from(name: str) -> None:
    """Live listening finishes copies; the original must not notice."""
    cuts = [4 * 44100, 8 * 44100]
    assert plain(run(name, tune(), 44100, cuts, snapshot_at=1)) == plain(run(name, tune(), 44100, cuts))


@each_task
@pytest.mark.parametrize(
    "sound",
    [np.zeros((1, 0)), np.zeros((1, 2)), np.full((1, 2), 0.5), np.zeros((2, 44100)), np.zeros((1, 2048)),
     np.ones((1, 4096)), np.random.default_rng(1).normal(0, 0.1, (2, 30000))],
    ids=["empty", "two zeros", "two samples", "silence", "a frame", "constant", "short noise"],
)  # fmt: skip
def test_what_is_hardly_there_has_a_result(name: str, sound: np.ndarray) -> None:
    with np.errstate(all="raise", under="ignore"):
        value = plain(run(name, sound.astype(np.float32), 44100, []))
    assert isinstance(value, dict)


@each_task
def test_same_input_same_answer(name: str) -> None:
    data = encode(tune())
    assert lookhear.analyze(data, [name])[name] == lookhear.analyze(data, [name])[name]


def test_what_has_no_meaning_is_null() -> None:
    rng = np.random.default_rng(5)
    noise = encode(rng.normal(0, 0.1, (1, 44100 * 12)).astype(np.float32))
    silence = encode(np.zeros((1, 44100 * 12), np.float32))
    note = encode(tone(12))
    for data, key in ((noise, None), (silence, None), (note, "A")):
        mir = lookhear.analyze(data, ["mir"])["mir"]
        assert mir.tempo is None and mir.tempo_confidence == 0.0
        assert mir.key == key and mir.mode is None  # one tone has a name, but no mode
    quiet = lookhear.analyze(silence)
    assert quiet["perceptual"].loudness is None
    assert quiet["spectral"].spectral_centroid is None
    assert quiet["similarity"].combined_vector == ()
    assert quiet.errors == ()
