"""From what was asked to what will be done: which tasks, with which options, reading which forms."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import xxhash

from lookhear.errors import InvalidOptions
from lookhear.media.forms import Form
from lookhear.tasks.catalogue import AnyTask, check_name, find, namesakes, tasks_for

Options = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """One task to run. ``asked`` is False for one that only another needs."""

    task: AnyTask
    options: Any
    asked: bool = True

    @property
    def config(self) -> dict[str, Any]:
        """The options as plain JSON."""
        return json.loads(json.dumps(dataclasses.asdict(self.options)))  # type: ignore[no-any-return]

    @property
    def config_hash(self) -> str:
        """Equal for equal task, version and options."""
        facts = {"task": self.task.name, "version": self.task.version, "options": self.config}
        return xxhash.xxh64(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Plan:
    """Steps in an order in which each can use the results of those before it."""

    steps: tuple[Step, ...]

    @property
    def forms(self) -> frozenset[Form]:
        """All forms any step reads."""
        return frozenset[Form]().union(*(step.task.forms for step in self.steps))


def task_names(tasks: Sequence[str] | None) -> tuple[str, ...] | None:
    """The names that were given, be it one alone; None for all."""
    return None if tasks is None else (tasks,) if isinstance(tasks, str) else tuple(tasks)


def make_plan(kind: str, tasks: Sequence[str] | None = None, options: Options | None = None) -> Plan:
    """The plan for a medium of ``kind``. Raises UnknownTask and InvalidOptions."""
    names = task_names(tasks)
    asked = tasks_for(kind, names)
    options = options or {}
    for name in options:
        check_name(name)
    steps: dict[str, Step] = {}

    def place(task: AnyTask) -> None:
        if task.name in steps:
            return
        for name in task.needs:
            place(find(name, kind))
        for other in asked:
            if other.name in task.after:
                place(other)
        steps[task.name] = Step(task, make_options(task, options.get(task.name, {})), task in asked)

    for task in asked:
        place(task)
    return Plan(tuple(steps.values()))


def make_options(task: AnyTask, given: Mapping[str, Any]) -> Any:
    """The options of ``task``; those that only its namesakes for other kinds have are left out.

    Raises InvalidOptions for an unknown name or a wrong value.
    """
    own = {field.name for field in dataclasses.fields(task.Options)}
    known = own.union(*({field.name for field in dataclasses.fields(other.Options)} for other in namesakes(task)))
    for name in given:
        if name not in known:
            listing = f"It knows: {', '.join(sorted(known))}." if known else "It has none."
            raise InvalidOptions(f"Task '{task.name}' has no option '{name}'. {listing}")
    given = {name: value for name, value in given.items() if name in own}
    if not given:
        return task.Options()
    from pydantic import TypeAdapter, ValidationError  # slow to import, and seldom needed

    try:
        return TypeAdapter(task.Options).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidOptions(f"Option '{where}' of task '{task.name}': {first['msg']}.") from error
