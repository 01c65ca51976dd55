"""Vectors in a folder: python -m benchmarks.vectors. How fast they go in, are found again, and are there after a restart."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lookhear.outlets.edge import EdgeVectors
from lookhear.outlets.shared import SharedVectors
from lookhear.outlets.vectors import Made, Point, Vectors

COUNT, SIZE, BATCH, ASKED, LIMIT = 100_000, 512, 1000, 100, 10
MADE = Made("benchmark", "1", "0" * 64)


def sections() -> Iterator[str]:
    """Tables, line by line."""
    yield f"\n## Vectors in a folder: {COUNT:,} of {SIZE} numbers\n"
    yield "Alike as those of one model are: in tight groups, all within a cone (cosines around 0.7)."
    yield f"Medians of {ASKED} searches for the nearest {LIMIT}; missed: how many of NumPy's nearest were not among them.\n"
    rows = vectors()
    with tempfile.TemporaryDirectory() as folder:
        yield from _measured(Path(folder), rows)
        yield from _shared(Path(folder), rows)


def vectors() -> np.ndarray:
    """At unit length, float32."""
    made = np.random.default_rng(1)
    groups = made.standard_normal((500, SIZE)) * np.linspace(1.5, 0.1, SIZE)
    rows = 1.2 * made.standard_normal(SIZE) + 0.8 * groups[made.integers(0, 500, COUNT)]
    rows += 0.25 * made.standard_normal((COUNT, SIZE))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _measured(folder: Path, rows: np.ndarray) -> Iterator[str]:
    store = EdgeVectors(folder)
    store.make("c", SIZE, MADE)
    rate = _rate(store, "c", rows)
    single = [_seconds(lambda i=i: store.put("c", [_point(i, rows[i])])) for i in range(ASKED)]
    found, missed, worst = _searches(store, rows)
    exact = statistics.median(_seconds(lambda i=i: _exact(rows, rows[i])) for i in range(ASKED))
    filtered = [_seconds(lambda i=i: store.search("c", rows[i], LIMIT, {"job_id": str(i)})) for i in range(ASKED)]
    deleted = [_seconds(lambda i=i: store.delete("c", {"job_id": str(i)})) for i in range(ASKED)]
    closing = _seconds(store.close)
    opening = _seconds(lambda: store.count("c"))
    store.close()
    yield "| | | target |"
    yield "|---|---|---|"
    yield f"| put, {BATCH} at once | {rate:,.0f} /s | ≥ 10,000 |"
    yield f"| put, one by one | {_ms(single):.2f} ms | |"
    yield f"| search | {_ms(found):.1f} ms (slowest {max(found) * 1e3:.1f}) | ≤ 10 |"
    yield f"| missed | {missed} of {ASKED * LIMIT} | 0 |"
    yield f"| scores off by | {worst:.0e} | |"
    yield f"| NumPy over all, for comparison | {exact * 1e3:.1f} ms | |"
    yield f"| search within one job | {_ms(filtered):.2f} ms | |"
    yield f"| delete a job's | {_ms(deleted):.2f} ms | |"
    yield f"| close, open | {closing:.2f} s, {opening:.2f} s | |"


def _shared(folder: Path, rows: np.ndarray) -> Iterator[str]:
    """The same folder through a process that has it open, and after that is killed."""
    with subprocess.Popen([sys.executable, "-c", _OWNS, str(folder)], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        store = SharedVectors(folder)
        store.make("again", SIZE, MADE)
        rate = _rate(store, "again", rows)
        single = [_seconds(lambda i=i: store.put("c", [_point(i, rows[i])])) for i in range(ASKED)]
        found = [_seconds(lambda i=i: store.search("c", rows[i], LIMIT)) for i in range(ASKED)]
        filtered = [_seconds(lambda i=i: store.search("c", rows[i], LIMIT, {"job_id": str(i)})) for i in range(ASKED)]
        owner.kill()
    taken = _seconds(lambda: store.search("c", rows[0], LIMIT))
    store.close()
    yield "\nThrough another process that has the folder open:\n"
    yield "| | |"
    yield "|---|---|"
    yield f"| put, {BATCH} at once | {rate:,.0f} /s |"
    yield f"| put, one by one | {_ms(single):.2f} ms |"
    yield f"| search | {_ms(found):.1f} ms (slowest {max(found) * 1e3:.1f}) |"
    yield f"| search within one job | {_ms(filtered):.2f} ms |"
    yield f"| first search after that one is killed | {taken:.2f} s |"


_OWNS = """
import sys, threading
from pathlib import Path
from lookhear.outlets.shared import SharedVectors
vectors = SharedVectors(Path(sys.argv[1]))
vectors.count("c")
print("open", flush=True)
threading.Event().wait()
"""


def _rate(store: Vectors, collection: str, rows: np.ndarray) -> float:
    started = time.perf_counter()
    for start in range(0, COUNT, BATCH):
        store.put(collection, [_point(i, rows[i]) for i in range(start, start + BATCH)])
    return COUNT / (time.perf_counter() - started)


def _searches(store: EdgeVectors, rows: np.ndarray) -> tuple[list[float], int, float]:
    noise = np.random.default_rng(2).standard_normal((ASKED, SIZE)) * 0.01
    seconds, missed, worst = [], 0, 0.0
    for query in rows[:ASKED] + noise:
        started = time.perf_counter()
        hits = store.search("c", query, LIMIT)
        seconds.append(time.perf_counter() - started)
        scores = rows @ (query / np.linalg.norm(query)).astype(np.float32)
        missed += len(set(_nearest(scores)) - {hit.id for hit in hits})
        worst = max(worst, *(abs(hit.score - float(scores[hit.id])) for hit in hits))
    return seconds, missed, worst


def _exact(rows: np.ndarray, query: np.ndarray) -> list[int]:
    return _nearest(rows @ query)


def _nearest(scores: np.ndarray) -> list[int]:
    return [int(i) for i in np.argpartition(-scores, LIMIT)[:LIMIT]]


def _point(i: int, vector: np.ndarray) -> Point:
    return Point(i, vector, {"job_id": str(i), "media_store_id": str(i), "task_type": "image_embedding"})


def _seconds(call: object) -> float:
    started = time.perf_counter()
    call()  # type: ignore[operator]
    return time.perf_counter() - started


def _ms(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1e3


if __name__ == "__main__":
    for line in sections():
        print(line, flush=True)
