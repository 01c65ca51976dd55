"""Vectors of one folder among several who use it: who may, what is too much, and what strangers send."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lookhear.errors import InvalidId, LimitExceeded, VectorsLocked, VectorsUnavailable
from lookhear.outlets import remote, wire
from lookhear.outlets.edge import EdgeVectors
from lookhear.outlets.shared import SharedVectors
from lookhear.outlets.vectors import Point
from support.vectors import ONE, SIZE, axis


class Pair:
    """Two of one folder; ``first`` has it open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first, self.second = SharedVectors(folder), SharedVectors(folder, patience=0.0)
        self.first.make("c", SIZE, ONE)

    def close(self) -> None:
        self.second.close()
        self.first.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path / "vectors")
    yield made
    made.close()


def test_what_one_puts_the_other_finds(pair: Pair) -> None:
    pair.second.put("c", [Point(1, axis(1), {"a": [1, {"é": None}]})])
    pair.first.put("c", [Point(2, axis(2))])
    assert pair.first.owner and not pair.second.owner
    assert pair.first.get("c", [1, 2]) == pair.second.get("c", [1, 2])
    assert pair.first.search("c", axis(1)) == pair.second.search("c", axis(1))
    assert pair.first.collections() == pair.second.collections() == [pair.second.held("c")]


def test_the_other_takes_over_and_the_first_comes_back(pair: Pair) -> None:
    pair.second.put("c", [Point(1, axis(1))])
    for one, other in [(pair.first, pair.second), (pair.second, pair.first)] * 2:
        one.close()
        assert other.count("c") == 1 and other.owner
        assert one.count("c") == 1 and not one.owner


def test_looking_makes_nothing_and_holds_nothing(tmp_path: Path) -> None:
    vectors = SharedVectors(tmp_path / "none")
    assert vectors.count("c") == 0 and vectors.held("c") is None and vectors.collections() == []
    with pytest.raises(VectorsUnavailable, match="Make it first"):
        vectors.put("c", [Point(1, axis(0))])
    assert not (tmp_path / "none").exists() and not vectors.owner
    vectors.close()


def test_one_that_does_not_share_is_told_of(tmp_path: Path) -> None:
    edge = EdgeVectors(tmp_path)
    edge.make("c", SIZE, ONE)
    vectors = SharedVectors(tmp_path, patience=0.05)
    with pytest.raises(VectorsLocked, match="QDRANT_URL"):
        vectors.count("c")
    edge.close()
    assert vectors.count("c") == 0
    vectors.close()


def test_errors_travel_as_they_are(pair: Pair) -> None:
    with pytest.raises(InvalidId, match="cannot name a collection"):
        pair.second.held("../up")
    with pytest.raises(ValueError, match="say which"):
        pair.second.delete("c", {})
    with pytest.raises(VectorsUnavailable, match="Make it first"):
        pair.second.lead("c", "none")
    with pytest.raises(TypeError, match="serializable"):
        pair.second.put("c", [Point(1, axis(0), {"a": object()})])
    assert pair.second.count("c") == 0


def test_large_messages_are_parted_and_too_large_ones_refused(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST", 20_000)
    assert pair.second.put("c", [Point(i, axis(0), {"text": "x" * 1000}) for i in range(100)]) == 100
    assert pair.first.count("c") == 100
    assert len(pair.second.search("c", axis(0), limit=10)) == 10
    with pytest.raises(LimitExceeded, match="at a time"):
        pair.second.search("c", axis(0), limit=100)
    with pytest.raises(LimitExceeded, match="at a time"):
        pair.second.put("c", [Point(200, axis(0), {"text": "x" * 30_000})])
    assert pair.second.count("c") == 100


def _dial(pair: Pair) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(10)
    peer.connect(str(pair.folder / ".socket"))
    return peer


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"LHV1" + b"\xff" * 8,
        b"LHV1" + (1).to_bytes(4, "big") + bytes(4) + b"{",
        b"LHV0" + (2).to_bytes(4, "big") + bytes(4) + b"{}",
    ],
)
def test_who_speaks_otherwise_is_hung_up_on(pair: Pair, sent: bytes) -> None:
    with _dial(pair) as stranger:
        stranger.sendall(sent)
        with suppress(ConnectionResetError):
            assert stranger.recv(1) == b""
    assert pair.second.count("c") == 0


@pytest.mark.parametrize("table", [[], {}, {"call": "close"}, {"call": "put", "collection": "c"}, {"call": "search"}])
def test_what_cannot_be_done_is_told(pair: Pair, table: dict[str, str]) -> None:
    with _dial(pair) as stranger:
        wire.send(stranger, table)
        answer, _ = wire.receive(stranger, 10)
    assert set(answer) == {"error", "message"}
    assert pair.second.count("c") == 0


def test_who_is_silent_holds_nobody_up(pair: Pair) -> None:
    with _dial(pair) as silent, _dial(pair) as slow:
        slow.sendall(b"LHV")
        assert pair.second.count("c") == 0
        started = time.monotonic()
        pair.first.close()
        assert time.monotonic() - started < 5
        assert silent.recv(1) == slow.recv(1) == b""


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[socket.socket]:
    """Listens in the place of a process that has the folder open."""
    edge = EdgeVectors(tmp_path)
    edge.hold()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / ".socket"))
        door.listen()
        yield door
    edge.close()


def test_one_that_has_it_open_and_hangs_is_told_of(
    tmp_path: Path, stranger: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_ANSWER", 0.1)
    vectors = SharedVectors(tmp_path)
    with pytest.raises(VectorsUnavailable, match="does not answer") as told:
        vectors.count("c")
    assert told.value.retryable
    vectors.close()


def test_a_call_that_breaks_whoever_does_it_is_given_up(tmp_path: Path, stranger: socket.socket) -> None:
    def hang_up() -> None:
        with suppress(OSError):
            while True:
                stranger.accept()[0].close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    vectors = SharedVectors(tmp_path)
    with pytest.raises(VectorsUnavailable, match="dies at once"):
        vectors.count("c")
    vectors.close()
    stranger.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_many_at_once(pair: Pair) -> None:
    failures: list[BaseException] = []

    def work(which: int) -> None:
        vectors = SharedVectors(pair.folder, patience=30)
        try:
            for i in range(3):
                vectors.put("c", [Point(which * 10 + i, axis(which % SIZE), {"job_id": str(which)})])
            assert vectors.count("c", {"job_id": str(which)}) == 3
        except BaseException as error:
            failures.append(error)
        finally:
            vectors.close()

    threads = [threading.Thread(target=work, args=(which,)) for which in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and pair.first.count("c") == 300


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lh") as found:
        monkeypatch.setattr(tempfile, "tempdir", found)
        yield Path(found)


def test_a_folder_with_a_long_path_is_shared_too(tmp_path: Path, temporary: Path) -> None:
    pair = Pair(tmp_path / ("long" * 20) / ("long" * 20))
    pair.second.put("c", [Point(1, axis(1))])
    (private,) = temporary.iterdir()
    (place,) = private.iterdir()
    assert private.stat().st_mode & 0o777 == 0o700 and place.stat().st_mode & 0o777 == 0o600
    assert not pair.second.owner
    pair.close()
    assert not place.exists()


def test_a_folder_that_others_can_write_to_is_not_trusted(tmp_path: Path, temporary: Path) -> None:
    (wire.places(tmp_path)[-1].parent).mkdir(mode=0o777)
    (wire.places(tmp_path)[-1].parent).chmod(0o777)
    pair = Pair(tmp_path / ("long" * 20) / ("long" * 20))
    with pytest.raises(VectorsLocked):
        pair.second.count("c")
    assert pair.first.count("c") == 0
    pair.close()
