"""A report as the page sees it: plain values by task, and the reason of what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lookhear.analysis.codec import plain
from lookhear.analysis.report import Report
from lookhear.page.glossary import entry
from lookhear.page.numbers import number, numbers


@dataclass(frozen=True)
class View:
    """One report, ready to be drawn. Whatever a task left there, fields are looked up without a fall."""

    report: Report
    values: dict[str, Any]  #: task -> value, in plain types
    anchor: str
    duration: float  #: s; 0 where nobody knows

    @classmethod
    def of(cls, report: Report, anchor: str) -> View:
        """From a report."""
        values = {finding.task: plain(finding.value) for finding in report.findings}
        return cls(report, values, anchor, _duration(report, values))

    def get(self, task: str, *path: str) -> Any:
        """The value at ``path``, or None."""
        value = self.values.get(task)
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def heard(self, task: str) -> str:
        """The name under which ``task`` tells of sound: of a film's sound track it has one of its own."""
        return f"sound_{task}" if self.report.medium.kind == "video" else task

    def number(self, task: str, *path: str) -> float | None:
        """The finite number at ``path``, or None."""
        return number(self.get(task, *path))

    def rows(self, task: str, *path: str) -> list[dict[str, Any]]:
        """The list of records at ``path``; empty for anything else."""
        value = self.get(task, *path)
        return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []

    def why(self, task: str, field: str) -> str:
        """Why a value is missing: the task's own words where they name it, then what is known of the field."""
        failed = next((error.message for error in self.report.errors if error.task == task), None)
        if failed is not None:
            return failed
        if task not in self.values:
            return f"The task {task} did not run."
        said = [note.message for note in self.report.warnings if note.task == task]
        known = entry(task, field)
        words = {field.rpartition(".")[2], known.title.lower()}
        for message in said:
            if any(word in message.lower() for word in words):
                return message
        return known.absent or " ".join(said) or "Not defined for this recording."


def _duration(report: Report, values: dict[str, Any]) -> float:
    """As decoded or declared; else as long as what was drawn."""
    known = number(report.medium.duration)
    if known:
        return known
    view = View(report, values, "", 0.0)
    rows = view.rows(view.heard("overview"), "waveform", "channels")
    step = view.number(view.heard("overview"), "waveform", "seconds_per_bucket") or 0.0
    return step * len(numbers(rows[0].get("rms"))) if rows else 0.0
