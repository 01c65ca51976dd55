"""Vectors in a folder that any number of processes of one machine and user use at once.

One of them has the folder open and answers the others over a socket. When it goes away, whichever process calls next
opens the folder: what the lost one had put is there, and the call is done as if nothing had happened. Only ``delete``
and ``clear`` may then tell of fewer points than there were, and ``drop`` of none: what the lost one had deleted
already is not counted.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from lookhear.errors import VectorsLocked, VectorsUnavailable
from lookhear.outlets.edge import EdgeVectors
from lookhear.outlets.host import Host
from lookhear.outlets.remote import Remote
from lookhear.outlets.vectors import Filters, Held, Hit, Kept, Made, Point, Vectors
from lookhear.outlets.wire import Gone, places

_PAUSE = 0.01  # s
_TRIES = 10  # a call that breaks whoever does it shall not break everybody
_DRAIN = 10.0  # s

T = TypeVar("T")


class SharedVectors(Vectors):
    """Collections below ``folder``. Nothing is opened, made or held before the first call that needs it.

    ``patience``: s to wait for a process that has the folder open, but does not listen (yet).
    """

    def __init__(self, folder: Path, patience: float = 10.0) -> None:
        self.folder, self._patience = folder, patience
        self._guard = threading.Condition()
        self._now: Vectors | None = None
        self._host: Host | None = None
        self._calls = 0

    def make(self, collection: str, size: int, made: Made) -> Held:
        return self._do(lambda vectors: vectors.make(collection, size, made), makes=True)

    def held(self, collection: str) -> Held | None:
        return self._do(lambda vectors: vectors.held(collection))

    def collections(self) -> list[Held]:
        return self._do(lambda vectors: vectors.collections())

    def lead(self, collection: str, current: str) -> None:
        self._do(lambda vectors: vectors.lead(collection, current))

    def put(self, collection: str, points: Iterable[Point]) -> int:
        given = list(points)
        return self._do(lambda vectors: vectors.put(collection, given))

    def delete(self, collection: str, filters: Filters) -> int:
        return self._do(lambda vectors: vectors.delete(collection, filters))

    def search(
        self,
        collection: str,
        vector: Sequence[float] | Any,
        limit: int = 10,
        filters: Filters | None = None,
        threshold: float | None = None,
    ) -> list[Hit]:
        return self._do(lambda vectors: vectors.search(collection, vector, limit, filters, threshold))

    def get(self, collection: str, ids: Sequence[int]) -> list[Kept]:
        return self._do(lambda vectors: vectors.get(collection, ids))

    def scroll(self, collection: str, after: int | None = None, limit: int = 500) -> list[Kept]:
        return self._do(lambda vectors: vectors.scroll(collection, after, limit))

    def count(self, collection: str, filters: Filters | None = None) -> int:
        return self._do(lambda vectors: vectors.count(collection, filters))

    def clear(self, collection: str) -> int:
        return self._do(lambda vectors: vectors.clear(collection))

    def drop(self, collection: str) -> bool:
        return self._do(lambda vectors: vectors.drop(collection))

    def close(self) -> None:
        with self._guard:
            now, host = self._now, self._host
            self._now = self._host = None
            self._guard.wait_for(lambda: not self._calls, _DRAIN)
        if host is not None:
            host.close()
            atexit.unregister(self.close)
        if now is not None:
            now.close()

    @property
    def owner(self) -> bool:
        """It is this process that has the folder open."""
        return self._host is not None

    def _do(self, act: Callable[[Vectors], T], *, makes: bool = False) -> T:
        if not makes and not self.folder.is_dir():
            with closing(EdgeVectors(self.folder)) as nothing:
                return act(nothing)
        for _ in range(_TRIES):
            vectors = self._entered()
            try:
                return act(vectors)
            except Gone:
                self._lost(vectors)
            finally:
                self._left()
        raise VectorsUnavailable(f"Every process that opens the vectors in {self.folder} dies at once. See its log.")

    def _entered(self) -> Vectors:
        """Counted, until ``_left``. Raises VectorsLocked."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                with self._guard:
                    if self._now is None:
                        self._now = self._opened()
                    self._calls += 1
                    return self._now
            except VectorsLocked:  # it opens, closes, or is none of us
                if time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE)

    def _left(self) -> None:
        with self._guard:
            self._calls -= 1
            self._guard.notify_all()

    def _opened(self) -> Vectors:
        """By this process if it can be, else through the one that has it open. Raises VectorsLocked if neither."""
        edge = EdgeVectors(self.folder, patience=0.0)
        try:
            edge.hold()
        except VectorsLocked as locked:
            try:
                return Remote(places(self.folder))
            except Gone:
                raise locked from None
        self._host = Host(edge, places(self.folder))
        atexit.register(self.close)  # what others ask is answered before the interpreter ends
        return edge

    def _lost(self, vectors: Vectors) -> None:
        with self._guard:
            if self._now is vectors:
                self._now = None
        vectors.close()
