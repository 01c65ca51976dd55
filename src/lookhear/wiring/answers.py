"""The engine with a memory: the same bytes, tasks, options and models are answered from what is kept."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import xxhash

from lookhear.analysis.batch import file_digest
from lookhear.analysis.codec import from_json, to_json
from lookhear.analysis.engine import analyze
from lookhear.analysis.plan import Options, make_plan
from lookhear.analysis.report import Report
from lookhear.analysis.sweep import Progress
from lookhear.errors import InvalidReport, ServiceBusy
from lookhear.media.limits import Limits
from lookhear.models.shelf import Shelf
from lookhear.settings import Settings
from lookhear.wiring.later import Keep, Kept

_KINDS = ("audio", "image", "video")
Made = Callable[[Report], None]


class Answers:
    """Reports about files. ``kept`` gives what ``keep`` was given for a key, or None; where it cannot be asked now, the
    work is done all the same. ``made`` is told of what was."""

    def __init__(self, settings: Settings, shelf: Shelf, kept: Kept, keep: Keep, made: Made) -> None:
        self._settings, self._shelf = settings, shelf
        self._kept, self._keep, self._made = kept, keep, made

    def __call__(
        self,
        path: Path,
        tasks: Sequence[str] | None = None,
        options: Options | None = None,
        *,
        name: str | None = None,
        sha256: str | None = None,
        progress: Progress | None = None,
    ) -> Report:
        """The report about a file, under the name ``name``. Raises as ``analyze`` does; only whole answers are kept."""
        key = self._key(path, tasks, options, sha256)
        found = self._known(key)
        if found is None:
            found = analyze(str(path), tasks, options, limits=self._settings, progress=progress, shelf=self._shelf)
            self._made(found)
            if key is not None and not found.errors:
                self._keep(key, to_json(found))
        return dataclasses.replace(found, medium=dataclasses.replace(found.medium, name=name or str(path)))

    def _key(self, path: Path, tasks: Sequence[str] | None, options: Options | None, sha256: str | None) -> str | None:
        """None for what cannot be read: the engine says so better."""
        plans = [make_plan(kind, tasks, options, shelf=self._shelf) for kind in _KINDS]
        steps = [[step.task.name, step.config_hash, step.asked] for plan in plans for step in plan.steps]
        if sha256 is None:
            digest = file_digest(str(path), self._settings)
            sha256 = digest.sha256 if digest else None
        limits = [getattr(self._settings, field.name) for field in dataclasses.fields(Limits)]
        return sha256 and f"{sha256}-{xxhash.xxh64(json.dumps([steps, limits], default=str).encode()).hexdigest()}"

    def _known(self, key: str | None) -> Report | None:
        """What is kept, unless it cannot be read any more."""
        try:
            text = self._kept(key) if key else None
            found = from_json(text) if text else None
        except (InvalidReport, ServiceBusy):
            return None
        return found if isinstance(found, Report) else None
