"""Find media by words, by a medium, by a face, by a vector, or by one that is kept: the nearest in a collection.

The query is made with the model that made the collection, if it is installed still; vectors of two are never compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lookhear.analysis.plan import Options
from lookhear.analysis.report import Report
from lookhear.contracts.search import SEARCHED, Searched, Vector, answer, ask, want
from lookhear.errors import InvalidOptions, MediumNotFound
from lookhear.models.card import AUTO, Want
from lookhear.models.clip import text_vector
from lookhear.models.shelf import Model, Shelf
from lookhear.outlets.collections import Collection
from lookhear.outlets.vectors import Filters, Held, Hit, Made, Vectors

Analyze = Callable[[Sequence[str], Options], Report]


@dataclass(frozen=True)
class Bounds:
    """How many, which, and how near at least (cosine)."""

    limit: int = 10
    filters: Filters | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Found:
    """The nearest first. ``made``: by which model the vectors are; None where nothing is kept yet."""

    collection: str
    made: Made | None
    hits: tuple[Hit, ...] = ()


class Search:
    """Over one collection: ``images`` or ``faces``."""

    def __init__(self, vectors: Vectors, shelf: Shelf, among: str = "images") -> None:
        if among not in SEARCHED:
            raise InvalidOptions(f"'{among[:40]}' cannot be searched. There are: {', '.join(SEARCHED)}.")
        self.searched: Searched = SEARCHED[among]
        self._vectors, self._shelf = vectors, shelf
        self._collection = Collection(vectors, self.searched.collection)

    def words(self, text: str, bounds: Bounds) -> Found:
        """What shows that. Raises ModelMissing, ModelMismatch, and InvalidOptions where words find nothing."""
        if not self.searched.words:
            raise InvalidOptions("Words find images only. Send a picture of a face to find others of it.")
        current = self._collection.current()
        if current is None:
            return self._nothing()
        model = self._shelf.get(self._want(current))
        return self._nearest(text_vector(model, text), _made(model), bounds)

    def medium(self, analyze: Analyze, bounds: Bounds, place: int = 0) -> Found:
        """What is like it. ``analyze`` gives its report; ``place``: which face, the surest is 0. Raises as ``words``."""
        current = self._collection.current()
        if current is None:
            return self._nothing()
        asked = ask(self.searched, self._want(current).model)
        vector, used = answer(self.searched, analyze(asked.tasks, asked.options), place)
        return self._nearest(vector, Made(used.name, used.version, used.sha256 or ""), bounds)

    def vector(self, vector: Vector, bounds: Bounds) -> Found:
        """What is near it; that it is of the same model is for who asks to know. Raises InvalidVector."""
        current = self._collection.current()
        if current is None or current.made is None:
            return self._nothing()
        return self._nearest(vector, current.made, bounds)

    def kept(self, media_store_id: str, bounds: Bounds, place: int = 0) -> Found:
        """What is like a medium that is kept, itself left out. Raises MediumNotFound."""
        current = self._collection.current()
        id = self.searched.point(media_store_id, place)
        kept = self._vectors.get(current.name, [id]) if current is not None else []
        if current is None or current.made is None or not kept:
            raise MediumNotFound(
                f"No vector of '{media_store_id[:80]}' is kept in {self.searched.collection}. Give it to a job first."
            )
        wider = Bounds(bounds.limit + 1, bounds.filters, bounds.threshold)
        found = self._nearest(kept[0].vector, current.made, wider)
        others = tuple(hit for hit in found.hits if hit.id != id)
        return Found(found.collection, found.made, others[: bounds.limit])

    def _want(self, current: Held) -> Want:
        """The model that made it, or the one in use if that is gone."""
        if current.made is not None:
            exact = f"{current.made.model}@{current.made.version}"
            if exact in self._shelf.store.all():
                return want(self.searched, exact)
        return want(self.searched, AUTO)

    def _nearest(self, vector: Any, made: Made, bounds: Bounds) -> Found:
        hits = self._collection.search(vector, made, bounds.limit, bounds.filters, bounds.threshold)
        return Found(self.searched.collection, made, tuple(hits))

    def _nothing(self) -> Found:
        return Found(self.searched.collection, None)


def _made(model: Model) -> Made:
    return Made(model.card.name, model.card.version, model.one.sha256 or "")
