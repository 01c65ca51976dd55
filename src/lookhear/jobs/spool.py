"""Uploads in waiting: streamed to the disk while they are hashed, kept once whatever they are called.

A file lies under its SHA-256 (``ab/abcd…``), beside it one empty file for each job that refers to it
(``abcd….ref.JOB``): all that is known is in names, so that several processes can share the folder, and a crash leaves
at most a part that nobody waits for, which a sweep takes away.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import xxhash

from lookhear.errors import EmptyMedium, LimitExceeded, LookhearError, StorageUnwritable

GRACE = 3600.0  #: s that what no job refers to is kept
_RESERVE = 16 << 20  # bytes of the disk that uploads leave to the database
_CHECK = 8 << 20  # bytes between looks at how much is free


@dataclass(frozen=True)
class Upload:
    """A whole upload on the disk."""

    path: Path
    name: str  #: as the client calls it
    sha256: str
    xxh64: str
    size: int


class Spool:
    """A folder of uploads."""

    def __init__(self, folder: Path, most: int, reserve: int = _RESERVE) -> None:
        self.folder = folder
        self.most = most
        self._reserve = reserve

    @contextmanager
    def writing(self, name: str = "") -> Iterator[Writing]:
        """For one upload, whose chunks go to ``write``; unless ``done`` is called, nothing of it stays.

        Raises LimitExceeded, EmptyMedium, StorageUnwritable.
        """
        part = self.folder / "parts" / f"{os.getpid()}.{secrets.token_hex(8)}"
        with self._clearly():
            part.parent.mkdir(parents=True, exist_ok=True)
            file = part.open("xb")
        try:
            with file:
                yield Writing(self, file, part, name)
        finally:
            part.unlink(missing_ok=True)

    def find(self, sha256: str) -> Path | None:
        """Where those bytes lie."""
        path = self._place(sha256)
        return path if path.is_file() else None

    def refer(self, sha256: str, job_id: str) -> bool:
        """They stay as long as that job, safe from power cuts. False: they are not there any more."""
        path = self._place(sha256)
        with self._clearly(), self._held(path.parent):
            if path.is_file():
                path.with_name(f"{sha256}.ref.{job_id}").touch()
                _sync(path, path.parent, self.folder)
                return True
        return False

    def release(self, *job_ids: str) -> None:
        """Those jobs need them no more; for many at once it takes no longer than for one."""
        gone = set(job_ids)
        for reference in self.folder.glob("??/*.ref.*"):
            if reference.name.rpartition(".ref.")[2] in gone:
                reference.unlink(missing_ok=True)

    def sweep(self, alive: Callable[[str], bool], grace: float = GRACE) -> int:
        """Files that no job refers to for which ``alive`` is true, and that are older than ``grace``, are gone."""
        for reference in self.folder.glob("??/*.ref.*"):
            if _age(reference) > grace and not alive(reference.name.rpartition(".ref.")[2]):
                reference.unlink(missing_ok=True)
        swept = 0
        for folder in self.folder.glob("??"):
            with self._held(folder):
                swept += sum(self._drop(path, grace) for path in list(folder.iterdir()))
        return swept + sum(self._drop(path, grace) for path in self.folder.glob("parts/*"))

    def _drop(self, path: Path, grace: float) -> bool:
        """Takes a file away that is old and that nothing refers to."""
        if ".ref." in path.name or _age(path) <= grace or next(path.parent.glob(f"{path.name}.ref.*"), None):
            return False
        path.unlink(missing_ok=True)
        return True

    @contextmanager
    def _held(self, folder: Path) -> Iterator[None]:
        """Between looking and acting nobody else acts there, in whatever process."""
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def size(self) -> int:
        """Bytes on the disk."""
        return sum(_size(path) for path in self.folder.glob("*/*"))

    def _place(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256

    def _free(self) -> int:
        return shutil.disk_usage(self.folder).free - self._reserve

    @contextmanager
    def _clearly(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _refused(error, self.folder) from error


class Writing:
    """One upload on its way."""

    def __init__(self, spool: Spool, file: IO[bytes], part: Path, name: str) -> None:
        self._spool = spool
        self._file = file
        self._part = part
        self._name = name
        self._sha256, self._xxh64 = hashlib.sha256(), xxhash.xxh64()
        self._checked = -_CHECK
        self.size = 0  #: bytes so far

    def write(self, chunk: bytes) -> None:
        """The next bytes. Raises LimitExceeded, StorageUnwritable."""
        self.size += len(chunk)
        if self.size > self._spool.most:
            raise LimitExceeded(
                f"The upload is larger than {self._spool.most} bytes. Send less, or raise MAX_UPLOAD_BYTES."
            )
        with self._spool._clearly():
            if self.size - self._checked >= _CHECK:
                self._checked = self.size
                if self._spool._free() < len(chunk):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._file.write(chunk)
        self._sha256.update(chunk)
        self._xxh64.update(chunk)

    def done(self) -> Upload:
        """It is whole, and lies in its place. Raises EmptyMedium, StorageUnwritable."""
        if not self.size:
            raise EmptyMedium("The upload has no bytes. Send a file that is not empty.")
        sha256 = self._sha256.hexdigest()
        path = self._spool._place(sha256)
        with self._spool._clearly():
            self._file.flush()
            with self._spool._held(path.parent):
                os.replace(self._part, path)  # also over the same bytes: they are young again for a sweep
        return Upload(path, self._name, sha256, self._xxh64.hexdigest(), self.size)


def _refused(error: OSError, folder: Path) -> LookhearError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageUnwritable(f"The disk of {folder} is full. Free some space, or try again later.")
    return StorageUnwritable(f"Nothing can be written to {folder}: {error.strerror}. Check its disk and permissions.")


def _sync(*paths: Path) -> None:
    """Of a file its bytes are on the disk, of a folder the names in it."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
