"""Pictures and films of this machine that search is to find: their vectors, kept under their paths."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from lookhear.analysis.plan import Step, make_plan
from lookhear.analysis.report import Report
from lookhear.contracts.indexed import FACES, PICTURES, all_vectors
from lookhear.contracts.points import point_id
from lookhear.contracts.search import SEARCHED, want
from lookhear.models.shelf import Model, Shelf
from lookhear.outlets.collections import SIZES, Collection
from lookhear.outlets.vectors import Made, Vectors
from lookhear.wiring.delivery import keep_vectors


class Index:
    """``tasks``: what is to be found out about a file; faces only where all models for them are installed.

    Raises ModelMissing without a model for pictures, ModelMismatch where what is kept was made by another.
    """

    def __init__(self, vectors: Vectors, shelf: Shelf) -> None:
        model = shelf.get(want(SEARCHED["images"]))
        faces = make_plan("image", [FACES], shelf=shelf).steps
        with_faces = not any(step.lacks for step in faces)
        self.tasks = (PICTURES, FACES) if with_faces else (PICTURES,)
        self._by = sorted({model.card.id, *(_ids(faces) if with_faces else ())})
        self._vectors, self._images = vectors, Collection(vectors, SEARCHED["images"].collection)
        self._images.check(_made(model))

    def known(self, path: str, sha256: str) -> bool:
        """Are the same bytes kept under that path, by these models?"""
        kept = self._kept(path)
        return kept is not None and kept.get("sha256") == sha256 and set(self._by) <= set(kept.get("by", ()))

    def put(self, path: str, report: Report) -> int:
        """What it has is kept in place of what was before; how many vectors. Raises VectorsUnavailable, ModelMismatch."""
        id = _id(path)
        found = all_vectors(report, id, "", {"path": id, "sha256": report.medium.sha256, "by": self._by})
        if self._kept(path) is not None:
            self._forget(id)  # there may be fewer faces now
        keep_vectors(self._vectors, found)
        return len(found)

    def prune(self, folders: Iterable[str], there: Iterable[str]) -> int:
        """Files below ``folders`` that were indexed and are gone are forgotten; how many. ``there``: those that are not."""
        below = tuple(os.path.join(_id(folder), "") for folder in folders)
        present = {_id(path) for path in there}
        gone = {
            path
            for path in self._paths()
            if path.startswith(below) and path not in present and not os.path.lexists(path)
        }
        for path in gone:
            self._forget(path)
        return len(gone)

    def _paths(self) -> Iterator[str]:
        """Of all that was indexed, some of them more than once."""
        for name in SIZES:
            current = Collection(self._vectors, name).current()
            after: int | None = None
            while current is not None and (some := self._vectors.scroll(current.name, after)):
                yield from (one.payload["path"] for one in some if isinstance(one.payload.get("path"), str))
                after = some[-1].id

    def _forget(self, id: str) -> None:
        for name in SIZES:
            Collection(self._vectors, name).delete({"media_store_id": id})

    def _kept(self, path: str) -> dict[str, Any] | None:
        current = self._images.current()
        kept = self._vectors.get(current.name, [point_id(_id(path))]) if current is not None else []
        return kept[0].payload if kept else None


def _id(path: str) -> str:
    """The whole path; bytes of a name that are no text are spelled out."""
    return os.fsencode(os.path.abspath(path)).decode("utf-8", "backslashreplace")


def _ids(steps: Iterable[Step]) -> set[str]:
    return {model.card.id for step in steps for model in step.models.values()}


def _made(model: Model) -> Made:
    return Made(model.card.name, model.card.version, model.one.sha256 or "")
