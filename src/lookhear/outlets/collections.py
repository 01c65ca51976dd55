"""The collections that Lookhear fills, each bound to the weights that made its vectors.

The first model to write makes ``image_embeddings``. Another version is built beside it, in
``image_embeddings__<version>``, until ``switch`` makes that the one that is searched and written.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lookhear.errors import InvalidOptions, ModelMismatch, UnknownModel
from lookhear.outlets.vectors import Filters, Held, Hit, Made, Point, Vectors

IMAGES = "image_embeddings"
FACES = "faces"
SIZES: Mapping[str, int] = {IMAGES: 512, FACES: 512}
_BESIDE = "__"
_UNFIT = re.compile(r"[^A-Za-z0-9.-]+", re.ASCII)


def kind(name: str) -> str:
    """The collection that one of that name is a version of."""
    return name.partition(_BESIDE)[0]


def found(vectors: Vectors) -> list[Collection]:
    """Each kind that there is, whoever made it."""
    sizes = {kind(held.name): held.size for held in vectors.collections()}
    return [Collection(vectors, name, size) for name, size in sizes.items()]


def _called(held: Held) -> set[str]:
    made = {held.made.version, f"{held.made.model}@{held.made.version}"} if held.made else set()
    return {held.name} | made


class Collection:
    """The vectors of one kind, whichever model made them. ``made`` is the model that the caller has loaded."""

    def __init__(self, vectors: Vectors, name: str, size: int | None = None) -> None:
        self.name, self.size = name, size or SIZES[name]
        self._vectors = vectors
        self._lock = threading.Lock()

    def current(self) -> Held | None:
        """The one that is searched and written."""
        plain = self._vectors.held(self.name)
        if plain is None or plain.current in (None, self.name):
            return plain
        return self._vectors.held(str(plain.current))

    def versions(self) -> list[Held]:
        """All of this kind."""
        return [one for one in self._vectors.collections() if self._mine(one.name)]

    def begin(self, made: Made) -> Held:
        """A collection for vectors of ``made``: the first one, or one beside the others."""
        with self._lock:
            there = self._of(made)
            if there is not None:
                return there
            plain = self._vectors.held(self.name)
            return self._bound(self.name if plain is None else self._beside(made), made)

    def switch(self, made: Made) -> Held:
        """From now on the vectors of ``made`` are searched and written. Raises ModelMismatch if none were begun."""
        with self._lock:
            there = self._of(made)
            if there is None:
                raise ModelMismatch(
                    f"There are no vectors of {made} for {self.name}. Begin such a collection, and fill it."
                )
            self._vectors.lead(self.name, there.name)
            return there

    def put(self, points: Iterable[Point], made: Made) -> str:
        """The points lie with the others of their model; where. Raises ModelMismatch, InvalidVector, VectorsUnavailable."""
        name = self._written(made)
        self._vectors.put(name, points)
        return name

    def search(
        self,
        vector: Sequence[float] | Any,
        made: Made,
        limit: int = 10,
        filters: Filters | None = None,
        threshold: float | None = None,
    ) -> list[Hit]:
        """The nearest among what is current, nothing before the first. Raises as ``put`` does."""
        current = self.current()
        if current is None:
            return []
        self._check(current, made)
        return self._vectors.search(current.name, vector, limit, filters, threshold)

    def check(self, made: Made) -> None:
        """Vectors of ``made`` can be put. Raises ModelMismatch."""
        current = self.current()
        if current is not None and self._of(made) is None:
            self._check(current, made)

    def delete(self, filters: Filters) -> int:
        """No such point is left, in any version; how many there were."""
        return sum(self._vectors.delete(one.name, filters) for one in self.versions())

    def drop(self, version: str) -> Held:
        """A version that is not in use has no points left; what it was.

        ``version``: as 2, clip-vit-b-32@2, or the collection's own name. The plain collection stays without points: it
        names the one in use. Raises UnknownModel, InvalidOptions.
        """
        with self._lock:
            held = self.version(version)
            if held.made is None:
                raise InvalidOptions(f"{held.name} is not Lookhear's, so it is left alone.")
            current = self.current()
            if current is not None and current.name == held.name:
                raise InvalidOptions(
                    f"{held.name} ({held.made}) is the one in use. Switch to another version first, then drop this one."
                )
            if held.name == self.name:
                self._vectors.clear(held.name)
            else:
                self._vectors.drop(held.name)
            return held

    def version(self, version: str) -> Held:
        """The one that is meant. Raises UnknownModel, InvalidOptions."""
        there = self.versions()
        found = [one for one in there if version in _called(one)]
        names = ", ".join(f"{one.name} ({one.made})" for one in found or there) or "nothing"
        if not found:
            raise UnknownModel(f"There is no version '{version[:80]}' of {self.name}. There is: {names}.")
        if len(found) > 1:
            raise InvalidOptions(f"'{version[:80]}' could be {names}. Give the collection's whole name.")
        return found[0]

    def _written(self, made: Made) -> str:
        current = self.current()
        if current is None:
            return self.begin(made).name
        if current.made == made:
            return current.name
        there = self._of(made)  # being filled, until the switch
        if there is None:
            self._check(current, made)
        return there.name if there is not None else current.name

    def _check(self, held: Held, made: Made) -> None:
        if held.made != made:
            raise ModelMismatch(
                f"The vectors in {held.name} were made by {held.made or 'nobody knows which model'}, not by {made}, and "
                f"the two cannot be compared. Activate that model again, or begin a collection for {made.version} beside "
                "it, fill it and switch."
            )

    def _of(self, made: Made) -> Held | None:
        return next((one for one in self.versions() if one.made == made), None)

    def _bound(self, name: str, made: Made) -> Held:
        held = self._vectors.make(name, self.size, made)
        self._check(held, made)  # another process may have been first
        return held

    def _beside(self, made: Made) -> str:
        name = f"{self.name}{_BESIDE}{_UNFIT.sub('-', made.version).strip('-.')[:60] or 'other'}"
        return name if self._vectors.held(name) is None else f"{name}-{made.sha256[:12]}"

    def _mine(self, name: str) -> bool:
        return name == self.name or name.startswith(self.name + _BESIDE)
