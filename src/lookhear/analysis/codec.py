"""The one JSON form of reports: to JSON, back, and its schema."""

from __future__ import annotations

import dataclasses
import json
import math
from functools import cache
from typing import Any

from lookhear.analysis.copy_groups import Copies, CopyGroup, Related
from lookhear.analysis.report import Finding, Refusal, Report
from lookhear.errors import InvalidReport, UnknownTask
from lookhear.tasks.catalogue import all_tasks, find


def plain(value: Any) -> Any:
    """``value`` as dicts, lists, strings and finite numbers. JSON has no NaN: those become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def to_json(report: Report | Refusal | Copies | CopyGroup | Related, *, indent: int | None = None) -> str:
    """One JSON object; on one line unless ``indent`` is given."""
    return json.dumps(plain(report), indent=indent, ensure_ascii=False, allow_nan=False)


def from_json(text: str | bytes) -> Report | Refusal:
    """What ``to_json`` wrote, with typed values. Raises InvalidReport.

    Values of tasks that are not installed here stay plain dicts.
    """
    from pydantic import ValidationError

    try:
        data = json.loads(text)
        if "error" in data:
            refusal: Refusal = _adapter(Refusal).validate_python(data)
            return refusal
        report: Report = _adapter(Report).validate_python(data)
        findings = tuple(_typed(finding, report.medium.kind) for finding in report.findings)
    except (ValidationError, ValueError, TypeError) as error:
        raise InvalidReport(f"This is not a Lookhear report: {str(error).splitlines()[0]}.") from error
    return dataclasses.replace(report, findings=findings)


def _typed(finding: Finding, kind: str) -> Finding:
    try:
        task = find(finding.task, kind)
    except UnknownTask:
        return finding
    if finding.provenance.task_version != task.version:
        return finding
    kind_of_value: Any = task.Result
    return dataclasses.replace(finding, value=_adapter(kind_of_value).validate_python(finding.value))


@cache
def _adapter(kind: Any) -> Any:
    """What checks values of that type; made once, since that takes longer than many an analysis."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a line of output: a report, or the refusal in its place."""
    from pydantic import TypeAdapter

    root = TypeAdapter(Report | Refusal).json_schema(mode="serialization")
    definitions = root.setdefault("$defs", {})
    branches = []
    values: dict[str, list[dict[str, str]]] = {}
    for task in all_tasks():
        value = TypeAdapter(task.Result).json_schema(mode="serialization", ref_template="#/$defs/{model}")
        definitions.update(value.pop("$defs", {}))
        value["required"] = list(value.get("properties", ()))  # null is written, too
        title = task.Result.__name__
        definitions[title] = value
        values.setdefault(task.name, []).append({"$ref": f"#/$defs/{title}"})
    for name, kinds in values.items():  # a task may give one thing of sound and another of pictures
        said = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        branches.append({"if": {"properties": {"task": {"const": name}}}, "then": {"properties": {"value": said}}})
    definitions["Finding"]["allOf"] = branches
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Lookhear report", **root}
