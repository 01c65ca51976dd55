"""A service of real but small parts, for tests of the doors alone; and a server on a free port."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import xxhash
from fastapi import FastAPI

from lookhear.analysis.report import Report
from lookhear.models.shelf import Shelf
from lookhear.serve.http.listening import listen
from lookhear.serve.http.server import Server
from lookhear.settings import Settings


@dataclass(frozen=True)
class Kept:
    """A file that lies in the folder."""

    path: Path
    sha256: str
    xxh64: str
    size: int


class Writing:
    """A file that is being written."""

    def __init__(self, folder: Path) -> None:
        handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
        self.path, self.file = Path(name), os.fdopen(handle, "wb")
        self._folder, self._sha, self._xxh, self._size = folder, hashlib.sha256(), xxhash.xxh64(), 0

    def write(self, data: bytes) -> None:
        """Add to it."""
        self.file.write(data)
        self._sha.update(data)
        self._xxh.update(data)
        self._size += len(data)

    def done(self) -> Kept:
        """It is whole."""
        self.file.close()
        kept = Kept(self._folder / self._sha.hexdigest(), self._sha.hexdigest(), self._xxh.hexdigest(), self._size)
        self.path.rename(kept.path)
        return kept


class FolderSpool:
    """Files by their content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def writing(self, name: str) -> Iterator[Writing]:
        """A file; what is not done does not stay."""
        self.folder.mkdir(parents=True, exist_ok=True)
        writing = Writing(self.folder)
        try:
            yield writing
        finally:
            writing.file.close()
            writing.path.unlink(missing_ok=True)


@dataclass
class Stats:
    """Figures."""

    queue_size: int = 0
    by_status: dict[str, int] = field(default_factory=lambda: {"pending": 0})


class Jobs:
    """A queue in memory that can be told to be slow or broken."""

    def __init__(self) -> None:
        self.now = Stats()
        self.free = threading.Event()
        self.free.set()
        self.broken: Exception | None = None

    def stats(self) -> Stats:
        """Figures, once it is free."""
        self.free.wait(30)
        if self.broken is not None:
            raise self.broken
        return self.now

    def workers(self) -> list[Any]:
        """There are none."""
        return []

    def figures(self) -> dict[Any, Any]:
        """Nothing was done."""
        return {}


class Service:
    """Tells what was done to it: ``done``."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.started = settings, time.time()
        self.shelf, self.jobs = Shelf(settings), Jobs()
        self.spool = FolderSpool(settings.storage_dir / "spool")
        self.on_report: list[Callable[[Report], None]] = []
        self.done: list[str] = []
        self.ready: tuple[bool, str] = (True, "")
        self.may_open = threading.Event()
        self.may_open.set()
        self.cannot_open: Exception | None = None

    def open(self) -> None:
        """Takes as long as it is held."""
        self.may_open.wait(30)
        if self.cannot_open is not None:
            raise self.cannot_open
        self.done.append("open")

    def close(self) -> None:
        """The end."""
        self.done.append("close")

    def start_workers(self) -> None:
        """There are none."""
        self.done.append("start")

    def stop_workers(self) -> None:
        """There are none."""
        self.done.append("stop")

    def worker_state(self) -> str:
        """As if there were."""
        return "idle"

    def processing(self) -> bool:
        """Never."""
        return False

    def outlets(self) -> dict[str, str]:
        """None."""
        return {}


@contextmanager
def served(app: FastAPI, **client: Any) -> Iterator[httpx.Client]:
    """A client of ``app`` behind a real socket, until the end of the block; then it is shut down in good order."""
    listening = listen("127.0.0.1", 0)
    server = Server(app)
    thread = threading.Thread(target=server.run, args=([listening],))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    thread.start()
    try:
        with httpx.Client(base_url=url, timeout=30, trust_env=False, **client) as found:
            yield found
    finally:
        server.leave()
        thread.join(30)
        assert not thread.is_alive(), "the server does not stop"


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    """Waits until it is; fails if that takes too long."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.005)
