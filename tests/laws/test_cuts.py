"""However the forms of a sound are cut, and whichever comes first, every task says the same, with every option on."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lookhear
from lookhear.analysis.codec import plain
from lookhear.analysis.plan import make_plan
from lookhear.analysis.sweep import Grid, Runner
from lookhear.analysis.sweep import decoded as to_decode
from lookhear.media.decoder import Decoder
from lookhear.media.forms import FloatArray, Form, Samples
from lookhear.media.medium import open_medium
from lookhear.tasks.base import Context
from support.laws import same
from support.models import need, shelf
from support.sound import encode, tone

TASKS = {task.name: task for task in lookhear.tasks("audio")}
each_task = pytest.mark.parametrize("name", sorted(TASKS))
WAVES = (Form.NATIVE, Form.MONO_22K, Form.MONO_16K)


@pytest.fixture(autouse=True)
def weights(request: pytest.FixtureRequest) -> None:
    """Those that the task takes; without them it is not tested here."""
    need("audio", request.getfixturevalue("name"))


def everything_on(name: str) -> dict[str, bool]:
    """Whatever can be switched on."""
    return {field.name: True for field in dataclasses.fields(TASKS[name].Options) if field.default is False}


@lru_cache(maxsize=2)
def decoded(rate: int) -> tuple[Any, Any, dict[Form, tuple[int, FloatArray]]]:
    """Ten seconds with a beat and a chord, in every form, as the decoder makes them."""
    t = np.arange(10 * rate) / rate
    chord = sum(tone(10, rate, frequency, 2) for frequency in (220.0, 261.63, 329.63)) / 4
    beat = np.exp(-40 * (t % 0.5)) * np.random.default_rng(3).normal(0, 0.4, len(t))
    with open_medium(encode((chord + beat).astype(np.float32), rate=rate)) as medium:
        decoder = Decoder(medium, frozenset(WAVES))
        runs: dict[Form, list[Samples]] = {form: [] for form in WAVES}
        for form, samples in decoder:
            runs[form].append(samples)
    waves = {form: (got[0].rate, np.concatenate([run.data for run in got], axis=-1)) for form, got in runs.items()}
    return medium.probe, decoder.heard, waves


class Listening:
    """A task and what it needs, fed by hand."""

    def __init__(self, name: str, rate: int) -> None:
        self.probe, self.heard, self.waves = decoded(rate)
        self.plan = make_plan("audio", [name], {name: everything_on(name)}, shelf=shelf())
        self.results: dict[str, Any] = {}
        self.runners = [Runner(step.task.name, step.task.forms, self._fold(step)) for step in self.plan.steps]
        self.grid = Grid(self.runners)
        self.at = dict.fromkeys(WAVES, 0)

    def _fold(self, step: Any) -> Any:
        context = Context(self.probe, lambda message: None, self.heard, results=self.results, models=step.models)
        return step.task.start(context, step.options)

    def feed(self, form: Form, count: int) -> None:
        """The next so many samples of a form; none where it is at its end."""
        rate, data = self.waves[form]
        start, self.at[form] = self.at[form], min(self.at[form] + count, data.shape[-1])
        piece = data[..., start : self.at[form]].copy()
        piece.flags.writeable = False
        if piece.size and form in to_decode(self.plan.forms):
            self.grid.add((form, Samples(start, rate, piece)))

    def finish(self) -> Any:
        """What is left of all forms in one piece, then the result."""
        for form in WAVES:
            self.feed(form, 1 << 30)
        self.grid.finish()
        return self.tell(lambda fold: fold)

    def tell(self, of: Callable[[Any], Any] = copy.deepcopy) -> Any:
        """The result so far, of copies of the folds."""
        self.results.clear()
        for runner in self.runners:
            assert runner.failure is None, runner.failure
            self.results[runner.name] = of(runner.fold).finish()
        return plain(self.results[self.runners[-1].name])


@lru_cache(maxsize=32)
def whole(name: str, rate: int) -> Any:
    return Listening(name, rate).finish()


pieces = st.lists(
    st.tuples(st.sampled_from(WAVES), st.one_of(st.integers(1, 3), st.integers(1, 5000), st.integers(1, 400_000))),
    max_size=25,
)


@each_task
@pytest.mark.parametrize("rate", [44100, 8000])
@settings(max_examples=8, deadline=None)
@given(pieces=pieces)
def test_any_cuts_in_any_order(name: str, rate: int, pieces: list[tuple[Form, int]]) -> None:
    listening = Listening(name, rate)
    for form, count in pieces:
        listening.feed(form, count)
    assert same(listening.finish(), whole(name, rate)) is None


@each_task
def test_a_copy_is_finished_while_the_original_goes_on(name: str) -> None:
    """The copy says what a recording that ends there would give; the original never notices."""
    listening, short = Listening(name, 44100), Listening(name, 44100)
    for _ in range(2):
        for form in WAVES:
            listening.feed(form, 150_000)
            short.feed(form, 150_000)
    assert same(listening.tell(), short.tell(lambda fold: fold)) is None
    assert same(listening.finish(), whole(name, 44100)) is None
