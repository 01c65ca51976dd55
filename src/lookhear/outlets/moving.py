"""Copies collections from one keeper of vectors to another: folder or server, either way.

Points go in the order of their ids, in batches. Of a batch only what is not there yet, or differs, is written: a copy
that was interrupted is taken up again, and one that is whole writes nothing. The source is only read; nothing that the
target has besides is touched. Which version is in use is noted last.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lookhear.errors import InvalidVector, ModelMismatch, VectorsDiffer
from lookhear.outlets.vectors import Held, Kept, Point, Vectors

BATCH = 500  #: points
_SAMPLE = 256  # points of each collection that are read again at the end
_SAME = 1e-5  # of a number of a unit vector; adapters bring vectors to unit length in their own precision

Progress = Callable[[str, int], None]  #: name of the collection, points done since


@dataclass(frozen=True)
class Copied:
    """``count``: points of the source; ``written``: of them, those that had to be; ``besides``: others of the target."""

    name: str
    count: int
    written: int
    besides: int


def plan(source: Vectors, target: Vectors) -> tuple[list[Held], list[str]]:
    """What can be copied, and names of collections that are not ours. Raises InvalidVector, ModelMismatch."""
    there = source.collections()
    ours = [held for held in there if held.made is not None]
    for held in ours:
        _check(held, target.held(held.name))
    return ours, [held.name for held in there if held.made is None]


def copy(
    source: Vectors, target: Vectors, helds: Sequence[Held], progress: Progress = lambda *_: None
) -> Iterator[Copied]:
    """One after the other, each when it is whole and was checked. Raises VectorsDiffer, and what ``Vectors`` raise."""
    for held in helds:
        yield _copied(source, target, held, progress)
    names = {held.name for held in helds}
    for held in helds:
        if held.current is not None and held.current in names:
            target.lead(held.name, held.current)


def _copied(source: Vectors, target: Vectors, held: Held, progress: Progress) -> Copied:
    assert held.made is not None
    _check(held, target.make(held.name, held.size, held.made))  # another process may have been first
    sample, seen, written = _Sample(), 0, 0
    for batch in _batches(source, held.name):
        written += _put(target, held.name, batch)
        seen += len(batch)
        sample.add(one.id for one in batch)
        progress(held.name, len(batch))
    besides = _verified(source, target, held.name, seen, sample.ids)
    return Copied(held.name, seen, written, besides)


def _batches(source: Vectors, name: str) -> Iterator[list[Kept]]:
    after: int | None = None
    while batch := source.scroll(name, after, BATCH):
        yield batch
        after = batch[-1].id


def _put(target: Vectors, name: str, batch: list[Kept]) -> int:
    there = {one.id: one for one in target.get(name, [one.id for one in batch])}
    fresh = [one for one in batch if not _same(one, there.get(one.id))]
    return target.put(name, [Point(one.id, one.vector, one.payload) for one in fresh]) if fresh else 0


def _verified(source: Vectors, target: Vectors, name: str, seen: int, ids: list[int]) -> int:
    """How many points the target has besides. Raises VectorsDiffer."""
    now, count = source.count(name), target.count(name)
    if now != seen:
        raise VectorsDiffer(
            f"{name} had {seen} points and has {now} now: something writes to it. Stop the service, and run this again."
        )
    there = {one.id: one for one in target.get(name, ids)}
    wrong = [one.id for one in source.get(name, ids) if not _same(one, there.get(one.id))]
    if wrong or count < seen:
        said = f"point {wrong[0]} differs" if wrong else f"only {count} of {seen} points are there"
        raise VectorsDiffer(
            f"{name} is not what was copied: {said}. See that nothing else writes there, and run this again."
        )
    return count - seen


def _same(one: Kept, other: Kept | None) -> bool:
    if other is None or len(one.vector) != len(other.vector) or not _alike(one.payload, other.payload):
        return False
    return bool(np.abs(np.subtract(one.vector, other.vector)).max(initial=0.0) <= _SAME)


def _alike(one: Any, other: Any) -> bool:
    """The same, but for the last digit of a fraction: Qdrant reads it from JSON a little inexactly."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12)
    return bool(one == other)


def _check(held: Held, there: Held | None) -> None:
    """It can take what ``held`` has, or does not exist yet."""
    if there is None:
        return
    cure = "Move to an empty place, or remove that collection there."
    if there.size != held.size:
        raise InvalidVector(
            f"{held.name} has vectors of {held.size} numbers, but the one of that name at the target is for "
            f"{there.size}. {cure}"
        )
    if there.made != held.made:
        raise ModelMismatch(
            f"{held.name} was made by {held.made}, but the one of that name at the target by "
            f"{there.made or 'nobody knows which model'}. {cure}"
        )


class _Sample:
    """So many ids, each as likely as any other."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self._seen, self._chance = 0, random.Random()

    def add(self, ids: Iterable[int]) -> None:
        for id in ids:
            self._seen += 1
            if len(self.ids) < _SAMPLE:
                self.ids.append(id)
                continue
            place = self._chance.randrange(self._seen)
            if place < _SAMPLE:
                self.ids[place] = id
