"""One suite for everything that keeps vectors."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from qdrant_client import QdrantClient

from lookhear.errors import InvalidId, InvalidVector, OutletRefused, VectorsUnavailable
from lookhear.outlets.server import ServerVectors, connect
from lookhear.outlets.vectors import Point, Vectors
from support.vectors import ONE, SIZE, TWO, Opened, axis, name, opened, vectors

__all__ = ["opened", "vectors"]  # fixtures
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")


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


def test_all_points_can_be_gone_through_in_the_order_of_their_ids(vectors: Vectors) -> None:
    c = name()
    ids = [7, 0, (1 << 53) - 1, 3, *range(100, 1400)]
    assert vectors.scroll(c) == []
    vectors.make(c, SIZE, ONE)
    assert vectors.scroll(c) == []
    vectors.put(c, [Point(i, axis(i % SIZE), {"job_id": str(i), "none": None}) for i in ids])
    found, after = [], None
    while batch := vectors.scroll(c, after, 333):
        found += batch
        after = batch[-1].id
    assert [one.id for one in found] == sorted(ids)
    assert found[1].payload == {"job_id": "3", "none": None} and found[1].vector == pytest.approx(axis(3))
    assert [one.id for one in vectors.scroll(c, 3, 2)] == [7, 100] and vectors.scroll(c, 3, 0) == []


def test_a_collection_is_emptied_or_gone(vectors: Vectors) -> None:
    c, other = name(), name()
    assert vectors.clear(c) == 0 and vectors.drop(c) is False
    for one in (c, other):
        vectors.make(one, SIZE, ONE)
        vectors.put(one, [Point(i, axis(i)) for i in range(5)])
    vectors.lead(c, other)
    assert vectors.clear(c) == 5 and vectors.clear(c) == 0
    held = vectors.held(c)
    assert held is not None and (held.count, held.made, held.current) == (0, ONE, other)
    assert vectors.drop(c) is True and vectors.drop(c) is False
    assert vectors.held(c) is None and vectors.search(c, axis(0)) == [] and vectors.count(other) == 5
    with pytest.raises(VectorsUnavailable, match="Make it first"):
        vectors.put(c, [Point(1, axis(0))])
    assert vectors.make(c, SIZE + 1, TWO).count == 0  # the name is free again
    assert vectors.put(c, [Point(1, [*axis(0), 1.0])]) == 1


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


def test_a_server_that_is_not_there_is_told_and_worth_another_try() -> None:
    vectors = connect("http://127.0.0.1:1")
    with pytest.raises(VectorsUnavailable, match="QDRANT_URL") as told:
        vectors.put("c", [Point(1, axis(0))])
    assert told.value.retryable
    vectors.close()


class Old(QdrantClient):
    """Speaks with a server that knows nothing of metadata."""

    def create_collection(self, *args: Any, metadata: Any = None, **more: Any) -> bool:
        return super().create_collection(*args, **more)


def test_a_server_that_forgets_which_model_it_was_is_refused() -> None:
    vectors = ServerVectors(Old(":memory:"), "http://old")
    with pytest.raises(OutletRefused, match=r"1\.16"):
        vectors.make("c", SIZE, ONE)
    assert vectors.collections() == []
    vectors.close()
