"""Collections that go from a folder to a server and back, whatever comes between."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import QdrantClient, models

from lookhear.errors import InvalidVector, ModelMismatch, VectorsDiffer, VectorsUnavailable
from lookhear.outlets.collections import Collection
from lookhear.outlets.edge import EdgeVectors
from lookhear.outlets.moving import BATCH, Copied, copy, plan
from lookhear.outlets.server import ServerVectors, connect
from lookhear.outlets.vectors import Kept, Point, Vectors
from support.vectors import ONE, SIZE, TWO, axis, name

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")
Make = Callable[[str], Vectors]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A folder, a server's stand-in of the client's own, or a live server, by what its name begins with."""
    made: list[Vectors] = []

    def make_(kind: str) -> Vectors:
        if kind.startswith("folder"):
            made.append(EdgeVectors(tmp_path / kind))
        elif kind == "live":
            made.append(connect(os.environ["QDRANT_URL"], os.environ.get("QDRANT_API_KEY")))
        else:
            client = QdrantClient(":memory:")
            made.append(ServerVectors(client, kind))
        return made[-1]

    yield make_
    for one in made:
        for held in one.collections() if isinstance(one, ServerVectors) else ():
            if held.name.startswith("test_"):
                one.drop(held.name)
        one.close()


def move(source: Vectors, target: Vectors) -> list[Copied]:
    return list(copy(source, target, plan(source, target)[0]))


def everything(vectors: Vectors) -> dict[str, tuple[object, ...]]:
    mine = [held for held in vectors.collections() if held.name.startswith("test_")]
    return {held.name: (held.made, held.size, held.current, _points(vectors, held.name)) for held in mine}


def _points(vectors: Vectors, collection: str) -> list[tuple[int, list[float], object]]:
    found: list[Kept] = []
    while batch := vectors.scroll(collection, found[-1].id if found else None):
        found += batch
    return [(one.id, [round(x, 4) + 0.0 for x in one.vector], _rounded(one.payload)) for one in found]


def _rounded(payload: object) -> object:
    return json.loads(json.dumps(payload), parse_float=lambda text: round(float(text), 9))


def filled(vectors: Vectors, count: int = 2 * BATCH + 17) -> str:
    """A collection with a version in use and one that is not."""
    chance = np.random.default_rng(1)
    mine = Collection(vectors, name(), SIZE)
    rows = chance.normal(size=(count, SIZE))
    payloads = [{"job_id": f"j{i}", "media_store_id": str(i), "bbox": {"x": i / 3}, "none": None} for i in range(count)]
    mine.put([Point(i * 7, rows[i], payloads[i]) for i in range(count)], ONE)
    mine.begin(TWO)
    mine.put([Point((1 << 53) - 1, axis(2), {"job_id": "last"})], TWO)
    mine.switch(TWO)
    return mine.name


@pytest.mark.parametrize("target", ["folder", "server", "live"])
@pytest.mark.parametrize("source", ["folder of old", "server of old"])
def test_all_of_it_arrives_and_the_source_stays(make: Make, source: str, target: str) -> None:
    if target == "live" and not os.environ.get("QDRANT_URL"):
        pytest.skip("no Qdrant server: set QDRANT_URL")
    old, new = make(source), make(target)
    c = filled(old)
    before = everything(old)
    done = move(old, new)
    assert done == [Copied(c, 2 * BATCH + 17, 2 * BATCH + 17, 0), Copied(f"{c}__2", 1, 1, 0)]
    assert everything(new)[c] == before[c] and everything(new)[f"{c}__2"] == before[f"{c}__2"]
    assert everything(old) == before
    assert Collection(new, c, SIZE).search(axis(2), TWO)[0].payload == {"job_id": "last"}
    assert [one.written for one in move(old, new)] == [0, 0]  # once more changes nothing
    assert everything(new)[c] == before[c]


class Breaking(EdgeVectors):
    """A folder that fails after so many writes."""

    left = 1

    def put(self, collection: str, points: Iterable[Point]) -> int:
        if not self.left:
            raise VectorsUnavailable("it is away")
        self.left -= 1
        return super().put(collection, points)


def test_what_was_interrupted_is_taken_up_again(make: Make, tmp_path: Path) -> None:
    old = make("server of old")
    c = filled(old)
    with closing(Breaking(tmp_path / "new")) as breaking:
        with pytest.raises(VectorsUnavailable):
            move(old, breaking)
        assert breaking.count(c) == BATCH
    with closing(EdgeVectors(tmp_path / "new")) as whole:
        assert [one.written for one in move(old, whole)] == [BATCH + 17, 1]
        assert everything(whole) == everything(old)


def test_what_changed_meanwhile_is_brought_up_and_what_is_besides_stays(make: Make) -> None:
    old, new = make("folder of old"), make("server")
    c = filled(old)
    move(old, new)
    old.put(c, [Point(7, axis(1), {"job_id": "again"}), Point(8, axis(2), {"job_id": "more"})])
    new.put(c, [Point(9, axis(3), {"job_id": "besides"})])
    first, _ = move(old, new)
    assert (first.written, first.besides) == (2, 1)
    assert new.get(c, [7])[0].payload == {"job_id": "again"} and new.get(c, [9])


class Busy(EdgeVectors):
    """A folder that is written to while it is read."""

    def scroll(self, collection: str, after: int | None = None, limit: int = 500) -> list[Kept]:
        if after is not None:
            super().put(collection, [Point(1, axis(0))])
        return super().scroll(collection, after, limit)


def test_a_source_that_is_written_to_is_told(make: Make, tmp_path: Path) -> None:
    with closing(Busy(tmp_path / "busy")) as busy:
        filled(busy)
        with pytest.raises(VectorsDiffer, match="Stop the service"):
            move(busy, make("server"))


class Forgetful(EdgeVectors):
    """A folder that says that it kept what it did not."""

    def put(self, collection: str, points: Iterable[Point]) -> int:
        return super().put(collection, list(points)[1:]) + 1


def test_a_copy_that_is_not_whole_is_told(make: Make, tmp_path: Path) -> None:
    old = make("server of old")
    filled(old)
    with closing(Forgetful(tmp_path / "bad")) as bad, pytest.raises(VectorsDiffer, match="not what was copied"):
        move(old, bad)


def test_a_target_of_another_size_or_model_is_left_alone(make: Make) -> None:
    old, small, strange = make("folder of old"), make("folder of small"), make("server")
    c = filled(old, 3)
    small.make(f"{c}__2", SIZE + 1, TWO)
    with pytest.raises(InvalidVector, match=f"{c}__2 .*{SIZE} numbers.* {SIZE + 1}"):
        move(old, small)
    strange.make(c, SIZE, TWO)
    with pytest.raises(ModelMismatch, match=r"made by clip-vit-b-32@1 .*by clip-vit-b-32@2 .*Move to an empty place"):
        move(old, strange)
    assert [held.count for held in (*small.collections(), *strange.collections())] == [0, 0]


def test_collections_of_others_on_the_server_are_left_out(make: Make) -> None:
    client = QdrantClient(":memory:")
    config = models.VectorParams(size=4, distance=models.Distance.DOT)
    client.create_collection("theirs", vectors_config=config)
    client.create_collection("named", vectors_config={"a": config})
    old = ServerVectors(client, "a server")
    c = filled(old, 2)
    helds, strange = plan(old, make("folder"))
    assert [held.name for held in helds] == [c, f"{c}__2"] and strange == ["theirs"]
    client.close()
