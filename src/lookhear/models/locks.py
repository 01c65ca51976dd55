"""Locks between processes, by files; where the system has none, threads of this process alone are kept apart."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lookhear.models.disk import writing

_THREADS: dict[str, threading.Lock] = {}
_GUARD = threading.Lock()


@contextmanager
def locked(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock that ``path`` stands for; ``waiting`` is called once if another process holds it.

    The kernel lets go of it when a process dies. Raises StoreUnwritable where the file cannot be made.
    """
    with _GUARD:
        mine = _THREADS.setdefault(str(path), threading.Lock())
    with mine:
        with writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a")
        with file:
            _take(file, waiting)
            yield


def _take(file: IO[str], waiting: Callable[[], None] | None) -> None:
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if waiting is not None:
            waiting()
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        return  # a file system without locks
