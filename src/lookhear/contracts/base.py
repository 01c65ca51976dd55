"""What the contracts share: what is asked of the engine, and how values and errors are taken out of its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lookhear.analysis.report import ModelUsed, Report
from lookhear.errors import LookhearError, TaskFailed, WrongMedium, of_code

JOBS, TAGGING, ANALYSIS, ANALYZER = (
    "jobs",
    "tagging",
    "analysis",
    "analyzer",
)  #: what kept jobs come by, and have the shapes of
Statuses = Mapping[type[LookhearError], int]


@dataclass(frozen=True)
class Ask:
    """What the engine is to do: the tasks, and for each the options that are not left to their defaults."""

    tasks: tuple[str, ...]
    options: dict[str, dict[str, Any]] = field(default_factory=dict)


def value(report: Report, *tasks: str) -> Any:
    """The value of the first of ``tasks`` that has one. Raises the error of the task, or WrongMedium."""
    for task in tasks:
        if task in report:
            return report[task]
    raise failure(report, *tasks)


def found(report: Report, *tasks: str) -> Any:
    """Likewise, None where there is none."""
    return next((report[task] for task in tasks if task in report), None)


def a(kind: str) -> str:
    """As one says it: audio, video, but an image."""
    return "an image" if kind == "image" else kind


def failure(report: Report, *tasks: str) -> LookhearError:
    """Why none of ``tasks`` has a value."""
    for error in report.errors:
        if error.task in tasks:
            return of_code(error.code, error.message)
    return WrongMedium(f"This is {a(report.medium.kind)}, which '{tasks[0]}' is not about. Send another kind of file.")


def status_of(error: LookhearError, statuses: Statuses) -> int:
    """The HTTP status of an error: as the contract says, of its nearest class, else its own."""
    known = (statuses[kind] for kind in type(error).__mro__ if kind in statuses)
    return next(known, error.http_status)


def models_of(report: Report, task: str) -> tuple[ModelUsed, ...]:
    """What the value of ``task`` was made with, its own model first."""
    return next((one.provenance.models for one in report.findings if one.task == task), ())


def model_versions(report: Report) -> dict[str, str]:
    """Version by name of all models that took part."""
    used = (model for one in report.findings for model in one.provenance.models)
    return {model.name: model.version for model in used}


def sentences(report: Report) -> list[str]:
    """What is to be known about the values: warnings, and the errors of tasks."""
    notes = [note.message if note.task is None else f"{note.task}: {note.message}" for note in report.warnings]
    return list(dict.fromkeys([*notes, *(f"{error.task}: {error.message}" for error in report.errors)]))


def error_of(error: LookhearError | Exception) -> dict[str, str]:
    """An error as clients get it where a job or a message failed: code and sentence."""
    if isinstance(error, LookhearError):
        return {"code": error.code, "message": error.message}
    return {"code": TaskFailed.code, "message": f"It failed ({type(error).__name__}: {error}). Please report it."}


def ms(seconds: float) -> int:
    """Whole milliseconds."""
    return round(seconds * 1000)
