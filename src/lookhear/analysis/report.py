"""What an analysis returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lookhear.errors import LookhearError, TaskFailed
from lookhear.media.probe import Probe

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ModelUsed:
    """Which weights: ``sha256`` of the file, or of the list of files and their sums."""

    name: str
    version: str
    sha256: str | None = None
    better: str | None = None  #: chosen as the best that is installed; this one is known to be better


@dataclass(frozen=True)
class Provenance:
    """How a value came about: enough to tell whether doing it again would change it."""

    task_version: str
    library_version: str
    options: dict[str, Any]
    config_hash: str  #: xxHash64 of task, version, options and models as sorted JSON
    input_sha256: str | None
    models: tuple[ModelUsed, ...] = ()  #: its own first, then those of the tasks whose results it takes


@dataclass(frozen=True)
class Finding:
    """One value of one task. ``start`` and ``end`` are seconds; None where the value is about the whole medium."""

    task: str
    value: Any
    provenance: Provenance
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class TaskError:
    """One task that failed, while the others went on."""

    task: str
    code: str
    message: str


@dataclass(frozen=True)
class Note:
    """A warning, in a sentence. ``task`` is None where it is about the medium. ``harmless``: nothing is wrong with it."""

    message: str
    task: str | None = None
    harmless: bool = False


@dataclass(frozen=True)
class MediumFacts:
    """The medium a report is about."""

    name: str
    kind: str
    duration: float | None  #: s, as decoded where it was decoded, else as the file says
    sha256: str | None
    xxh64: str | None
    size: int | None
    probe: Probe


@dataclass(frozen=True)
class Report:
    """Findings, errors per task, warnings, timings. ``report["mir"]`` is the value of the task."""

    medium: MediumFacts
    findings: tuple[Finding, ...] = ()
    errors: tuple[TaskError, ...] = ()
    warnings: tuple[Note, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)  #: s: total, decode, and each task
    complete: bool = True  #: False where the medium breaks off or is damaged: the values cover what was readable
    schema_version: int = SCHEMA_VERSION

    def __getitem__(self, task: str) -> Any:
        """The first value of ``task``. Raises TaskFailed with its message, or KeyError if it was not asked for."""
        for finding in self.findings:
            if finding.task == task:
                return finding.value
        for error in self.errors:
            if error.task == task:
                raise TaskFailed(error.message)
        raise KeyError(task)

    def __contains__(self, task: object) -> bool:
        return any(finding.task == task for finding in self.findings)


@dataclass(frozen=True)
class Refusal:
    """What stands in place of a report when a medium could not be analysed at all."""

    name: str
    error: TaskError = field(default=TaskError("", "", ""))
    sha256: str | None = None
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def of(cls, name: str, error: LookhearError) -> Refusal:
        """From the error that was raised."""
        return cls(name, TaskError("", error.code, error.message))
