"""Wakes those who wait for something to change in the database of jobs, whichever process changes it."""

from __future__ import annotations

import select
import socket
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lookhear.jobs.bell import Bell, ring

_LOOK = 0.005  # s at least between looks at SQLite's counter, which take microseconds
_POLL = 0.015  # s between them where no bell can be hung; only while someone waits
_UNHEARD = 1.0  # s after which one looks though no bell rang
_SILENCE = 15.0  # s without a word from PostgreSQL after which it is asked, be it that the line is dead
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

    def announce(self, newest: int) -> None:
        """An event of that id is committed by us: others shall hear of it."""
        self.note(newest)

    @property
    def newest(self) -> int:
        """The id of the newest event, as far as it is known."""
        return self._newest

    def wait(self, seconds: float, seen: int, unless: Callable[[], bool]) -> int:
        """Until there are events after ``seen``, or so long, or (looked at when roused) ``unless``; the newest id known."""
        with self._changed:
            if self._newest <= seen and not self._closed:
                self._start()
                self._waiting += 1
                if self._waiting == 1:
                    self._changed.notify_all()  # the thread sleeps while nobody waits
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
        self._nudge()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._listen, name="lookhear-watch", daemon=True)
            self._thread.start()

    @abstractmethod
    def _nudge(self) -> None:
        """The thread looks at whether it is closed."""

    @abstractmethod
    def _listen(self) -> None:
        """Calls ``note`` until closed."""

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)


class FileWatch(Watch):
    """SQLite counts the commits of others; who commits rings a bell."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        resolved = path.resolve()
        self._log = resolved.with_name(resolved.name + "-wal")  # there as long as anybody has the database open
        self._bell: Bell | None = None

    def announce(self, newest: int) -> None:
        """Rung once the commit can be seen: the log itself is written before."""
        self.note(newest)
        if newest:
            ring(self._log)

    def _nudge(self) -> None:
        with self._changed:
            if self._bell is not None:
                self._bell.nudge()

    def _listen(self) -> None:
        while not self._closed:
            try:
                connection = sqlite3.connect(self._path, isolation_level=None)
                try:
                    self._look(connection)
                finally:
                    connection.close()
                    self._take_down()
            except sqlite3.Error:
                self._pause(_AGAIN)

    def _look(self, connection: sqlite3.Connection) -> None:
        seen = None
        while not self._closed:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            if version != seen:
                first, seen = seen is None, version
                self.note(connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0])
                if first:
                    self._hang()
                    continue  # what came before the bell hung
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting > 0)
            self._pause(_LOOK if self._bell else _POLL)
            if self._bell is not None and not self._closed:
                self._bell.wait(_UNHEARD)

    def _hang(self) -> None:
        bell = Bell.hung(self._log)
        with self._changed:
            self._bell = bell
            if bell is not None and self._closed:
                bell.nudge()

    def _take_down(self) -> None:
        with self._changed:
            bell, self._bell = self._bell, None
        if bell is not None:
            bell.close()


class ServerWatch(Watch):
    """PostgreSQL tells."""

    def __init__(self, conninfo: str) -> None:
        super().__init__()
        self._conninfo = conninfo
        self._nudges: socket.socket | None = None

    def _nudge(self) -> None:
        with self._changed:
            if self._nudges is not None:
                self._nudges.send(b".")

    def _listen(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            with self._changed:
                self._nudges = theirs
            self._keep_on(ours)
            with self._changed:
                self._nudges = None

    def _keep_on(self, nudged: socket.socket) -> None:
        import psycopg

        while not self._closed:
            try:
                with psycopg.connect(self._conninfo, autocommit=True, **_LINE) as connection:
                    along: list[object] = []  # told along with an answer, be it later than what that one saw
                    connection.add_notify_handler(along.append)
                    connection.execute("LISTEN lookhear_events")
                    while not self._closed:
                        along.clear()
                        found = connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
                        self.note(found[0] if found else 0)
                        if not along:
                            self._hear(connection, nudged)
            except psycopg.Error:
                self._pause(_AGAIN)

    def _hear(self, connection: Any, nudged: socket.socket) -> None:
        """Until something was told, or nothing for long. It may lie in the library already, read with an answer."""
        if not _told(connection) and not self._closed:
            poll = select.poll()  # select itself fails in a process with a thousand open files
            poll.register(connection.fileno(), select.POLLIN)
            poll.register(nudged, select.POLLIN)
            poll.poll(_SILENCE * 1000)
            connection.pgconn.consume_input()
            _told(connection)


def _told(connection: Any) -> bool:
    """What PostgreSQL told is taken; whether there was any. Nothing is read from the line."""
    told = False
    while connection.pgconn.notifies() is not None:
        told = True
    return told


_LINE: dict[str, Any] = {  # a line that is dead breaks soon, instead of never
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # ms
}
