"""What the rows of a place were asked for, so that nothing else is mixed in; and what a run came to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import xxhash

from lookhear.analysis.batch import Request
from lookhear.analysis.plan import make_plan
from lookhear.errors import InputError
from lookhear.models.shelf import shelf_for
from lookhear.scale.place import Place
from lookhear.version import __version__

MANIFEST, SUMMARY = "_lookhear.json", "_summary.json"  # readers of Parquet pass over names with _


@dataclass
class Sum:
    """A run in numbers: ``listed`` = ``known`` + ``done`` + ``refused``, and ``rows`` are those of all runs."""

    listed: int = 0
    known: int = 0
    done: int = 0
    refused: int = 0
    rows: int = 0
    errors: dict[str, int] = field(default_factory=dict)  #: of all rows, by their codes
    seconds: float = 0.0
    files_per_second: float = 0.0
    actors: int = 0
    gpus_per_actor: float = 0.0

    @property
    def adds_up(self) -> bool:
        """Is there a row for every file?"""
        return self.listed == self.known + self.done + self.refused


def agree(place: Place, request: Request) -> None:
    """The place is new, or was asked the same. Raises InputError."""
    asked = _asked(request)
    there = place.get(MANIFEST)
    if there is None:
        if place.names():
            raise InputError(f"{place} holds Parquet files of something else. Choose another --out.")
        place.put(MANIFEST, json.dumps({"format": 1, **asked, "lookhear": __version__}, indent=1).encode())
        return
    try:
        was: dict[str, Any] = json.loads(there)
    except ValueError:
        was = {}
    if {name: was.get(name) for name in asked} != asked:
        raise InputError(
            f"{place} holds rows for other tasks, options or models. Choose another --out, or ask the same again."
        )


def tell(place: Place, total: Sum) -> None:
    """The numbers, for programs."""
    place.put(SUMMARY, json.dumps(asdict(total), indent=1).encode())


def _asked(request: Request) -> dict[str, Any]:
    """The tasks by name, and of all that answers depend on a hash."""
    shelf = shelf_for(request.models) if request.models else None
    kinds = ("audio", "image", "video")
    plans = {kind: make_plan(kind, request.tasks, request.options, shelf=shelf) for kind in kinds}
    steps = sorted(f"{kind} {step.task.name} {step.config_hash}" for kind in kinds for step in plans[kind].steps)
    return {
        "tasks": list(request.tasks) if request.tasks is not None else None,
        "options": json.loads(json.dumps(request.options or {})),
        "config": xxhash.xxh64("\n".join(steps).encode()).hexdigest(),
    }
