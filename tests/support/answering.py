"""A service that answers analyses from what it keeps, of the real parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lookhear.analysis.report import Report
from lookhear.models.shelf import Shelf
from lookhear.settings import Settings
from lookhear.wiring.answers import Answers
from support.working import WorkingService


class AnsweringService(WorkingService):
    """``reports``: all that were given, new or kept."""

    def __init__(self, settings: Settings, shelf: Shelf | None = None) -> None:
        super().__init__(settings, shelf)
        self._answers = Answers(settings, self.shelf, self.jobs.kept, self.jobs.keep)
        self.reports: list[Report] = []

    def analyze(
        self, source: Path, tasks: Sequence[str] | None, options: Mapping[str, Any] | None = None, **how: Any
    ) -> Report:
        """By the engine, once."""
        self.reports.append(self._answers(source, tasks, options, **how))
        return self.reports[-1]
