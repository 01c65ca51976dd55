"""What the fields of the tasks are called, their units, their meaning, and why one may be missing: glossary.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One field, for people."""

    title: str
    unit: str = ""  #: as in numbers.amount; "%" is a share of 1
    says: str = ""  #: what it means, in plain words
    absent: str = ""  #: why it may be null


def entry(task: str, field: str) -> Entry:
    """The entry of ``field`` ("silence.ratio"), or a title made of its name."""
    tasks = _read()
    table = tasks.get(task, {}).get(field)
    if table is None:
        return Entry(field.replace("_", " ").replace(".", ": "))
    return Entry(**table)


def known(task: str) -> frozenset[str]:
    """The fields that have an entry."""
    return frozenset(_read().get(task, {}))


@lru_cache(maxsize=1)
def _read() -> dict[str, Any]:
    return tomllib.loads((files("lookhear.page") / "glossary.toml").read_text("utf-8"))
