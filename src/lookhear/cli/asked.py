"""From words on the command line to what the library takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from lookhear.analysis.walk import below
from lookhear.media.objects import is_object, named
from lookhear.media.source import local


def task_names(text: str | None) -> tuple[str, ...] | None:
    """``"mir, spectral"`` as names; None for all."""
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise typer.BadParameter("Name at least one task, or leave --tasks out for all.")
    return names


def task_options(words: list[str]) -> dict[str, dict[str, Any]]:
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
    """Files and objects as named, folders and prefixes as all below them that are not hidden, each once."""
    seen: set[str] = set()
    for path in plain_paths(paths):
        if is_object(path) and not Path(path).exists():
            before = [one for one in paths[: paths.index(path)] if is_object(one)] if path in paths else []
            yield from (found.url for found in named(path) if not _within(found.url, before))
            continue
        for found in below(path) if Path(path).is_dir() else [path]:
            if found not in seen:
                seen.add(found)
                yield found


def plain_paths(paths: list[str]) -> list[str]:
    """With file:// URLs as the paths that they mean. Raises BadParameter for an empty one."""
    if "" in paths:
        raise typer.BadParameter("A path is empty. Is a variable not set?", param_hint="PATH")
    return [str(local(path)) for path in paths]


def _within(url: str, prefixes: list[str]) -> bool:
    """Was it told already? Names of objects are not kept to find that out: there may be millions."""
    return any(url == prefix or url.startswith(prefix.rstrip("/") + "/") for prefix in prefixes)
