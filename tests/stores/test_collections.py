"""Collections that belong to one model each, on everything that keeps vectors."""

from __future__ import annotations

from pathlib import Path

import pytest

from lookhear.errors import InvalidOptions, ModelMismatch, UnknownModel
from lookhear.outlets.collections import FACES, IMAGES, Collection
from lookhear.outlets.edge import EdgeVectors
from lookhear.outlets.vectors import Made, Point, Vectors
from support.vectors import ONE, SIZE, TWO, axis, name, opened, vectors

__all__ = ["opened", "vectors"]  # fixtures
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")


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


def test_a_version_that_is_not_in_use_can_be_dropped(vectors: Vectors) -> None:
    mine = Collection(vectors, name(), SIZE)
    mine.put([Point(1, axis(0), {"job_id": "a"})], ONE)
    beside = mine.begin(TWO)
    mine.put([Point(1, axis(5), {"job_id": "b"})], TWO)
    with pytest.raises(InvalidOptions, match="in use"):
        mine.drop("1")
    with pytest.raises(UnknownModel, match=r"no version '3' .*@1.*@2"):
        mine.drop("3")
    mine.switch(TWO)
    assert mine.drop("clip-vit-b-32@1").count == 1
    current = mine.current()  # the plain one still says so
    assert current is not None and (current.name, current.count) == (beside.name, 1)
    assert mine.search(axis(5), TWO)[0].payload == {"job_id": "b"}
    mine.switch(ONE)
    assert mine.drop(beside.name).count == 1 and [held.made for held in mine.versions()] == [ONE]


def test_a_version_that_could_be_several_has_to_be_named_in_full(vectors: Vectors) -> None:
    mine = Collection(vectors, name(), SIZE)
    for made in (ONE, TWO, Made("clip-other", "2", "ff" * 32)):
        mine.begin(made)
    with pytest.raises(InvalidOptions, match="whole name"):
        mine.drop("2")
    assert mine.drop("clip-other@2").name == f"{mine.name}__2-ffffffffffff"
    assert [held.made for held in mine.versions()] == [ONE, TWO]


def test_a_strange_version_makes_a_plain_name(vectors: Vectors) -> None:
    mine = Collection(vectors, name(), SIZE)
    mine.begin(ONE)
    assert mine.begin(Made("m", "../2026 / ü", "0" * 64)).name == f"{mine.name}__2026"
    assert mine.begin(Made("m", "///", "1" * 64)).name == f"{mine.name}__other"


def test_kinds_have_their_sizes(tmp_path: Path) -> None:
    vectors = EdgeVectors(tmp_path)
    assert Collection(vectors, IMAGES).begin(ONE).size == Collection(vectors, FACES).begin(ONE).size == 512
    vectors.close()
