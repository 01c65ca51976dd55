"""Writing into the store: whole files at once, and clear words where the disk refuses."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lookhear.errors import StoreUnwritable

_RUN = 1 << 20
Counted = Callable[[int], None]  #: bytes done so far


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turns what the system says about writing to ``place`` into StoreUnwritable."""
    try:
        yield
    except OSError as error:
        if isinstance(error, ConnectionError) or error.errno is None:
            raise
        raise StoreUnwritable(_refused(error, place)) from error


def _refused(error: OSError, place: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk of {place} is full. Free some space, or set MODEL_CACHE_DIR to a folder on another disk."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"Nothing can be written to {place}. Change its permissions, or set MODEL_CACHE_DIR to another folder."
    return f"Writing to {place} failed: {error.strerror}. Check the disk, or set MODEL_CACHE_DIR to another folder."


def check_room(place: Path, size: int) -> None:
    """Raises StoreUnwritable unless ``size`` bytes have room where ``place`` will be."""
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if size > free:
        raise StoreUnwritable(
            f"It takes {megabytes(size)}, but only {megabytes(free)} are free on the disk of {place}. "
            "Free some space, or set MODEL_CACHE_DIR to a folder on another disk."
        )


def megabytes(size: float) -> str:
    """``612 MB``, ``1.5 GB``."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def sha256_of(path: Path) -> str:
    """Of the whole file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """All at once: whoever reads meanwhile gets the old or the new."""
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
        fresh.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(fresh, path)


def read_json(path: Path) -> Any:
    """What ``write_json`` wrote; None where nothing readable is."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def copy_file(source: Path, target: Path, counted: Counted | None = None) -> None:
    """The bytes of ``source``. A link would save room, but what it leads to may be edited."""
    done = 0
    with source.open("rb") as read, writing(target.parent), target.open("wb") as write:
        while run := read.read(_RUN):
            write.write(run)
            done += len(run)
            if counted is not None:
                counted(done)
