"""What reports say of themselves, counted for all to see."""

from __future__ import annotations

from lookhear.analysis.report import Report
from lookhear.jobs.tally import ERROR, TASK, Tally

_NONE = "none"  # of tasks without a model


def count(tally: Tally, report: Report) -> None:
    """What its tasks took, and what failed in it."""
    models = {found.task: model.name for found in report.findings for model in found.provenance.models[:1]}
    for task, seconds in report.timings.items():
        tally.add(TASK, task, models.get(task, _NONE), seconds)
    for failure in report.errors:
        tally.add(ERROR, failure.code)
