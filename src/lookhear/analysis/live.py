"""Listening: running results while the sound is still arriving."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from lookhear.analysis.plan import Options, Plan, make_plan
from lookhear.analysis.report import Note, TaskError
from lookhear.analysis.sweep import Grid, Runner, decoded
from lookhear.errors import EmptyMedium, LookhearError
from lookhear.media.decoder import Decoder
from lookhear.media.forms import Form, Frames
from lookhear.media.limits import Limits
from lookhear.media.medium import Medium, open_medium
from lookhear.media.source import Named
from lookhear.models.shelf import Shelf
from lookhear.tasks.base import Context

_BLOCK = 0.5  # s of sound per step: what a listener waits for the decoder


@dataclass(frozen=True)
class Moment:
    """What is known of the window from ``start`` to ``end`` (s of the source's own time)."""

    start: float
    end: float
    values: dict[str, Any]
    errors: tuple[TaskError, ...] = ()
    warnings: tuple[Note, ...] = ()
    final: bool = False  #: no more of this window will come
    timestamp: float = field(default_factory=time.time)  #: s since 1970


def listen(
    source: Named,
    tasks: Sequence[str] | None = None,
    options: Options | None = None,
    *,
    every: float = 5.0,
    window: float = 30.0,
    limits: Limits | None = None,
    shelf: Shelf | None = None,
) -> Iterator[Moment]:
    """Running results every ``every`` seconds of sound, over windows of ``window`` seconds (0: since the beginning).

    Each window starts its tasks afresh, so that a stream may go on for ever in the same memory.
    Raises as ``analyze`` does.
    """
    plan = make_plan("audio", tasks, options, shelf=shelf)
    with open_medium(source, limits) as medium:
        if medium.probe.sound is None:
            raise EmptyMedium("There is no sound in it to listen to.")
        yield from _Listening(medium, plan, every, window or math.inf).run()


class _Listening:
    def __init__(self, medium: Medium, plan: Plan, every: float, window: float) -> None:
        self._steps = plan.steps
        self._probe = medium.probe
        self._every, self._window = every, window
        self._forms = decoded(plan.forms) or frozenset({Form.NATIVE})  # something has to tell the time
        self._decoder = Decoder(medium, self._forms, block_seconds=_BLOCK)
        self._begin(0.0)

    def run(self) -> Iterator[Moment]:
        """Decode and tell, until the source ends. Forms advance together, block by block."""
        told = 0.0
        clock = min(self._forms, key=lambda form: form.value)
        for item in self._decoder:
            now = self._grid.add(item)
            if isinstance(item, Frames) or item[0] is not clock:
                continue
            full = now - self._start >= self._window
            if full or now - told >= self._every:
                told = now
                yield self._tell(now, full)
            if full:
                self._begin(now)
        if self._decoder.deaf:
            raise self._decoder.deaf
        if self._decoder.heard.seconds > self._start or told == 0.0:
            self._grid.finish()
            yield self._tell(self._decoder.heard.seconds, True)

    def _begin(self, start: float) -> None:
        self._start = start
        self._notes: list[Note] = []
        self._contexts = {
            step.task.name: Context(self._probe, self._warner(step.task.name), self._decoder.heard)
            for step in self._steps
        }
        self._runners = {
            step.task.name: Runner(
                step.task.name, step.task.forms, step.task.start(self._contexts[step.task.name], step.options)
            )
            for step in self._steps
        }
        self._grid = Grid(self._runners.values())

    def _warner(self, task: str) -> Any:
        return lambda message: self._notes.append(Note(message, task))

    def _tell(self, now: float, final: bool) -> Moment:
        """Finish copies of the folds; the originals listen on."""
        self._notes.clear()
        results: dict[str, Any] = {}
        errors = []
        for step in self._steps:
            name = step.task.name
            try:
                failure = self._runners[name].failure
                if failure is not None:
                    raise failure
                self._contexts[name].results = results
                results[name] = copy.deepcopy(self._runners[name].fold).finish()
            except LookhearError as error:
                errors.append(TaskError(name, error.code, error.message))
            except Exception as error:
                errors.append(TaskError(name, "task_failed", f"{type(error).__name__}: {error}"))
        asked = {step.task.name for step in self._steps if step.asked}
        values = {name: value for name, value in results.items() if name in asked}
        return Moment(self._start, now, values, tuple(errors), tuple(self._notes), final)
