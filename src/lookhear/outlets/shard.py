"""One collection in a folder: a shard of Qdrant Edge, and beside it a note of which model made the vectors.

Up to ``_PLAIN`` points each search goes through all vectors as they are. Beyond, it goes through 8-bit codes of all of
them, takes many times more than were asked for, and ranks those by the vectors themselves: a third of the time, and
scores are exact. There is no graph: building one takes minutes and the answers would be approximate.
"""

from __future__ import annotations

import json
import shutil
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import qdrant_edge as edge

from lookhear.errors import VectorsUnavailable
from lookhear.models.disk import read_table
from lookhear.outlets.disk import FRESH, write, writing
from lookhear.outlets.vectors import INDEXED, Filters, Held, Hit, Kept, Made

NOTE = "lookhear.json"
_BATCH = 1000
_PLAIN = 20_000  # points
_CANDIDATES, _OVERSAMPLING = 400, 20.0
_FLUSH = 20_000  # points put since the last; the log keeps what was put after it, and is read again at the start
_NEVER = 1 << 40  # kB
_ALL = "Look at its disk, or move the folder away and make its vectors anew."


class Shard:
    """An open one."""

    def __init__(self, folder: Path) -> None:
        note = read_table(folder / NOTE)
        self.folder, self.name = folder, folder.name
        self.size = int(note.get("size", 0))
        self.made = Made(**note["made"]) if note.get("made") else None
        self.current: str | None = note.get("current")
        self._lock = threading.Lock()
        self._unflushed = 0
        with self._telling():
            self._shard = edge.EdgeShard.load(str(folder))
            self._shard.optimize()  # gives back the room of what was deleted
            self._shard.flush()

    @staticmethod
    def make(folder: Path, size: int, made: Made) -> None:
        """A new one, all at once: a crash leaves nothing that would be taken for a collection."""
        fresh = folder.parent / f".{uuid.uuid4().hex}{FRESH}"
        with writing(folder.parent):
            fresh.mkdir(parents=True)
        try:
            with telling(folder):
                shard = edge.EdgeShard.create(str(fresh), _config(size))
                for field in INDEXED:
                    shard.update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Keyword))
                shard.close()
            _write(fresh, size, made, None)
            fresh.rename(folder)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise

    def lead(self, current: str) -> None:
        """Note which is used in its place."""
        _write(self.folder, self.size, self.made, current)
        self.current = current

    @property
    def points(self) -> int:
        """How many there are."""
        with self._telling():
            return self._shard.info().points_count

    def held(self) -> Held:
        """What it is."""
        return Held(self.name, self.size, self.made, self.points, self.current)

    def put(self, points: Sequence[tuple[int, list[float], dict[str, Any]]]) -> None:
        """They are in the log when it returns."""
        for start in range(0, len(points), _BATCH):
            batch = [edge.Point(*point) for point in points[start : start + _BATCH]]
            with self._telling(), self._lock:
                self._shard.update(edge.UpdateOperation.upsert_points(batch))
                self._wrote(len(batch))

    def delete(self, filters: Filters) -> int:
        """How many there were; without any value all of them go."""
        with self._telling(), self._lock:
            count = self._shard.count(edge.CountRequest(True, filtered(filters)))
            if count:
                self._shard.update(edge.UpdateOperation.delete_points_by_filter(filtered(filters)))
                self._wrote(count)
            return count

    def search(self, vector: list[float], limit: int, filters: Filters | None, threshold: float | None) -> list[Hit]:
        """Best first."""
        request = edge.SearchRequest(
            query=edge.Query.Nearest(vector),
            limit=limit,
            filter=filtered(filters) if filters else None,
            params=self._params(limit),
            with_payload=True,
            score_threshold=threshold,
        )
        with self._telling():
            found = self._shard.search(request)
        return [Hit(int(one.id), one.score, one.payload or {}) for one in found]

    def _params(self, limit: int) -> edge.SearchParams:
        if self.points <= _PLAIN:
            return edge.SearchParams(exact=True)
        oversampling = max(_OVERSAMPLING, _CANDIDATES / limit)
        return edge.SearchParams(quantization=edge.QuantizationSearchParams(rescore=True, oversampling=oversampling))

    def get(self, ids: Sequence[int]) -> list[Kept]:
        """Those that are there."""
        with self._telling():
            records = self._shard.retrieve(list(ids), True, True)
        return [_kept(one) for one in records]

    def scroll(self, after: int | None, limit: int) -> list[Kept]:
        """The next, in the order of ids."""
        start = None if after is None else after + 1
        request = edge.ScrollRequest(offset=start, limit=limit, with_payload=True, with_vector=True)
        with self._telling():
            records, _ = self._shard.scroll(request)
        return [_kept(one) for one in records]

    def count(self, filters: Filters | None) -> int:
        """Exactly."""
        if not filters:
            return self.points
        with self._telling():
            return self._shard.count(edge.CountRequest(True, filtered(filters)))

    def close(self) -> None:
        """Everything is on the disk."""
        with self._telling(), self._lock:
            self._shard.flush()
            self._shard.close()

    def _wrote(self, count: int) -> None:
        self._unflushed += count
        if self._unflushed >= _FLUSH:
            self._shard.flush()
            self._unflushed = 0

    def _telling(self) -> Any:
        return telling(self.folder)


@contextmanager
def telling(folder: Path) -> Iterator[None]:
    """Turns what the shard says into VectorsUnavailable; it knows no errors of its own."""
    try:
        yield
    except (VectorsUnavailable, TypeError, ValueError, OverflowError):
        raise
    except Exception as error:
        raise VectorsUnavailable(f"The vectors in {folder} cannot be used: {error}. {_ALL}") from error


def filtered(filters: Filters) -> edge.Filter:
    """Points that have all these values."""
    return edge.Filter(must=[edge.FieldCondition(key=key, match=_match(value)) for key, value in filters.items()])


def _kept(record: edge.Record) -> Kept:
    return Kept(int(record.id), tuple(record.vector or ()), record.payload or {})  # type: ignore[arg-type]


def _match(value: Any) -> edge.MatchValue | edge.MatchAny:
    return edge.MatchValue(value) if isinstance(value, str | int) else edge.MatchAny(list(value))


def _config(size: int) -> edge.EdgeConfig:
    return edge.EdgeConfig(
        vectors=edge.EdgeVectorParams(size=size, distance=edge.Distance.Cosine),
        hnsw_config=edge.HnswIndexConfig(0, 100, _NEVER),
        quantization_config=edge.TurboQuantQuantizationConfig(bits=edge.TurboQuantBitSize.Bits8),
        optimizers=edge.EdgeOptimizersConfig(indexing_threshold=_NEVER),
    )


def _write(folder: Path, size: int, made: Made | None, current: str | None) -> None:
    note = {"size": size, "made": asdict(made) if made else None, "current": current}
    write(folder / NOTE, json.dumps(note, indent=1).encode())
