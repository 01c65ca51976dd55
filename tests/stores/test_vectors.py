"""One suite for everything that keeps vectors; a live server, too, where QDRANT_URL names one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import QdrantClient

from lookhear.errors import InvalidId, InvalidVector, ModelMismatch, VectorsLocked, VectorsUnavailable
from lookhear.outlets.collections import FACES, IMAGES, Collection
from lookhear.outlets.edge import EdgeVectors
from lookhear.outlets.server import ServerVectors, connect
from lookhear.outlets.vectors import Made, Point, Vectors

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")
ONE, TWO = Made("clip-vit-b-32", "1", "ab" * 32), Made("clip-vit-b-32", "2", "cd" * 32)
SIZE = 8
Opened = Callable[[], Vectors]


def name() -> str:
    return f"test_{uuid.uuid4().hex}"


@pytest.fixture(params=["edge", "local server", "live server"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Opens the same vectors again and again, once the one before was closed."""
    url = os.environ.get("QDRANT_URL")
    if request.param == "live server" and not url:
        pytest.skip("no Qdrant server: set QDRANT_URL")
    made: list[Vectors] = []

    def open_() -> Vectors:
        if request.param == "edge":
            made.append(EdgeVectors(tmp_path / "vectors", patience=0.0))
        elif request.param == "local server":
            client = QdrantClient(path=str(tmp_path / "qdrant"), force_disable_check_same_thread=True)
            made.append(ServerVectors(client, "a folder"))
        else:
            made.append(connect(str(url), os.environ.get("QDRANT_API_KEY")))
        return made[-1]

    yield open_
    for one in made:
        one.close()
    if request.param == "live server":
        client = QdrantClient(url=url, api_key=os.environ.get("QDRANT_API_KEY"))
        for held in client.get_collections().collections:
            if held.name.startswith("test_"):
                client.delete_collection(held.name)


@pytest.fixture
def vectors(opened: Opened) -> Vectors:
    return opened()


def axis(which: int, lean: float = 0.0) -> list[float]:
    found = [0.0] * SIZE
    found[which], found[(which + 1) % SIZE] = 1.0, lean
    return found


def test_what_was_put_is_found_nearest_first_with_its_payload(vectors: Vectors) -> None:
    c = name()
    held = vectors.make(c, SIZE, ONE)
    assert (held.name, held.size, held.made, held.count, held.current) == (c, SIZE, ONE, 0, None)
    payload = {"job_id": "j", "media_store_id": "7", "bbox": {"x": 1, "y": 2.5}, "face_index": 0, "none": None}
    assert vectors.put(c, [Point(1, axis(0), payload), Point(2, axis(0, 1.0)), Point(3, np.float32(axis(4)))]) == 3
    hits = vectors.search(c, [2 * x for x in axis(0)])
    assert [hit.id for hit in hits] == [1, 2, 3]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 0.5**0.5, 0.0], abs=1e-6)
    assert hits[0].payload == payload
    assert [hit.id for hit in vectors.search(c, axis(0), limit=1)] == [1]
    assert vectors.search(c, axis(0), limit=0) == []
    assert [hit.id for hit in vectors.search(c, axis(0), threshold=0.5)] == [1, 2]


def test_vectors_are_kept_at_unit_length(vectors: Vectors) -> None:
    c = name()
    vectors.make(c, SIZE, ONE)
    vectors.put(c, [Point(5, [3.0, 4.0, *[0.0] * 6], {"a": 1}), Point((1 << 53) - 1, [1e-30] * SIZE)])
    found = vectors.get(c, [99, (1 << 53) - 1, 5, 5])
    assert [one.id for one in found] == [(1 << 53) - 1, 5]
    assert found[1].vector == pytest.approx((0.6, 0.8, *[0.0] * 6)) and found[1].payload == {"a": 1}
    assert found[0].vector == pytest.approx([SIZE**-0.5] * SIZE)


def test_an_id_is_taken_over_by_the_later_point(vectors: Vectors) -> None:
    c = name()
    vectors.make(c, SIZE, ONE)
    vectors.put(c, [Point(1, axis(0), {"job_id": "old", "more": 1})])
    vectors.put(c, [Point(1, axis(3), {"job_id": "new"})])
    assert vectors.count(c) == 1
    (hit,) = vectors.search(c, axis(3))
    assert hit.score == pytest.approx(1.0) and hit.payload == {"job_id": "new"}


def test_filters_hold_for_search_count_and_delete(vectors: Vectors) -> None:
    c = name()
    vectors.make(c, SIZE, ONE)
    vectors.put(c, [Point(i, axis(0, i / 10), {"job_id": f"j{i % 2}", "media_store_id": str(i)}) for i in range(10)])
    assert {hit.id for hit in vectors.search(c, axis(0), filters={"job_id": "j1"})} == {1, 3, 5, 7, 9}
    assert {hit.id for hit in vectors.search(c, axis(0), filters={"media_store_id": ["3", "4"]})} == {3, 4}
    both = {"job_id": "j1", "media_store_id": ["3", "4"]}
    assert vectors.count(c, both) == 1 and vectors.count(c, {"job_id": "nobody's"}) == 0
    assert vectors.delete(c, {"job_id": "j1"}) == 5 and vectors.delete(c, {"job_id": "j1"}) == 0
    assert vectors.count(c) == 5 and {hit.id for hit in vectors.search(c, axis(0))} == {0, 2, 4, 6, 8}
    with pytest.raises(ValueError, match="which"):
        vectors.delete(c, {})


@pytest.mark.parametrize(
    "bad",
    [[1.0] * 7, [], [0.0] * SIZE, [float("nan")] * SIZE, [float("inf"), *[0.0] * 7], [[1.0] * SIZE], ["a"] * SIZE],
)
def test_one_bad_vector_and_none_is_kept(vectors: Vectors, bad: list[float]) -> None:
    c = name()
    vectors.make(c, SIZE, ONE)
    with pytest.raises(InvalidVector):
        vectors.put(c, [Point(1, axis(0)), Point(2, bad)])
    assert vectors.count(c) == 0
    with pytest.raises(InvalidVector):
        vectors.search(c, bad)


@pytest.mark.parametrize("id", [-1, 1 << 63, "7", True, 1.0])
def test_an_id_that_is_none_is_refused(vectors: Vectors, id: int) -> None:
    c = name()
    vectors.make(c, SIZE, ONE)
    with pytest.raises(InvalidId):
        vectors.put(c, [Point(1, axis(0)), Point(id, axis(0))])
    assert vectors.count(c) == 0


@pytest.mark.parametrize("bad", ["", "..", "../up", "a/b", ".hidden", "a\0b", "a" * 300, "é"])
def test_a_name_that_would_lead_elsewhere_is_refused(vectors: Vectors, bad: str) -> None:
    with pytest.raises(InvalidId):
        vectors.make(bad, SIZE, ONE)
    with pytest.raises(InvalidId):
        vectors.search(bad, axis(0))


def test_what_is_not_there_is_empty_and_cannot_be_written(vectors: Vectors) -> None:
    c = name()
    assert vectors.held(c) is None and vectors.search(c, axis(0)) == [] and vectors.get(c, [1]) == []
    assert vectors.count(c) == 0 and vectors.delete(c, {"job_id": "j"}) == 0
    with pytest.raises(VectorsUnavailable, match="Make it first"):
        vectors.put(c, [Point(1, axis(0))])


def test_everything_is_there_after_closing_and_opening(opened: Opened) -> None:
    c, other = name(), name()
    before = opened()
    before.make(c, SIZE, ONE)
    before.make(other, SIZE, TWO)
    before.put(c, [Point(i, axis(i % SIZE), {"job_id": str(i)}) for i in range(2500)])
    before.delete(c, {"job_id": "8"})
    before.lead(c, other)
    before.close()
    after = opened()
    mine = {held.name: held for held in after.collections() if held.name in (c, other)}
    assert mine[c].made == ONE and mine[c].count == 2499 and mine[c].current == other
    assert mine[other].made == TWO and mine[other].count == 0
    assert after.get(c, [8]) == [] and after.get(c, [16])[0].payload == {"job_id": "16"}


def test_making_it_again_changes_nothing(vectors: Vectors) -> None:
    c = name()
    vectors.make(c, SIZE, ONE)
    vectors.put(c, [Point(1, axis(0))])
    assert vectors.make(c, SIZE, TWO).made == ONE
    assert vectors.count(c) == 1


def test_threads_write_and_search_at_once(vectors: Vectors, request: pytest.FixtureRequest) -> None:
    if "local server" in request.node.name:
        pytest.skip("the client's local mode shares one SQLite cursor; servers do not")
    c, failures = name(), []
    vectors.make(c, SIZE, ONE)

    def work(which: int) -> None:
        try:
            for i in range(50):
                vectors.put(c, [Point(which * 1000 + i, axis(which), {"job_id": str(which)})])
                assert vectors.search(c, axis(which), filters={"job_id": str(which)})
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(which,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and vectors.count(c) == 200


def test_a_collection_belongs_to_one_model(vectors: Vectors) -> None:
    mine = Collection(vectors, name(), SIZE)
    assert mine.current() is None and mine.search(axis(0), ONE) == []
    assert mine.put([Point(1, axis(0), {"job_id": "a"})], ONE) == mine.name
    for stranger in (TWO, Made("clip-vit-b-32", "1", "ee" * 32), Made("other", "1", "ab" * 32)):
        with pytest.raises(ModelMismatch, match=r"made by clip-vit-b-32@1 .*fill it and switch"):
            mine.put([Point(2, axis(1))], stranger)
        with pytest.raises(ModelMismatch):
            mine.search(axis(0), stranger)
    assert vectors.count(mine.name) == 1


def test_a_new_version_is_built_beside_the_old_and_switched_to(vectors: Vectors) -> None:
    mine = Collection(vectors, name(), SIZE)
    mine.put([Point(1, axis(0), {"job_id": "a"})], ONE)
    assert mine.begin(TWO).name == f"{mine.name}__2" == mine.begin(TWO).name
    assert mine.put([Point(1, axis(5), {"job_id": "b"})], TWO) == f"{mine.name}__2"
    assert [hit.payload["job_id"] for hit in mine.search(axis(0), ONE)] == ["a"]
    assert mine.switch(TWO).count == 1
    assert [hit.payload["job_id"] for hit in mine.search(axis(5), TWO)] == ["b"]
    with pytest.raises(ModelMismatch):
        mine.search(axis(0), ONE)
    same_version = Made("clip-other", "2", "ff" * 32)
    assert mine.begin(same_version).name == f"{mine.name}__2-ffffffffffff"
    mine.switch(ONE)
    assert [hit.payload["job_id"] for hit in mine.search(axis(0), ONE)] == ["a"]
    assert mine.delete({"job_id": ["a", "b"]}) == 2 and [held.count for held in mine.versions()] == [0, 0, 0]


def test_there_is_no_switch_to_what_was_never_begun(vectors: Vectors) -> None:
    mine = Collection(vectors, name(), SIZE)
    mine.put([Point(1, axis(0))], ONE)
    with pytest.raises(ModelMismatch, match="Begin"):
        mine.switch(TWO)


def test_a_strange_version_makes_a_plain_name(vectors: Vectors) -> None:
    mine = Collection(vectors, name(), SIZE)
    mine.begin(ONE)
    assert mine.begin(Made("m", "../2026 / ü", "0" * 64)).name == f"{mine.name}__2026"
    assert mine.begin(Made("m", "///", "1" * 64)).name == f"{mine.name}__other"


def test_kinds_have_their_sizes(tmp_path: Path) -> None:
    vectors = EdgeVectors(tmp_path)
    assert Collection(vectors, IMAGES).begin(ONE).size == Collection(vectors, FACES).begin(ONE).size == 512
    vectors.close()


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


def test_a_server_that_is_not_there_is_told_and_worth_another_try() -> None:
    vectors = connect("http://127.0.0.1:1")
    with pytest.raises(VectorsUnavailable, match="QDRANT_URL") as told:
        vectors.put("c", [Point(1, axis(0))])
    assert told.value.retryable
    vectors.close()
