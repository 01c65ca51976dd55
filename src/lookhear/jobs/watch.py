"""Wakes those who wait for something to change in the database of jobs, whichever process changes it."""

from __future__ import annotations

import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

_LOOK = 0.005  # s between looks at SQLite's counter, which take microseconds; only while someone waits
_AGAIN = 1.0  # s before a lost connection is made anew


class Watch(ABC):
    """The id of the newest event as far as it is known, and a thread that hears of newer ones."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting = 0
        self._newest = 0
        self._thread: threading.Thread | None = None
        self._closed = False

    def note(self, newest: int) -> None:
        """An event of that id is committed."""
        with self._changed:
            if newest > self._newest:
                self._newest = newest
                self._changed.notify_all()

    def wait(self, seconds: float, seen: int, unless: Callable[[], bool]) -> int:
        """Until there are events after ``seen``, or so long, or (looked at when roused) ``unless``; the newest id known."""
        with self._changed:
            if self._newest <= seen and not self._closed:
                self._start()
                self._waiting += 1
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._newest > seen or self._closed or unless(), seconds)
                self._waiting -= 1
            return self._newest

    def rouse(self) -> None:
        """Those who wait look at their ``unless``."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody waits any more; the thread has ended."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._listen, name="lookhear-watch", daemon=True)
            self._thread.start()

    @abstractmethod
    def _listen(self) -> None:
        """Calls ``note`` until closed."""

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)


class FileWatch(Watch):
    """SQLite counts the commits of others."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def _listen(self) -> None:
        while not self._closed:
            try:
                connection = sqlite3.connect(self._path, isolation_level=None)
                try:
                    self._look(connection)
                finally:
                    connection.close()
            except sqlite3.Error:
                self._pause(_AGAIN)

    def _look(self, connection: sqlite3.Connection) -> None:
        seen = None
        while not self._closed:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            if version != seen:
                seen = version
                self.note(connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0])
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting > 0)
            self._pause(_LOOK)


class ServerWatch(Watch):
    """PostgreSQL tells."""

    def __init__(self, conninfo: str) -> None:
        super().__init__()
        self._conninfo = conninfo

    def _listen(self) -> None:
        import psycopg

        while not self._closed:
            try:
                with psycopg.connect(self._conninfo, autocommit=True) as connection:
                    connection.execute("LISTEN lookhear_events")
                    while not self._closed:
                        found = connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
                        self.note(found[0] if found else 0)
                        for _ in connection.notifies(timeout=0.5, stop_after=1):
                            pass
            except psycopg.Error:
                self._pause(_AGAIN)
