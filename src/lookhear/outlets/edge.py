"""Vectors in a folder of their own, without a server."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from lookhear.errors import VectorsUnavailable
from lookhear.outlets.disk import FRESH, writing
from lookhear.outlets.lock import hold
from lookhear.outlets.shard import NOTE, Shard
from lookhear.outlets.vectors import Filters, Held, Hit, Kept, Made, Point, Vectors, check_name, checked, in_order, unit


class EdgeVectors(Vectors):
    """Collections below ``folder``, each opened at its first use; another process has to wait until ``close``.

    ``patience``: s to wait for another that has the folder open. Each call raises VectorsLocked if it still has.
    """

    def __init__(self, folder: Path, patience: float = 5.0) -> None:
        self.folder, self._patience = folder, patience
        self._lock = threading.RLock()
        self._held: IO[str] | None = None
        self._shards: dict[str, Shard] = {}

    def make(self, collection: str, size: int, made: Made) -> Held:
        with self._lock:
            if self._shard(collection) is None:
                self.hold()
                Shard.make(self.folder / collection, size, made)
            return self._there(collection).held()

    def held(self, collection: str) -> Held | None:
        shard = self._shard(collection)
        return None if shard is None else shard.held()

    def collections(self) -> list[Held]:
        names = sorted(note.parent.name for note in self.folder.glob(f"[!.]*/{NOTE}"))
        return [self._there(name).held() for name in names]

    def lead(self, collection: str, current: str) -> None:
        with self._lock:
            self._there(collection).lead(self._there(current).name)

    def put(self, collection: str, points: Iterable[Point]) -> int:
        shard = self._there(collection)
        ready = checked(points, shard.size)
        shard.put(ready)
        return len(ready)

    def delete(self, collection: str, filters: Filters) -> int:
        if not filters:
            raise ValueError("say which points to delete")
        shard = self._shard(collection)
        return 0 if shard is None else shard.delete(filters)

    def search(
        self,
        collection: str,
        vector: Sequence[float] | Any,
        limit: int = 10,
        filters: Filters | None = None,
        threshold: float | None = None,
    ) -> list[Hit]:
        shard = self._shard(collection)
        return [] if shard is None or limit < 1 else shard.search(unit(vector, shard.size), limit, filters, threshold)

    def get(self, collection: str, ids: Sequence[int]) -> list[Kept]:
        shard = self._shard(collection)
        return [] if shard is None else in_order(ids, shard.get(ids))

    def scroll(self, collection: str, after: int | None = None, limit: int = 500) -> list[Kept]:
        shard = self._shard(collection)
        return [] if shard is None or limit < 1 else shard.scroll(after, limit)

    def count(self, collection: str, filters: Filters | None = None) -> int:
        shard = self._shard(collection)
        return 0 if shard is None else shard.count(filters)

    def clear(self, collection: str) -> int:
        shard = self._shard(collection)
        return 0 if shard is None else shard.delete({})

    def drop(self, collection: str) -> bool:
        check_name(collection)
        with self._lock:
            folder = self.folder / collection
            if not (folder / NOTE).is_file():
                return False
            self.hold()
            shard = self._shards.pop(collection, None)
            if shard is not None:
                shard.close()
            gone = self.folder / f".{uuid.uuid4().hex}{FRESH}"
            with writing(self.folder):
                folder.rename(gone)  # all at once; what a crash leaves is swept by the next who holds the folder
        shutil.rmtree(gone, ignore_errors=True)
        return True

    def close(self) -> None:
        with self._lock:
            for name in list(self._shards):
                self._shards.pop(name).close()
            if self._held is not None:
                self._held.close()
                self._held = None

    def hold(self) -> None:
        """No other process can open the folder, until ``close``. Raises VectorsLocked, FilesUnwritable."""
        with self._lock:
            if self._held is None:
                self._held = hold(self.folder, self._patience)
                for left in self.folder.glob(f".*{FRESH}"):  # by a process that was killed
                    shutil.rmtree(left, ignore_errors=True)

    def _shard(self, collection: str) -> Shard | None:
        found = self._shards.get(collection)
        if found is not None:
            return found
        check_name(collection)
        with self._lock:
            if collection not in self._shards:
                if not (self.folder / collection / NOTE).is_file():
                    return None
                self._open(collection)
            return self._shards[collection]

    def _open(self, collection: str) -> None:
        self.hold()
        self._shards[collection] = Shard(self.folder / collection)

    def _there(self, collection: str) -> Shard:
        shard = self._shard(collection)
        if shard is None:
            raise VectorsUnavailable(f"There is no collection {collection} in {self.folder}. Make it first.")
        return shard
