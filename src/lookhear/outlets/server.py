"""Vectors on a Qdrant server; it takes the extra ``qdrant``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from lookhear.errors import LookhearError, OutletRefused, Unsupported, VectorsUnavailable
from lookhear.outlets.vectors import (
    INDEXED,
    Filters,
    Held,
    Hit,
    Kept,
    Made,
    Point,
    Vectors,
    check_name,
    checked,
    in_order,
    unit,
)

try:
    from qdrant_client import QdrantClient, models
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
except ImportError as error:
    raise Unsupported("A Qdrant server takes an optional part: pip install 'lookhear[qdrant]'.") from error

_NOTE = "lookhear"  # in a collection's metadata: it is written with the collection, in the same call
_BATCH = 500
_TIMEOUT = 30  # s
_CONFLICT, _BUSY = 409, (408, 429)


def connect(url: str, api_key: str | None = None) -> ServerVectors:
    """Vectors on the server at ``url``; nothing is asked of it yet."""
    return ServerVectors(QdrantClient(url=url, api_key=api_key, timeout=_TIMEOUT, check_compatibility=False), url)


class ServerVectors(Vectors):
    """Collections of the server that ``client`` talks to; ``where``: its name in messages."""

    def __init__(self, client: QdrantClient, where: str) -> None:
        self._client, self._where = client, where
        self._sizes: dict[str, int] = {}

    def make(self, collection: str, size: int, made: Made) -> Held:
        check_name(collection)
        new = self.held(collection) is None
        if new:
            with self._telling(), _already():  # another process may make it, too
                self._client.create_collection(
                    collection,
                    vectors_config=models.VectorParams(size=size, distance=models.Distance.COSINE),
                    metadata={_NOTE: {"made": asdict(made), "current": None}},
                )
        with self._telling():
            for field in INDEXED:  # also where one that was killed made the collection alone
                self._client.create_payload_index(collection, field, models.PayloadSchemaType.KEYWORD)
        held = self._there(collection)
        if new and held.made is None:
            self.drop(collection)
            raise OutletRefused(
                f"The Qdrant server at {self._where} keeps no metadata of collections. Use version 1.16 or a later one."
            )
        return held

    def held(self, collection: str) -> Held | None:
        check_name(collection)
        with self._telling():
            if not self._client.collection_exists(collection):
                return None
            info = self._client.get_collection(collection)
        params = info.config.params.vectors
        if not isinstance(params, models.VectorParams):
            raise OutletRefused(
                f"The collection {collection} on {self._where} is not Lookhear's: it has named vectors."
            )
        note = (info.config.metadata or {}).get(_NOTE) or {}
        made = Made(**note["made"]) if note.get("made") else None
        self._sizes[collection] = params.size
        return Held(collection, params.size, made, self._count(collection, None), note.get("current"))

    def collections(self) -> list[Held]:
        with self._telling():
            names = sorted(one.name for one in self._client.get_collections().collections)
        found = []
        for name in names:
            try:
                held = self.held(name)
            except LookhearError as error:
                if error.retryable:
                    raise
                continue  # somebody else's
            found += [held] if held is not None else []
        return found

    def lead(self, collection: str, current: str) -> None:
        held = self._there(collection)
        self._there(current)
        made = asdict(held.made) if held.made else None
        with self._telling():
            self._client.update_collection(collection, metadata={_NOTE: {"made": made, "current": current}})

    def put(self, collection: str, points: Iterable[Point]) -> int:
        ready = checked(points, self._size(collection))
        for start in range(0, len(ready), _BATCH):
            batch = [models.PointStruct(id=id, vector=v, payload=p) for id, v, p in ready[start : start + _BATCH]]
            with self._telling():
                self._client.upsert(collection, batch, wait=True)
        return len(ready)

    def delete(self, collection: str, filters: Filters) -> int:
        if not filters:
            raise ValueError("say which points to delete")
        count = self.count(collection, filters)
        if count:
            with self._telling():
                self._client.delete(collection, models.FilterSelector(filter=_filtered(filters)), wait=True)
        return count

    def search(
        self,
        collection: str,
        vector: Sequence[float] | Any,
        limit: int = 10,
        filters: Filters | None = None,
        threshold: float | None = None,
    ) -> list[Hit]:
        size = self._sizes.get(collection) or getattr(self.held(collection), "size", None)
        if size is None or limit < 1:
            return []
        query = unit(vector, size)
        with self._telling():
            found = self._client.query_points(
                collection,
                query=query,
                limit=limit,
                query_filter=_filtered(filters) if filters else None,
                score_threshold=threshold,
            )
        return [Hit(int(one.id), one.score, one.payload or {}) for one in found.points]

    def get(self, collection: str, ids: Sequence[int]) -> list[Kept]:
        if self.held(collection) is None:
            return []
        with self._telling():
            records = self._client.retrieve(collection, list(ids), with_payload=True, with_vectors=True)
        return in_order(ids, (_kept(one) for one in records))

    def scroll(self, collection: str, after: int | None = None, limit: int = 500) -> list[Kept]:
        if limit < 1 or self.held(collection) is None:
            return []
        start = None if after is None else after + 1
        with self._telling():
            records, _ = self._client.scroll(
                collection, limit=limit, offset=start, with_payload=True, with_vectors=True
            )
        return [_kept(one) for one in records]

    def count(self, collection: str, filters: Filters | None = None) -> int:
        return 0 if self.held(collection) is None else self._count(collection, filters)

    def clear(self, collection: str) -> int:
        count = self.count(collection)
        if count:
            with self._telling():
                self._client.delete(collection, models.FilterSelector(filter=models.Filter()), wait=True)
        return count

    def drop(self, collection: str) -> bool:
        if self.held(collection) is None:
            return False
        self._sizes.pop(collection, None)
        with self._telling():
            self._client.delete_collection(collection)
        return True

    def close(self) -> None:
        self._client.close()

    def _count(self, collection: str, filters: Filters | None) -> int:
        with self._telling():
            return self._client.count(collection, _filtered(filters) if filters else None, exact=True).count

    def _size(self, collection: str) -> int:
        return self._sizes.get(collection) or self._there(collection).size

    def _there(self, collection: str) -> Held:
        held = self.held(collection)
        if held is None:
            raise VectorsUnavailable(f"There is no collection {collection} on {self._where}. Make it first.")
        return held

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except ResponseHandlingException as error:
            raise VectorsUnavailable(
                f"The Qdrant server at {self._where} does not answer: {error}. Check QDRANT_URL, and that it runs."
            ) from error
        except UnexpectedResponse as error:
            raise self._said(error) from error

    def _said(self, error: UnexpectedResponse) -> LookhearError:
        status, said = error.status_code or 500, error.content.decode("utf-8", "replace")[:300]
        if status >= 500 or status in _BUSY:
            return VectorsUnavailable(f"The Qdrant server at {self._where} fails with HTTP {status}: {said}.")
        cure = "Set QDRANT_API_KEY." if status in (401, 403) else "Check its version and its collections."
        return OutletRefused(f"The Qdrant server at {self._where} refuses with HTTP {status}: {said}. {cure}")


@contextmanager
def _already() -> Iterator[None]:
    try:
        yield
    except UnexpectedResponse as error:
        if error.status_code != _CONFLICT:
            raise


def _filtered(filters: Filters) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key=key, match=_match(value)) for key, value in filters.items()])


def _kept(record: models.Record) -> Kept:
    return Kept(int(record.id), tuple(record.vector or ()), record.payload or {})  # type: ignore[arg-type]


def _match(value: Any) -> models.MatchValue | models.MatchAny:
    return models.MatchValue(value=value) if isinstance(value, str | int) else models.MatchAny(any=list(value))
