"""Reports as rows: one flat row per medium, for CSV and Parquet."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Iterable
from importlib import util
from pathlib import Path
from typing import Any

from lookhear.analysis.copy_groups import Copies
from lookhear.errors import Unsupported

Row = dict[str, Any]


def flatten(data: dict[str, Any]) -> Row:
    """One row: medium facts, then ``task.field`` for every field; lists of plain values stay lists, else JSON."""
    name = data.get("medium", data)["name"].encode("utf-8", "backslashreplace").decode()  # it need not be UTF-8
    if "error" in data:
        return {"name": name, "sha256": data["sha256"], "error": data["error"]["message"]}
    medium = data["medium"]
    row: Row = {"name": name, **{key: medium[key] for key in ("kind", "duration", "sha256", "xxh64", "size")}}
    row["error"] = None
    row["complete"] = data["complete"]
    row["warnings"] = [note["message"] for note in data["warnings"]]
    for finding in data["findings"]:
        _spread(row, finding["task"], finding["value"])
    for error in data["errors"]:
        row[f"{error['task']}.error"] = error["message"]
    return row


def _spread(row: Row, prefix: str, value: Any) -> None:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            _spread(row, f"{prefix}.{key}", item)
    elif isinstance(value, dict):
        row[prefix] = None
    elif isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        row[prefix] = json.dumps(value, ensure_ascii=False)
    else:
        row[prefix] = value


def copy_rows(copies: Copies) -> list[Row]:
    """A row per file of a group, the best one first in each, then what is related, then what was refused."""
    rows: list[Row] = []
    for number, group in enumerate(copies.groups, 1):
        for copy in (group.best, *group.copies):
            row = {"group": number, "kind": group.kind, "best": copy is group.best, **dataclasses.asdict(copy)}
            width, height = row.pop("resolution") or (None, None)
            rows.append(row | {"width": width, "height": height, "to": None, "error": None})
    rows += [{**dataclasses.asdict(one)} for one in copies.related]
    rows += [{"path": refusal.name, "error": refusal.error.message} for refusal in copies.refused]
    return rows


def write_csv(rows: Iterable[Row], path: Path) -> None:
    """RFC 4180, UTF-8, one header line; lists as JSON."""
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.DictWriter(file, _columns(rows))
        writer.writeheader()
        for row in rows:
            writer.writerow({key: json.dumps(item) if isinstance(item, list) else item for key, item in row.items()})


def check_parquet() -> None:
    """Raises Unsupported without pyarrow."""
    if util.find_spec("pyarrow") is None:
        raise Unsupported(
            "Parquet needs pyarrow. Install it with: pip install pyarrow. CSV and JSON need nothing more."
        )


def write_parquet(rows: Iterable[Row], path: Path) -> None:
    """One column per field, lists as lists. Raises Unsupported without pyarrow."""
    check_parquet()
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    rows = list(rows)
    columns = {name: _column(arrow, [row.get(name) for row in rows]) for name in _columns(rows)}
    parquet.write_table(arrow.table(columns), path)


def _column(arrow: Any, values: list[Any]) -> Any:
    """Numbers of mixed int and float become float; a column that fits no one type becomes text."""
    try:
        if any(isinstance(value, float) for value in values):
            values = [float(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in values]
        return arrow.array(values)
    except (arrow.ArrowInvalid, arrow.ArrowTypeError):
        return arrow.array([None if value is None else json.dumps(value) for value in values])


def _columns(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))
