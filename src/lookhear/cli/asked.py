"""From words on the command line to what the library takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from lookhear.analysis.plan import Options
from lookhear.analysis.walk import below


def task_names(text: str | None) -> tuple[str, ...] | None:
    """``"mir, spectral"`` as names; None for all."""
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise typer.BadParameter("Name at least one task, or leave --tasks out for all.")
    return names


def task_options(words: list[str]) -> Options:
    """``["mir.max_tempo=180"]`` as nested options; values are JSON where they can be, else text."""
    options: dict[str, dict[str, Any]] = {}
    for word in words:
        left, equals, value = word.partition("=")
        task, dot, name = left.partition(".")
        if not (equals and dot and task and name):
            raise typer.BadParameter(f"'{word}' is no task option. Write it as TASK.NAME=VALUE.")
        try:
            options.setdefault(task, {})[name] = json.loads(value)
        except ValueError:
            options.setdefault(task, {})[name] = value
    return options


def expand(paths: list[str]) -> Iterator[str]:
    """Files as named, folders as all files below them that are not hidden, each once."""
    seen: set[str] = set()
    if "" in paths:
        raise typer.BadParameter("A path is empty. Is a variable not set?", param_hint="PATH")
    for path in paths:
        for found in below(path) if Path(path).is_dir() else [path]:
            if found not in seen:
                seen.add(found)
                yield found
