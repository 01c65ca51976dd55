"""Vectors in a folder: many of them, other processes, and what is left when one is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from lookhear.errors import VectorsLocked, VectorsUnavailable
from lookhear.outlets.edge import EdgeVectors
from lookhear.outlets.vectors import Point
from support.vectors import ONE, SIZE, axis


def test_many_vectors_are_ranked_as_numpy_does(tmp_path: Path) -> None:
    """Above 20,000 points codes are searched first; tight groups are where that could go wrong."""
    made = np.random.default_rng(3)
    groups = made.standard_normal((40, 64))
    all_ = (groups[made.integers(0, 40, 24_000)] + 0.2 * made.standard_normal((24_000, 64)) + 1.0).astype(np.float32)
    all_ /= np.linalg.norm(all_, axis=1, keepdims=True)
    vectors = EdgeVectors(tmp_path)
    vectors.make("c", 64, ONE)
    vectors.put("c", [Point(i, vector, {"job_id": str(i % 3)}) for i, vector in enumerate(all_)])
    for query in all_[::1200] + 0.01:
        scores = all_ @ (query / np.linalg.norm(query))
        hits = vectors.search("c", query, limit=10)
        assert [hit.score for hit in hits] == pytest.approx(np.sort(scores)[:-11:-1].tolist(), abs=2e-6)
        filtered = vectors.search("c", query, limit=10, filters={"job_id": "1"})
        assert [hit.score for hit in filtered] == pytest.approx(np.sort(scores[1::3])[:-11:-1].tolist(), abs=2e-6)
    vectors.close()


def test_a_folder_that_is_open_elsewhere_is_told_with_what_to_do(tmp_path: Path) -> None:
    first = EdgeVectors(tmp_path)
    first.make("c", SIZE, ONE)
    second = EdgeVectors(tmp_path, patience=0.0)
    with pytest.raises(VectorsLocked, match=r"QDRANT_URL") as told:
        second.search("c", axis(0))
    assert told.value.retryable and told.value.http_status == 503
    first.close()
    assert second.count("c") == 0
    second.close()


def test_whoever_waits_gets_the_folder_once_it_is_closed(tmp_path: Path) -> None:
    first = EdgeVectors(tmp_path)
    first.make("c", SIZE, ONE)
    second = EdgeVectors(tmp_path, patience=30.0)
    waiting = threading.Thread(target=second.count, args=("c",))
    waiting.start()
    first.close()
    waiting.join(timeout=20)
    assert not waiting.is_alive()
    second.close()


WRITES = """
import sys
from pathlib import Path
from lookhear.outlets.edge import EdgeVectors
from lookhear.outlets.vectors import Made, Point
vectors = EdgeVectors(Path(sys.argv[1]))
vectors.make("c", 8, Made("m", "1", "0" * 64))
i = 0
while True:
    vectors.put("c", [Point(i, [1.0, i % 7, i % 5, 0, 0, 0, 0, 0], {"job_id": str(i)})])
    print(i, flush=True)
    i += 1
"""


def test_nothing_that_was_put_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITES, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(500)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    last = int([line for line in said if line.endswith("\n")][-1])
    vectors = EdgeVectors(tmp_path)
    assert vectors.count("c") in (last + 1, last + 2)  # it may have died before it could say so
    assert vectors.get("c", [last])[0].payload == {"job_id": str(last)}
    assert len(vectors.get("c", range(last + 1))) == last + 1
    vectors.close()


def test_what_a_killed_process_was_making_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / ".0123.new"
    (left / "segments").mkdir(parents=True)
    (tmp_path / "no-collection").mkdir()
    vectors = EdgeVectors(tmp_path)
    vectors.make("c", SIZE, ONE)
    assert not left.exists() and [held.name for held in vectors.collections()] == ["c"]
    vectors.close()


def test_a_damaged_folder_is_told(tmp_path: Path) -> None:
    vectors = EdgeVectors(tmp_path)
    vectors.make("c", SIZE, ONE)
    vectors.close()
    for file in (tmp_path / "c" / "segments").rglob("segment.json"):
        file.write_text("{")
    (tmp_path / "c" / "edge_config.json").write_text("{")
    with pytest.raises(VectorsUnavailable, match="cannot be used"):
        vectors.count("c")
    vectors.close()
