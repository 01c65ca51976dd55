"""Vectors that another process of this machine has open."""

from __future__ import annotations

import builtins
import socket
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lookhear.errors import LimitExceeded, VectorsLocked, VectorsUnavailable, of_code
from lookhear.outlets.vectors import Filters, Held, Hit, Kept, Made, Point, Vectors, check_id, unit, units
from lookhear.outlets.wire import Gone, packed, receive, send, trust, unpacked

_CONNECT = 2.0  # s
_ANSWER = 60.0  # s; it may have to open a large collection first
_IDLE = 16  # connections
_BATCH = 1000  # points
_BATCH_NUMBERS = 4 << 20


class Remote(Vectors):
    """A connection for each thread that calls. Every call raises Gone once the other process is."""

    def __init__(self, places: Sequence[Path]) -> None:
        self._places = places
        self._guard = threading.Lock()
        self._closed = False
        self._sizes: dict[str, int] = {}
        self._idle = [self._connected()]

    def make(self, collection: str, size: int, made: Made) -> Held:
        return _held(self._ask("make", collection, size=size, made=vars(made))[0])

    def held(self, collection: str) -> Held | None:
        found = self._ask("held", collection)[0]
        return None if found is None else _held(found)

    def collections(self) -> list[Held]:
        return [_held(one) for one in self._ask("collections", "")[0]]

    def lead(self, collection: str, current: str) -> None:
        self._ask("lead", collection, current=current)

    def put(self, collection: str, points: Iterable[Point]) -> int:
        given = list(points)
        size = self._size(collection)
        if size is None:  # let it say so
            return int(self._ask("put", collection, ids=[], payloads=[])[0])
        ids = [check_id(point.id) for point in given]
        rows = units([point.vector for point in given], size)
        payloads = [dict(point.payload) for point in given]
        step = max(1, min(_BATCH, _BATCH_NUMBERS // size))
        return sum(
            self._put(collection, ids[at : at + step], rows[at : at + step], payloads[at : at + step])
            for at in range(0, len(ids), step)
        )

    def delete(self, collection: str, filters: Filters) -> int:
        return int(self._ask("delete", collection, filters=_plain(filters))[0])

    def search(
        self,
        collection: str,
        vector: Sequence[float] | Any,
        limit: int = 10,
        filters: Filters | None = None,
        threshold: float | None = None,
    ) -> list[Hit]:
        size = self._size(collection)
        if size is None or limit < 1:
            return []
        bounds = {"limit": limit, "filters": _plain(filters), "threshold": threshold}
        found = self._ask("search", collection, packed(unit(vector, size)), **bounds)[0]
        return [Hit(*one) for one in found]

    def get(self, collection: str, ids: Sequence[int]) -> list[Kept]:
        wanted = list(dict.fromkeys(ids))
        found: list[Kept] = []
        for at in range(0, len(wanted), _BATCH):
            records, numbers = self._ask("get", collection, ids=wanted[at : at + _BATCH])
            found += _points(records, numbers)
        return found

    def scroll(self, collection: str, after: int | None = None, limit: int = 500) -> list[Kept]:
        if limit < 1:
            return []
        try:
            records, numbers = self._ask("scroll", collection, after=after, limit=min(limit, _BATCH))
        except LimitExceeded:
            if limit < 2:
                raise
            return self.scroll(collection, after, min(limit, _BATCH) // 2)
        return _points(records, numbers)

    def count(self, collection: str, filters: Filters | None = None) -> int:
        return int(self._ask("count", collection, filters=_plain(filters))[0])

    def clear(self, collection: str) -> int:
        return int(self._ask("clear", collection)[0])

    def drop(self, collection: str) -> bool:
        self._sizes.pop(collection, None)
        return bool(self._ask("drop", collection)[0])

    def close(self) -> None:
        with self._guard:
            self._closed = True
            while self._idle:
                self._idle.pop().close()

    def _put(self, collection: str, ids: list[int], rows: Any, payloads: list[dict[str, Any]]) -> int:
        try:
            return int(self._ask("put", collection, packed(rows), ids=ids, payloads=payloads)[0])
        except LimitExceeded:
            half = len(ids) // 2
            if not half:
                raise
            first = self._put(collection, ids[:half], rows[:half], payloads[:half])
            return first + self._put(collection, ids[half:], rows[half:], payloads[half:])

    def _size(self, collection: str) -> int | None:
        """Of its vectors, which never changes."""
        if collection not in self._sizes:
            held = self.held(collection)
            if held is None:
                return None
            self._sizes[collection] = held.size
        return self._sizes[collection]

    def _ask(self, call: str, collection: str, numbers: bytes = b"", **more: Any) -> tuple[Any, bytes]:
        """What it answers. Raises what went wrong there."""
        peer = self._taken()
        try:
            answer, numbers = _exchanged(peer, {"call": call, "collection": collection, **more}, numbers)
        except (LimitExceeded, TypeError, ValueError):  # nothing was sent
            self._given(peer)
            raise
        except BaseException:
            peer.close()
            raise
        self._given(peer)
        if "error" in answer:
            raise _error(answer["error"], answer["message"])
        return answer["value"], numbers

    def _taken(self) -> socket.socket:
        with self._guard:
            if self._idle:
                return self._idle.pop()
        return self._connected()

    def _given(self, peer: socket.socket) -> None:
        with self._guard:
            if not self._closed and len(self._idle) < _IDLE:
                self._idle.append(peer)
                return
        peer.close()

    def _connected(self) -> socket.socket:
        for place in self._places:
            peer = socket.socket(socket.AF_UNIX)
            try:
                trust(place)
                peer.settimeout(_CONNECT)
                peer.connect(str(place))
                return peer
            except PermissionError as error:
                peer.close()
                raise VectorsLocked(f"Another user's process has {place.parent} open. Run as that user.") from error
            except OSError:
                peer.close()
        raise Gone("nobody listens")


def _exchanged(peer: socket.socket, table: dict[str, Any], numbers: bytes) -> tuple[dict[str, Any], bytes]:
    peer.settimeout(_ANSWER)
    try:
        send(peer, table, numbers)
        return receive(peer, _ANSWER)
    except TimeoutError as error:
        raise VectorsUnavailable("The process that has the vectors open does not answer. Restart it.") from error
    except OSError as error:
        raise Gone(str(error)) from error


def _error(code: str, message: str) -> Exception:
    if code in ("TypeError", "ValueError", "OverflowError"):
        found: Exception = getattr(builtins, code)(message)
        return found
    return of_code(code, message)


def _points(records: list[Any], numbers: bytes) -> list[Kept]:
    rows = unpacked(numbers, len(records)).tolist()
    return [Kept(id, tuple(row), payload) for (id, payload), row in zip(records, rows, strict=True)]


def _plain(filters: Filters | None) -> Mapping[str, Any] | None:
    if filters is None:
        return None
    return {key: value if isinstance(value, str | int) else list(value) for key, value in filters.items()}


def _held(found: dict[str, Any]) -> Held:
    return Held(**{**found, "made": found["made"] and Made(**found["made"])})
