"""Uploads that nothing is to be left of once the answer is out."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from anyio import CancelScope, to_thread
from xxhash import xxh64

from lookhear.jobs.spool import Spool, Upload, Writing
from lookhear.settings import Settings

_FOLDER = "scratch"  # in STORAGE_DIR
_EMPTY = "empty"
_FORGOTTEN = 86_400.0  # s: a crash left it


@asynccontextmanager
async def scratch(settings: Settings) -> AsyncIterator[Lenient]:
    """A spool for one request. Whoever has a file of it open in the end reads on."""
    folder = settings.storage_dir / _FOLDER / secrets.token_hex(8)
    try:
        yield Lenient(Spool(folder, settings.max_upload_bytes))
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(_clear, folder)


class Lenient:
    """Takes empty files, too: what they are no good for is for others to say."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    @contextmanager
    def writing(self, name: str, /) -> Iterator[_Writing]:
        """For one file, as the spool does it."""
        with self._spool.writing(name) as writing:
            yield _Writing(writing, self._spool.folder / _EMPTY, name)


class _Writing:
    def __init__(self, writing: Writing, empty: Path, name: str) -> None:
        self._writing, self._empty, self._name, self._any = writing, empty, name, False

    def write(self, data: bytes, /) -> None:
        """Add to it."""
        self._any = self._any or bool(data)
        self._writing.write(data)

    def done(self) -> Upload:
        """It is whole."""
        if self._any:
            return self._writing.done()
        self._empty.touch()
        return Upload(self._empty, self._name, sha256().hexdigest(), xxh64().hexdigest(), 0)


def _clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for other in folder.parent.glob("*"):
        with suppress(OSError):  # somebody else was faster
            if time.time() - other.stat().st_mtime > _FORGOTTEN:
                shutil.rmtree(other, ignore_errors=True)
