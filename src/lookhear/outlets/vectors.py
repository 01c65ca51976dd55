"""What keeps vectors: the records, and the calls that the folder and the server have in common."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lookhear.errors import InvalidId, InvalidVector

Payload = Mapping[str, Any]
Filters = Mapping[str, "str | int | bool | Sequence[str] | Sequence[int]"]  #: a value, or any of several, by field
INDEXED = ("job_id", "media_store_id")  #: fields that are looked up without going through all points
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", re.ASCII)
_MOST_ID = 1 << 63


@dataclass(frozen=True)
class Made:
    """Which weights made the vectors of a collection."""

    model: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.model}@{self.version} ({self.sha256[:12]})"


@dataclass(frozen=True)
class Point:
    """A vector to keep; another of the same id takes its place."""

    id: int
    vector: Sequence[float] | np.ndarray[Any, np.dtype[np.float32]]
    payload: Payload = field(default_factory=dict)


@dataclass(frozen=True)
class Kept:
    """A vector that is kept, of unit length."""

    id: int
    vector: tuple[float, ...]
    payload: dict[str, Any]


@dataclass(frozen=True)
class Hit:
    """``score``: the cosine, -1 to 1."""

    id: int
    score: float
    payload: dict[str, Any]


@dataclass(frozen=True)
class Held:
    """A collection. ``made``: None where nobody noted it; ``current``: the one that is used in its place, if any."""

    name: str
    size: int
    made: Made | None
    count: int
    current: str | None = None


class Vectors(ABC):
    """Collections of vectors by name. Safe for threads; what a call has put is there after a crash."""

    @abstractmethod
    def make(self, collection: str, size: int, made: Made) -> Held:
        """The collection is there, new or as it was. Raises VectorsUnavailable, as all calls do."""

    @abstractmethod
    def held(self, collection: str) -> Held | None:
        """What there is of that name."""

    @abstractmethod
    def collections(self) -> list[Held]:
        """All of them, by name."""

    @abstractmethod
    def lead(self, collection: str, current: str) -> None:
        """Note that ``current`` is used in the place of ``collection``; both are there."""

    @abstractmethod
    def put(self, collection: str, points: Iterable[Point]) -> int:
        """The points are kept; how many. Raises InvalidVector, and then none of them is."""

    @abstractmethod
    def delete(self, collection: str, filters: Filters) -> int:
        """No point that has all these values is left; how many had. Raises ValueError without any value."""

    @abstractmethod
    def search(
        self,
        collection: str,
        vector: Sequence[float] | np.ndarray[Any, np.dtype[np.float32]],
        limit: int = 10,
        filters: Filters | None = None,
        threshold: float | None = None,
    ) -> list[Hit]:
        """The nearest, best first, none below ``threshold``; nothing where there is no such collection."""

    @abstractmethod
    def get(self, collection: str, ids: Sequence[int]) -> list[Kept]:
        """Those of them that are there, in that order."""

    @abstractmethod
    def scroll(self, collection: str, after: int | None = None, limit: int = 500) -> list[Kept]:
        """The next points in the order of ids, beginning above ``after``; nothing at the end, or where there is none."""

    @abstractmethod
    def count(self, collection: str, filters: Filters | None = None) -> int:
        """Points that have all these values; 0 where there is no such collection."""

    @abstractmethod
    def clear(self, collection: str) -> int:
        """No point is left, the collection is; how many there were."""

    @abstractmethod
    def drop(self, collection: str) -> bool:
        """There is no such collection; whether there was."""

    @abstractmethod
    def close(self) -> None:
        """Everything is on the disk, and another process may open it."""


def check_name(collection: str) -> str:
    """A name that can be a folder's. Raises InvalidId."""
    if not _NAME.fullmatch(collection):
        raise InvalidId(f"'{collection[:80]}' cannot name a collection: use letters, digits, '.', '_' and '-'.")
    return collection


def unit(vector: Any, size: int) -> list[float]:
    """The vector at unit length. Raises InvalidVector."""
    return units([vector], size)[0].tolist()  # type: ignore[no-any-return]


def checked(points: Iterable[Point], size: int) -> list[tuple[int, list[float], dict[str, Any]]]:
    """Id, unit vector and payload of each. Raises InvalidVector, InvalidId."""
    given = list(points)
    ids = [check_id(point.id) for point in given]
    rows = units([point.vector for point in given], size).tolist()
    return [(id, vector, dict(point.payload)) for id, vector, point in zip(ids, rows, given, strict=True)]


def units(vectors: list[Any], size: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """All of them at unit length, a row each. Raises InvalidVector."""
    if not vectors:
        return np.zeros((0, size))
    try:
        values = np.array(vectors, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidVector(f"Vectors of this collection have {size} numbers each: {error}.") from error
    if values.shape != (len(vectors), size):
        raise InvalidVector(f"Vectors of this collection have {size} numbers each, not the shape {values.shape[1:]}.")
    lengths = np.sqrt(np.einsum("ij,ij->i", values, values))
    if not (np.isfinite(lengths) & (lengths > 0)).all():  # nothing is near a vector without direction
        raise InvalidVector("A vector takes finite numbers that are not all zero.")
    values /= lengths[:, None]
    return values


def check_id(id: int) -> int:
    """A number that both adapters can keep. Raises InvalidId."""
    if isinstance(id, bool) or not isinstance(id, int) or not 0 <= id < _MOST_ID:
        raise InvalidId(f"{id!r} cannot be the id of a point: use a whole number from 0 to 2^63 - 1.")
    return id


def in_order(ids: Sequence[int], found: Iterable[Kept]) -> list[Kept]:
    """As they were asked for."""
    by_id = {kept.id: kept for kept in found}
    return [by_id[id] for id in dict.fromkeys(ids) if id in by_id]
