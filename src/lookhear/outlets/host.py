"""Answers other processes of this machine out of the vectors that this one has open."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lookhear.errors import LimitExceeded, LookhearError, VectorsUnavailable
from lookhear.outlets.vectors import Kept, Made, Point, Vectors
from lookhear.outlets.wire import PATIENCE, packed, receive, send, trust, unpacked

_LOG = logging.getLogger(__name__)
_PEERS = 1000
_WAITING = 512  # connections that are not taken yet
_PAUSE = 0.05  # s
_DRAIN = 10.0  # s for what is being answered

Answer = tuple[Any, bytes]


class Host:
    """Listens at the first of ``places`` where it can, until ``close``. Nobody else may use ``places``."""

    def __init__(self, vectors: Vectors, places: Sequence[Path]) -> None:
        self._vectors = vectors
        self._guard = threading.Lock()
        self._peers: dict[socket.socket, threading.Thread] = {}
        self._closing = False
        self._place, self._door = _opened(places)
        self._porter = threading.Thread(target=self._welcome, name="lookhear-vectors", daemon=True)
        if self._door is not None:
            self._porter.start()

    def close(self) -> None:
        """What was asked is answered, and nobody is connected."""
        self._closing = True
        if self._door is None or self._place is None:
            return
        self._place.unlink(missing_ok=True)
        self._door.shutdown(socket.SHUT_RDWR)
        self._porter.join()
        self._door.close()
        self._shut(socket.SHUT_RD)  # what is there already can still be read
        deadline = time.monotonic() + _DRAIN
        for thread in self._threads():
            thread.join(max(0.0, deadline - time.monotonic()))
        self._shut(socket.SHUT_RDWR)

    def _welcome(self) -> None:
        assert self._door is not None
        while not self._closing:
            try:
                peer, _ = self._door.accept()
            except OSError:
                if not self._closing:
                    time.sleep(_PAUSE)  # too many files are open
                continue
            with self._guard:
                if len(self._peers) >= _PEERS:
                    peer.close()
                    continue
                thread = threading.Thread(target=self._attend, args=(peer,), name="lookhear-vectors", daemon=True)
                self._peers[peer] = thread
            thread.start()

    def _attend(self, peer: socket.socket) -> None:
        try:
            while True:
                asked = receive(peer, None)
                peer.settimeout(PATIENCE)
                self._reply(peer, *asked)
        except OSError:
            pass  # it is gone, or as good as that
        finally:
            with self._guard:
                del self._peers[peer]
                peer.close()

    def _reply(self, peer: socket.socket, table: dict[str, Any], numbers: bytes) -> None:
        answer, found = self._answered(table, numbers)
        try:
            send(peer, answer, found)
        except LimitExceeded as error:
            send(peer, _told(error.code, error.message))

    def _answered(self, table: dict[str, Any], numbers: bytes) -> tuple[dict[str, Any], bytes]:
        try:
            value, found = _CALLS[table["call"]](self._vectors, table, numbers)
        except LookhearError as error:
            return _told(error.code, error.message), b""
        except (TypeError, ValueError, OverflowError) as error:
            return _told(type(error).__name__, str(error)), b""
        except Exception as error:
            _LOG.warning("vectors could not be used for another process", exc_info=True)
            message = f"It could not be done there ({type(error).__name__}: {error}). Please report it."
            return _told(VectorsUnavailable.code, message), b""
        return {"value": value}, found

    def _threads(self) -> list[threading.Thread]:
        with self._guard:
            return list(self._peers.values())

    def _shut(self, how: int) -> None:
        with self._guard:
            for peer in self._peers:
                try:
                    peer.shutdown(how)
                except OSError:
                    continue  # it went first


def _opened(places: Sequence[Path]) -> tuple[Path | None, socket.socket | None]:
    for place in places:
        door = socket.socket(socket.AF_UNIX)
        try:
            trust(place)
            place.unlink(missing_ok=True)  # of a process that was killed
            door.bind(str(place))
            place.chmod(0o600)
            door.listen(_WAITING)  # only now can anybody connect
            return place, door
        except OSError as error:
            door.close()
            _LOG.debug("no socket at %s: %s", place, error)
    _LOG.warning("vectors cannot be shared with other processes: no socket can be made at %s", places)
    return None, None


def _told(code: str, message: str) -> dict[str, Any]:
    return {"error": code, "message": message}


def _make(vectors: Vectors, asked: dict[str, Any], numbers: bytes) -> Answer:
    return asdict(vectors.make(asked["collection"], asked["size"], Made(**asked["made"]))), b""


def _held(vectors: Vectors, asked: dict[str, Any], numbers: bytes) -> Answer:
    held = vectors.held(asked["collection"])
    return held and asdict(held), b""


def _collections(vectors: Vectors, asked: dict[str, Any], numbers: bytes) -> Answer:
    return [asdict(held) for held in vectors.collections()], b""


def _lead(vectors: Vectors, asked: dict[str, Any], numbers: bytes) -> Answer:
    vectors.lead(asked["collection"], asked["current"])
    return None, b""


def _put(vectors: Vectors, asked: dict[str, Any], numbers: bytes) -> Answer:
    rows = unpacked(numbers, len(asked["ids"]))
    points = [Point(*one) for one in zip(asked["ids"], rows, asked["payloads"], strict=True)]
    return vectors.put(asked["collection"], points), b""


def _delete(vectors: Vectors, asked: dict[str, Any], numbers: bytes) -> Answer:
    return vectors.delete(asked["collection"], asked["filters"]), b""


def _search(vectors: Vectors, asked: dict[str, Any], numbers: bytes) -> Answer:
    row = unpacked(numbers, 1)[0]
    hits = vectors.search(asked["collection"], row, asked["limit"], asked["filters"], asked["threshold"])
    return [(hit.id, hit.score, hit.payload) for hit in hits], b""


def _get(vectors: Vectors, asked: dict[str, Any], numbers: bytes) -> Answer:
    return _points(vectors.get(asked["collection"], asked["ids"]))


def _scroll(vectors: Vectors, asked: dict[str, Any], numbers: bytes) -> Answer:
    return _points(vectors.scroll(asked["collection"], asked["after"], asked["limit"]))


def _points(found: list[Kept]) -> Answer:
    return [(kept.id, kept.payload) for kept in found], packed([kept.vector for kept in found])


def _count(vectors: Vectors, asked: dict[str, Any], numbers: bytes) -> Answer:
    return vectors.count(asked["collection"], asked["filters"]), b""


def _clear(vectors: Vectors, asked: dict[str, Any], numbers: bytes) -> Answer:
    return vectors.clear(asked["collection"]), b""


def _drop(vectors: Vectors, asked: dict[str, Any], numbers: bytes) -> Answer:
    return vectors.drop(asked["collection"]), b""


_CALLS: dict[str, Callable[[Vectors, dict[str, Any], bytes], Answer]] = {
    "make": _make,
    "held": _held,
    "collections": _collections,
    "lead": _lead,
    "put": _put,
    "delete": _delete,
    "search": _search,
    "get": _get,
    "scroll": _scroll,
    "count": _count,
    "clear": _clear,
    "drop": _drop,
}
