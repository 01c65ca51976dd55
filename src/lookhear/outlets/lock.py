"""A folder that only one process may have open."""

from __future__ import annotations

import time
from pathlib import Path
from typing import IO

from lookhear.errors import VectorsLocked
from lookhear.outlets.disk import writing

_PAUSE = 0.05  # s


def hold(folder: Path, patience: float) -> IO[str]:
    """The lock of ``folder``, until what is returned is closed or the process dies.

    Waits ``patience`` seconds for a process that is about to end. Raises VectorsLocked, FilesUnwritable.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("a")
    deadline = time.monotonic() + patience
    while not _taken(file):
        if time.monotonic() >= deadline:
            file.close()
            raise VectorsLocked(
                f"Another process has the vectors in {folder} open and does not share them. Stop it, ask the running "
                "service instead, or start a Qdrant server and set QDRANT_URL, which any number can use."
            )
        time.sleep(_PAUSE)
    return file


def _taken(file: IO[str]) -> bool:
    try:
        import fcntl
    except ImportError:
        return True  # the shards have locks of their own
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
