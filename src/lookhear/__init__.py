"""Lookhear looks at images, listens to audio, watches video, and answers with metadata you can search.

>>> import lookhear
>>> report = lookhear.analyze("song.mp3", tasks=["mir"])  # doctest: +SKIP
>>> report["mir"].tempo  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lookhear.version import __version__

if TYPE_CHECKING:
    from lookhear import tasks
    from lookhear.analysis.codec import from_json, schema, to_json
    from lookhear.analysis.copy_groups import Copies, Copy, CopyGroup
    from lookhear.analysis.report import Finding, Refusal, Report
    from lookhear.wiring import analyze, analyze_many, duplicates, listen, probe, pull

_HOMES = {
    "analyze": "lookhear.wiring",
    "analyze_many": "lookhear.wiring",
    "duplicates": "lookhear.wiring",
    "listen": "lookhear.wiring",
    "probe": "lookhear.wiring",
    "pull": "lookhear.wiring",
    "Copies": "lookhear.analysis.copy_groups",
    "Copy": "lookhear.analysis.copy_groups",
    "CopyGroup": "lookhear.analysis.copy_groups",
    "Finding": "lookhear.analysis.report",
    "Refusal": "lookhear.analysis.report",
    "Report": "lookhear.analysis.report",
    "from_json": "lookhear.analysis.codec",
    "schema": "lookhear.analysis.codec",
    "to_json": "lookhear.analysis.codec",
}

__all__ = [
    "Copies",
    "Copy",
    "CopyGroup",
    "Finding",
    "Refusal",
    "Report",
    "__version__",
    "analyze",
    "analyze_many",
    "duplicates",
    "from_json",
    "listen",
    "probe",
    "pull",
    "schema",
    "tasks",
    "to_json",
]


def __getattr__(name: str) -> Any:
    """Import on first use: ``import lookhear`` itself costs nothing."""
    from importlib import import_module

    if name == "tasks":  # a package that can be called
        return import_module("lookhear.tasks")
    if name not in _HOMES:
        raise AttributeError(f"module 'lookhear' has no attribute '{name}'")

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
