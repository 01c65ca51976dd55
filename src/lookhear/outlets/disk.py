"""Writing what outlets keep: whole files or none, and clear words where the disk refuses."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lookhear.errors import FilesUnwritable

FRESH = ".new"  #: how a file that is being written ends


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turns what the system says about writing to ``place`` into FilesUnwritable."""
    try:
        yield
    except OSError as error:
        raise FilesUnwritable(_refused(error, place)) from error


def write(path: Path, data: bytes | memoryview) -> None:
    """All at once: whoever reads meanwhile gets the old or the new, also after a crash. Raises FilesUnwritable."""
    fresh = path.with_name(f".{uuid.uuid4().hex}{FRESH}")
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with fresh.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise


def _refused(error: OSError, place: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk of {place} is full. Free some space, or set STORAGE_DIR to a folder elsewhere."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"Nothing can be written to {place}. Change its permissions, or set STORAGE_DIR to a folder elsewhere."
    return f"Writing to {place} failed: {error.strerror or error}. Check the disk."
