"""Writing into the store: whole files at once, and clear words where the disk refuses."""

from __future__ import annotations

import ctypes
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
_INSTEAD = "set MODEL_CACHE_DIR to a folder elsewhere"
Counted = Callable[[int], None]  #: bytes done so far


@contextmanager
def writing(place: Path, instead: str = _INSTEAD) -> Iterator[None]:
    """Turns what the system says about writing to ``place`` into StoreUnwritable; ``instead``: what would help, too."""
    try:
        yield
    except OSError as error:
        if isinstance(error, ConnectionError) or error.errno is None:
            raise
        raise StoreUnwritable(f"{_refused(error, place)}, or {instead}.") from error


def _refused(error: OSError, place: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk of {place} is full. Free some space"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"Nothing can be written to {place}. Change its permissions"
    return f"Writing to {place} failed: {error.strerror}. Check the disk"


def check_room(place: Path, size: int) -> None:
    """Raises StoreUnwritable unless ``size`` bytes have room where ``place`` will be."""
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if size > free:
        raise StoreUnwritable(
            f"It takes {megabytes(size)}, but only {megabytes(free)} are free on the disk of {place}. "
            f"Free some space, or {_INSTEAD}."
        )


def megabytes(size: float) -> str:
    """``612 MB``, ``1.5 GB``, ``90 B``."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    if size >= 1e6:
        return f"{size / 1e6:.0f} MB"
    return f"{size / 1e3:.0f} kB" if size >= 1e3 else f"{size:.0f} B"


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


def exchange(one: Path, other: Path) -> bool:
    """Each is where the other was, at once; False where the system knows no such thing."""
    at_working_folder, swap = -100, 2
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return bool(rename(at_working_folder, os.fsencode(one), at_working_folder, os.fsencode(other), swap) == 0)


def read_json(path: Path) -> Any:
    """What ``write_json`` wrote; None where nothing readable is."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def read_table(path: Path) -> dict[str, Any]:
    """Likewise of a mapping; empty where there is none."""
    found = read_json(path)
    return found if isinstance(found, dict) else {}


def copy_file(source: Path, target: Path, counted: Counted | None = None) -> None:
    """The bytes of ``source``. A link would save room, but what it leads to may be edited."""
    done = 0
    with source.open("rb") as read, writing(target.parent), target.open("wb") as write:
        while run := read.read(_RUN):
            write.write(run)
            done += len(run)
            if counted is not None:
                counted(done)
