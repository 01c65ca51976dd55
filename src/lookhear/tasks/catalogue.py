"""Which tasks there are: the modules of this package, and what other packages add by entry point.

Names are module names, so a listing costs no import; a task is imported when it is asked for.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from lookhear.errors import UnknownTask
from lookhear.tasks.base import Task

AnyTask = Task[Any, Any]
DEFAULT = "default"  #: among names: all tasks that run when none are named
PAGE = "page"  #: among names: these, and what only pages show
_GROUP = "lookhear.tasks"
_ROOMS = ("audio", "image", "video")


@lru_cache(maxsize=1)
def all_tasks() -> tuple[AnyTask, ...]:
    """Every task, in the order of their names; ours first where a name is taken twice for one kind."""
    tasks: list[AnyTask] = [task for module in map(import_module, _modules()) for task in module.TASKS]
    known = {(task.name, kind) for task in tasks for kind in task.kinds}
    for task in _from_other_packages():
        if not known & {(task.name, kind) for kind in task.kinds}:
            tasks.append(task)
    return tuple(sorted(tasks, key=lambda task: task.name))


def _from_other_packages() -> list[AnyTask]:
    """Entry points; their machinery (25 ms) is loaded only where a package announces some."""
    announced = f"[{_GROUP}]"
    for folder in map(Path, filter(None, sys.path)):
        for listing in folder.glob("*.dist-info/entry_points.txt"):
            if announced in listing.read_text("utf-8"):
                from importlib import metadata

                return [entry.load() for entry in metadata.entry_points(group=_GROUP)]
    return []


def tasks_for(kind: str, names: tuple[str, ...] | None = None) -> tuple[AnyTask, ...]:
    """The tasks that run by default on media of ``kind``, or those of ``names`` that fit it.

    Raises UnknownTask for a name that fits no kind at all.
    """
    found = [task for name in dict.fromkeys(names or ()) if name not in (DEFAULT, PAGE) for task in variants(name)]
    if names is None or {DEFAULT, PAGE} & set(names):
        found += [task for task in all_tasks() if is_asked(task, names)]
    fit = dict.fromkeys(task for task in found if kind in task.kinds)
    return tuple(sorted(fit, key=lambda task: task.name))


def is_asked(task: AnyTask, names: tuple[str, ...] | None) -> bool:
    """Is it among ``names``, by its own or by default?"""
    if names is None or task.name in names:
        return names is not None or task.default
    return (task.default and bool({DEFAULT, PAGE} & set(names))) or (task.drawn and PAGE in names)


@lru_cache(maxsize=64)
def variants(name: str) -> tuple[AnyTask, ...]:
    """The tasks of that name; only modules of that name are imported where there are some. Raises UnknownTask."""
    own = [import_module(module) for module in _modules() if module.rpartition(".")[2] == name]
    if own:
        return tuple(task for module in own for task in module.TASKS if task.name == name)
    check_name(name)
    return tuple(task for task in all_tasks() if task.name == name)


def check_name(name: str) -> None:
    """Raises UnknownTask, with the nearest name, unless there is a task of that name."""
    known = sorted({task.name for task in all_tasks()})
    if name in known:
        return
    import difflib

    near = difflib.get_close_matches(name, known, 1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise UnknownTask(f"There is no task '{name}'.{hint} Known tasks: {', '.join(known)}.")


def find(name: str, kind: str) -> AnyTask:
    """The task of that name for that kind of medium. Raises UnknownTask."""
    for task in variants(name):
        if kind in task.kinds:
            return task
    raise UnknownTask(f"The task '{name}' does not work on {kind}.")


def _modules() -> list[str]:
    here = Path(__file__).parent
    return [
        f"{__package__}.{room}.{entry.stem}"
        for room in _ROOMS
        for entry in sorted((here / room).glob("*"))
        if not entry.name.startswith("_") and (entry.suffix == ".py" or (entry / "__init__.py").exists())
    ]
