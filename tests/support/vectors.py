"""Everything that keeps vectors, opened for tests; a live server, too, where QDRANT_URL names one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from qdrant_client import QdrantClient

from lookhear.outlets.edge import EdgeVectors
from lookhear.outlets.server import ServerVectors, connect
from lookhear.outlets.shared import SharedVectors
from lookhear.outlets.vectors import Made, Vectors

ONE, TWO = Made("clip-vit-b-32", "1", "ab" * 32), Made("clip-vit-b-32", "2", "cd" * 32)
SIZE = 8
Opened = Callable[[], Vectors]


def name() -> str:
    return f"test_{uuid.uuid4().hex}"


@pytest.fixture(params=["edge", "shared, own", "shared, of another", "local server", "live server"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Opens the same vectors again and again, once the one before was closed."""
    url = os.environ.get("QDRANT_URL")
    if request.param == "live server" and not url:
        pytest.skip("no Qdrant server: set QDRANT_URL")
    made: list[Vectors] = []

    def open_() -> Vectors:
        if request.param == "edge":
            made.append(EdgeVectors(tmp_path / "vectors", patience=0.0))
        elif request.param.startswith("shared"):
            made.append(SharedVectors(tmp_path / "vectors"))
        elif request.param == "local server":
            client = QdrantClient(path=str(tmp_path / "qdrant"), force_disable_check_same_thread=True)
            made.append(ServerVectors(client, "a folder"))
        else:
            made.append(connect(str(url), os.environ.get("QDRANT_API_KEY")))
        return made[-1]

    if request.param == "shared, of another":
        open_().make(name(), SIZE, ONE)
    yield open_
    for one in made:
        one.close()
    if request.param == "live server":
        client = QdrantClient(url=url, api_key=os.environ.get("QDRANT_API_KEY"))
        for held in client.get_collections().collections:
            if held.name.startswith("test_"):
                client.delete_collection(held.name)


@pytest.fixture
def vectors(opened: Opened) -> Vectors:
    return opened()


def axis(which: int, lean: float = 0.0) -> list[float]:
    found = [0.0] * SIZE
    found[which], found[(which + 1) % SIZE] = 1.0, lean
    return found
