"""Write docs/tasks.md from the tasks themselves: python docs/make_tasks.py. A test fails when it is out of date."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import lookhear

OUT = Path(__file__).with_name("tasks.md")


def text() -> str:
    """The whole page."""
    parts = ["# Tasks", "", "Made from the code by `python docs/make_tasks.py`.", ""]
    for task in lookhear.tasks():
        kinds = ", ".join(sorted(task.kinds))
        parts += [f"## {task.name}", "", f"{task.summary.capitalize()}. On {kinds}; version {task.version}.", ""]
        documentation = inspect.cleandoc(importlib.import_module(type(task).__module__).__doc__ or "")
        parts += [documentation.replace("``", "`"), ""]
        parts += _table("options", task.Options) + _table("result", task.Result)
    return "\n".join(parts)


def _table(title: str, cls: type[Any]) -> list[str]:
    fields = dataclasses.fields(cls)
    if not fields:
        return []
    remarks = _remarks(cls)
    rows = [f"| {title} | type | |", "|---|---|---|"]
    for field in fields:
        kind = str(field.type).replace("|", "\\|")
        rows.append(f"| `{field.name}` | `{kind}` | {remarks.get(field.name, '')} |")
    return [*rows, ""]


def _remarks(cls: type[Any]) -> dict[str, str]:
    """The ``#:`` comments beside the fields, of the class and those it extends."""
    found: dict[str, str] = {}
    for base in reversed([base for base in cls.__mro__ if dataclasses.is_dataclass(base)]):
        for match in re.finditer(r"^    (\w+):.*?#: (.*)$", inspect.getsource(base), re.MULTILINE):
            found[match.group(1)] = match.group(2).replace("|", "\\|")
    return found


if __name__ == "__main__":
    OUT.write_text(text())
