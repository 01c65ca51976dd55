"""From what was asked to what will be done: which tasks, with which options, reading which forms."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import xxhash

from lookhear.errors import InvalidOptions
from lookhear.media.forms import SOUND, Form
from lookhear.models.card import Want
from lookhear.models.shelf import Model, Shelf
from lookhear.tasks.catalogue import AnyTask, check_name, find, tasks_for, variants

Options = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """One task to run. ``asked`` is False for one that only another needs."""

    task: AnyTask
    options: Any
    asked: bool = True
    models: Mapping[str, Model] = field(default_factory=dict)  #: by role, those that are installed
    lacks: tuple[Want, ...] = ()  #: models that it takes and that are not
    before: tuple[str, ...] = ()  #: tasks whose results it takes
    basis: tuple[str, ...] = ()  #: the models of these

    @property
    def config(self) -> dict[str, Any]:
        """The options as plain JSON."""
        return json.loads(json.dumps(dataclasses.asdict(self.options)))  # type: ignore[no-any-return]

    @cached_property
    def config_hash(self) -> str:
        """Equal for equal task, version, options and models."""
        facts: dict[str, Any] = {"task": self.task.name, "version": self.task.version, "options": self.config}
        if models := self.identity:
            facts["models"] = models
        return xxhash.xxh64(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @property
    def identity(self) -> tuple[str, ...]:
        """The models by which the answer comes about: names, versions, weights."""
        own = (f"{model.card.id}:{model.one.sha256}:{model.sessions.precision}" for model in self.models.values())
        return tuple(sorted({*own, *self.basis}))


@dataclass(frozen=True)
class Plan:
    """Steps in an order in which each can use the results of those before it."""

    steps: tuple[Step, ...]
    left_out: tuple[str, ...] = ()  #: tasks on sound that nobody named, where there is no sound
    waiting: tuple[str, ...] = ()  #: tasks that nobody named, for want of a model

    @property
    def forms(self) -> frozenset[Form]:
        """All forms any step reads."""
        return frozenset[Form]().union(*(step.task.forms for step in self.steps))


def task_names(tasks: Sequence[str] | None) -> tuple[str, ...] | None:
    """The names that were given, be it one alone; None for all."""
    return None if tasks is None else (tasks,) if isinstance(tasks, str) else tuple(tasks)


def make_plan(
    kind: str,
    tasks: Sequence[str] | None = None,
    options: Options | None = None,
    *,
    sound: bool = True,
    shelf: Shelf | None = None,
) -> Plan:
    """The plan for a medium of ``kind``; without ``sound``, or for want of a model on the ``shelf``, tasks that take it are
    in there only if they were named.

    Raises UnknownTask, InvalidOptions and UnknownModel.
    """
    names = task_names(tasks)
    if options:  # they may name files, which change
        return _made(kind, names, options, sound, shelf)
    return _usual(kind, names, sound, shelf, shelf.store.stamp() if shelf else 0)


@lru_cache(maxsize=64)
def _usual(kind: str, names: tuple[str, ...] | None, sound: bool, shelf: Shelf | None, stamp: int) -> Plan:
    """Made once: many who ask, ask the same, and it takes longer than a small task. ``stamp``: of what is installed."""
    return _made(kind, names, {}, sound, shelf)


def _made(kind: str, names: tuple[str, ...] | None, options: Options, sound: bool, shelf: Shelf | None) -> Plan:
    for name in options:
        check_name(name)
    planner = _Planner(kind, tasks_for(kind, names), options, shelf)
    unnamed = [task for task in planner.asked if task.name not in (names or ())]
    left_out = [] if sound else [task for task in unnamed if hears(task, kind)]
    waiting = [task for task in unnamed if task not in left_out and not planner.ready(task)]
    planner.asked = tuple(task for task in planner.asked if task not in left_out and task not in waiting)
    for task in planner.asked:
        planner.place(task)
    return Plan(tuple(planner.steps.values()), _names(left_out), _names(waiting))


def _names(tasks: Iterable[AnyTask]) -> tuple[str, ...]:
    return tuple(task.name for task in tasks)


class _Planner:
    """Steps in the making."""

    def __init__(self, kind: str, asked: tuple[AnyTask, ...], options: Options, shelf: Shelf | None) -> None:
        self.kind, self.asked, self.options, self.shelf = kind, asked, options, shelf
        self.steps: dict[str, Step] = {}

    def ready(self, task: AnyTask) -> bool:
        """Are all models there that it and the tasks before it cannot do without?"""
        chosen = make_options(task, self.options.get(task.name, {}))
        if self._models(task, chosen)[1] and not (self.shelf and self.shelf.settings.model_auto_pull):
            return False
        return all(self.ready(find(name, self.kind)) for name in task.needs_with(chosen))

    def place(self, task: AnyTask) -> None:
        """The steps for ``task`` and for what it takes, unless they are there."""
        if task.name in self.steps:
            return
        chosen = make_options(task, self.options.get(task.name, {}))
        before = [find(name, self.kind) for name in task.needs_with(chosen)]
        if self.shelf is not None and self.shelf.stocked:  # else none of them can run, nor need be imported
            before += [other for other in (find(name, self.kind) for name in task.uses) if self.ready(other)]
        before += [other for other in self.asked if other.name in task.after]
        for other in before:
            self.place(other)
        models, lacks = self._models(task, chosen)
        basis = {model for other in before for model in self.steps[other.name].identity}
        self.steps[task.name] = Step(
            task, chosen, task in self.asked, models, lacks, _names(before), tuple(sorted(basis))
        )

    def _models(self, task: AnyTask, chosen: Any) -> tuple[dict[str, Model], tuple[Want, ...]]:
        wants: tuple[Want, ...] = task.wants(chosen)
        found = {want.role: self.shelf.find(want) for want in wants} if self.shelf else {}
        models = {role: model for role, model in found.items() if model is not None}
        return models, tuple(want for want in wants if not want.optional and want.role not in models)


def hears(task: AnyTask, kind: str) -> bool:
    """Does it, or a task that it cannot do without, read the sound?"""
    return bool(task.forms & SOUND) or any(hears(find(name, kind), kind) for name in task.needs)


def make_options(task: AnyTask, given: Mapping[str, Any]) -> Any:
    """The options of ``task``; those that it only has for another kind of medium are left out.

    Raises InvalidOptions for an unknown name or a wrong value.
    """
    known = _fields(task)
    known_elsewhere = known.union(*map(_fields, variants(task.name)))
    for name in given:
        if name not in known_elsewhere:
            listing = f"It knows: {', '.join(sorted(known_elsewhere))}." if known_elsewhere else "It has none."
            raise InvalidOptions(f"Task '{task.name}' has no option '{name}'. {listing}")
    given = {name: value for name, value in given.items() if name in known}
    if not given:
        return task.Options()
    from pydantic import ValidationError  # slow to import, and seldom needed

    try:
        return _adapter(task).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidOptions(f"Option '{where}' of task '{task.name}': {first['msg']}.") from error


@lru_cache(maxsize=128)
def _adapter(task: AnyTask) -> Any:
    """What checks the options of a task; made once, since that takes longer than many an analysis."""
    from pydantic import TypeAdapter

    return TypeAdapter(task.Options)


@lru_cache(maxsize=128)
def _fields(task: AnyTask) -> frozenset[str]:
    return frozenset(field.name for field in dataclasses.fields(task.Options))
