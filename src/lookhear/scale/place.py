"""Where rows go: a folder, or a prefix in S3. A file is there whole or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from lookhear.errors import InputError, MediumUnreadable
from lookhear.media.objects import Ranged, is_object, listing, put, remove


class Folder:
    """On a disk that all who write share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    @contextmanager
    def held(self) -> Iterator[None]:
        """By one run at a time. Raises MediumUnreadable where it is taken, or cannot be written."""
        import fcntl

        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "_lock").open("a")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise MediumUnreadable(
                    f"Another run writes to {self}. Wait for it, or choose another --out."
                ) from error
            except OSError:
                pass  # a disk without locks
            for left in self.folder.glob(".*.new"):  # by a run that was killed
                left.unlink(missing_ok=True)
            yield

    def put(self, name: str, data: bytes) -> None:
        """Written, on the disk, and there at once. Raises MediumUnreadable."""
        fresh = self.folder / f".{name}.{os.getpid()}.new"
        with self._writing():
            try:
                with fresh.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(fresh, self.folder / name)
            except BaseException:
                fresh.unlink(missing_ok=True)
                raise
            self._settle()

    def _settle(self) -> None:
        """The name, too, is on the disk."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            with suppress(OSError):  # not every file system can
                os.fsync(handle)
        finally:
            os.close(handle)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise MediumUnreadable(f"Cannot write to {self}: {error.strerror}. Choose another --out.") from error

    def get(self, name: str) -> bytes | None:
        """All of a file; None: there is none."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """To be read here and there."""
        with (self.folder / name).open("rb") as file:
            yield file

    def remove(self, name: str) -> None:
        """It is gone."""
        (self.folder / name).unlink(missing_ok=True)

    def names(self) -> list[str]:
        """Files of rows, in order."""
        return sorted(path.name for path in self.folder.glob("part-*.parquet"))


class Prefix:
    """In an object store; nobody guards it against a second run."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def __str__(self) -> str:
        return self.url

    @contextmanager
    def held(self) -> Iterator[None]:
        """There are no locks."""
        yield

    def put(self, name: str, data: bytes) -> None:
        """There at once. Raises as ``media.objects`` does."""
        put(f"{self.url}/{name}", data)

    def get(self, name: str) -> bytes | None:
        """All of an object; None: there is none."""
        file = Ranged.find(f"{self.url}/{name}")
        return None if file is None else file.read()

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """To be read here and there, a range at a time."""
        file = Ranged.find(f"{self.url}/{name}")
        if file is None:
            raise InputError(f"{self.url}/{name} is gone. Does another run write there?")
        with io.BufferedReader(file, 1 << 16) as buffered:
            yield buffered

    def remove(self, name: str) -> None:
        """It is gone."""
        remove(f"{self.url}/{name}")

    def names(self) -> list[str]:
        """Objects of rows, in order."""
        found = (one.url.rpartition("/") for one in listing(f"{self.url}/"))
        return [name for above, _, name in found if above == self.url and name.startswith("part-")]


Place = Folder | Prefix


def place(out: str) -> Place:
    """Of that name. Raises InputError for a file."""
    if is_object(out):
        return Prefix(out)
    if os.path.exists(out) and not os.path.isdir(out):
        raise InputError(f"'{out}' is a file. With --engine ray, --out names a folder or s3://bucket/prefix.")
    return Folder(Path(out).absolute())
