"""Uploads that nothing is to be left of once the answer is out."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import xxhash

from lookhear.errors import StorageUnwritable

_FOLDER = "scratch"  # in STORAGE_DIR
_FORGOTTEN = 86_400.0  # s after the last byte: a crash left it


@dataclass(frozen=True)
class Passing:
    """A file that is there until its scratch ends. Who has it open by then reads on."""

    path: Path
    sha256: str
    xxh64: str
    size: int


class Scratch:
    """A spool, to be used as a context manager: its files are gone with it."""

    def __init__(self, storage: Path) -> None:
        self._folder = storage / _FOLDER
        self._paths: list[Path] = []

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        for path in self._paths:
            path.unlink(missing_ok=True)

    @contextmanager
    def writing(self, name: str, /) -> Iterator[Writing]:
        """A file to write to. Raises StorageUnwritable, as writing does."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _sweep(self._folder)
            handle, made = tempfile.mkstemp(dir=self._folder)
        except OSError as error:
            raise _unwritable(error) from error
        self._paths.append(Path(made))
        with os.fdopen(handle, "wb", 0) as file:
            yield Writing(Path(made), file)


class Writing:
    """A file that comes in."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path, self._file = path, file
        self._sha256, self._xxh64, self._size = hashlib.sha256(), xxhash.xxh64(), 0

    def write(self, data: bytes, /) -> None:
        """Add to it."""
        self._sha256.update(data)
        self._xxh64.update(data)
        self._size += len(data)
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise _unwritable(error) from error

    def done(self) -> Passing:
        """It is whole."""
        return Passing(self._path, self._sha256.hexdigest(), self._xxh64.hexdigest(), self._size)


def _sweep(folder: Path) -> None:
    for entry in os.scandir(folder):
        with contextlib.suppress(OSError):
            if time.time() - entry.stat().st_mtime > _FORGOTTEN:
                os.unlink(entry)


def _unwritable(error: OSError) -> StorageUnwritable:
    return StorageUnwritable(
        f"An upload cannot be kept while it is looked at ({error.strerror}). Make room in STORAGE_DIR."
    )
