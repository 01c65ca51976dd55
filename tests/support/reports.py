"""Reports of real media with findings that take weights which are nowhere: put in by hand, of the tasks' own types."""

from __future__ import annotations

import dataclasses
from typing import Any

from lookhear.analysis.report import Finding, ModelUsed, Provenance, Report


def with_finding(report: Report, task: str, value: Any, *models: ModelUsed) -> Report:
    """As if ``task`` had run, too."""
    provenance = Provenance("1", "1.0", {}, "0" * 16, report.medium.sha256, models)
    others = tuple(one for one in report.findings if one.task != task)
    errors = tuple(error for error in report.errors if error.task != task)
    return dataclasses.replace(report, findings=(*others, Finding(task, value, provenance)), errors=errors)
