"""From a report to a row, and from rows to one file of Parquet. Every file has the same columns, whatever was asked."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import pyarrow as arrow
import pyarrow.parquet as parquet
import xxhash

from lookhear.analysis.tables import flatten

#: what may be well the next time: these are asked again
AGAIN = frozenset(
    {"medium_unreadable", "medium_not_found", "objects_unreachable", "limit_exceeded", "out_of_memory", "timed_out"}
)
_LONGEST = 1000  # letters of a text of its own; what is longer is in the report


@cache
def schema() -> Any:
    """The columns."""
    text, number = arrow.string(), arrow.float64()
    return arrow.schema(
        [
            ("key", arrow.binary(16)),  # of path and version
            ("path", text),
            ("version", text),  # of the bytes: the ETag, or size and time
            ("kind", text),
            ("duration", number),
            ("size", arrow.int64()),
            ("sha256", text),
            ("xxh64", text),
            ("complete", arrow.bool_()),
            ("warnings", arrow.list_(text)),
            ("task_errors", arrow.map_(text, text)),
            ("error_code", text),
            ("error", text),
            ("numbers", arrow.map_(text, number)),  # 'task.field'
            ("texts", arrow.map_(text, text)),
            ("seconds", number),  # that the analysis took
            ("done_at", arrow.timestamp("ms", tz="UTC")),
            ("report", text),  # the very line of JSON that 'lookhear analyze' writes
        ]
    )


def key_of(path: bytes, version: str) -> bytes:
    """Sixteen bytes that stand for a file in this state."""
    return xxhash.xxh3_128_digest(path + b"\0" + version.encode())


def row(path: bytes, version: str, line: str) -> dict[str, Any]:
    """Of one file and its line of JSON, a report or a refusal."""
    data = json.loads(line)
    flat = flatten(data)
    facts = {
        "key": key_of(path, version),
        "path": os.fsdecode(path).encode("utf-8", "backslashreplace").decode(),
        "version": version,
        "done_at": int(time.time() * 1000),
        "report": line.encode("utf-8", "backslashreplace").decode(),
        **{name: flat.get(name) for name in ("kind", "duration", "size", "sha256", "xxh64", "complete", "error")},
    }
    if "error" in data:
        return {**facts, "error_code": data["error"]["code"]}
    values = [(name, value) for name, value in flat.items() if "." in name and not name.endswith(".error")]
    return {
        **facts,
        "warnings": flat["warnings"],
        "task_errors": [(error["task"], error["message"]) for error in data["errors"]],
        "numbers": [(name, float(value)) for name, value in values if isinstance(value, (int, float))],
        "texts": [(name, value) for name, value in values if isinstance(value, str) and len(value) <= _LONGEST],
        "seconds": data["timings"].get("total"),
    }


def table(rows: Sequence[dict[str, Any]]) -> Any:
    """As a block of Arrow."""
    return arrow.Table.from_pylist(list(rows), schema=schema())


def packed(block: Any) -> bytes:
    """As bytes on their way to where they are written."""
    sink = io.BytesIO()
    with arrow.ipc.new_stream(sink, block.schema) as stream:
        stream.write_table(block)
    return sink.getvalue()


def unpacked(parts: Iterable[bytes]) -> Any:
    """One block of several."""
    return arrow.concat_tables([arrow.ipc.open_stream(part).read_all() for part in parts])


def encoded(block: Any) -> bytes:
    """As a file of Parquet."""
    sink = io.BytesIO()
    parquet.write_table(block, sink, compression="zstd")
    return sink.getvalue()


def name_of(keys: Iterable[bytes]) -> str:
    """Of the file with these rows: the same again, if it is written again."""
    return f"part-{xxhash.xxh3_128_hexdigest(b''.join(keys))[:24]}.parquet"
