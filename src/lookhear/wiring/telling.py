"""Tells outlets of jobs that end: each outlet once, by one process at a time, and from where it was told of last.

What was told is kept before more is told. A process that dies between the two has its last few told again by the one that
takes over, under the same ids.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from lookhear.errors import OutletFailed, ServiceBusy
from lookhear.jobs.cursors import ENDS
from lookhear.jobs.job import Event
from lookhear.jobs.store import JobStore

_LOG = logging.getLogger(__name__)
_PATIENCE = 1.0  # s between looks, whatever is heard
_MOST = 256  # events that are told in one go
_TRIES = 3  # of an event that an outlet breaks at, which is a bug of ours

Done = Callable[[int], None]


class Outlet(Protocol):
    """What is told of jobs that end."""

    name: str
    waits: tuple[float, float]  #: s before it is told again: after the first failure, and at most

    def begin(self) -> None:
        """What is delivered next may have been told before: by another process, or without our knowing."""

    def deliver(self, events: Sequence[Event], done: Done) -> None:
        """Tells all of them; calls ``done`` with the id of an event up to which all was told, now and then.

        Raises OutletFailed where it cannot be told now.
        """

    def close(self) -> None:
        """A delivery that is going on ends soon, done or not."""


class NotOurs(Exception):
    """Another process tells the outlet by now."""


class Teller:
    """A thread that tells one outlet, as long as no other process does."""

    def __init__(self, jobs: JobStore, outlet: Outlet) -> None:
        self._jobs, self._outlet, self._waits = jobs, outlet, outlet.waits
        self._cursor = jobs.cursor(outlet.name)
        self._closing = threading.Event()
        self._holds = self._failing = False
        self._alone = 0  # so many events more are told one by one: the outlet broke at one of them
        self._broke_at, self._broke = 0, 0  # at which event, and how often
        names = f"lookhear-tell-{outlet.name}", f"lookhear-beat-{outlet.name}"
        self._thread = threading.Thread(target=self._run, name=names[0], daemon=True)
        self._heart = threading.Thread(target=self._beat, name=names[1], daemon=True)

    def start(self) -> None:
        """Whatever ends from now on is told. Raises ServiceBusy."""
        self._cursor.follow()
        self._thread.start()
        self._heart.start()

    def close(self, seconds: float = 5.0) -> None:
        """Others may take over; what goes on has so long to end."""
        self._closing.set()
        self._jobs.rouse()
        self._thread.join(seconds)
        self._outlet.close()
        self._thread.join(seconds)

    def _run(self) -> None:
        wait = self._waits[0]
        while not self._closing.is_set():
            try:
                self._tell()
                wait = self._waits[0]
            except NotOurs as error:
                _LOG.warning("'%s' is told by another process: %s", self._outlet.name, error)
            except Exception as error:  # whatever it is, it may be told later, or by another
                self._let_go()
                self._failed(error)
                self._closing.wait(wait * random.uniform(0.8, 1.2))
                wait = min(2 * wait, self._waits[1])
            finally:
                self._let_go()

    def _tell(self) -> None:
        """As long as it is ours and all goes well."""
        held = self._cursor.hold()
        if held.seen is None:
            self._closing.wait(held.wait + 0.05)
            return
        self._holds, seen = True, held.seen
        self._outlet.begin()
        while not self._closing.is_set():
            newest = self._jobs.newest_event()
            events = self._jobs.events(seen, limit=1 if self._alone else _MOST, kinds=ENDS)
            if events:
                self._deliver(events)
                seen = events[-1].id
                self._done(seen)
                self._recovered()
            elif newest > seen:
                seen = newest  # kept with the next beat that tells something, or when the lease is let go
            else:
                self._jobs.wait(_PATIENCE, seen, self._closing.is_set)
            if not self._holds:
                raise NotOurs("It was held too long without a sign of life.")
        self._done(seen)

    def _deliver(self, events: Sequence[Event]) -> None:
        """One that cannot be told at all does not hold up those behind it for ever: it is left out, and the log says so."""
        first = events[0]
        if self._alone and self._broke_at == first.id and self._broke >= _TRIES:
            _LOG.error(
                "'%s' was not told that job %s is %s: please report it.", self._outlet.name, first.job_id, first.kind
            )
            return
        try:
            self._outlet.deliver(events, self._done)
        except (OutletFailed, ServiceBusy, NotOurs):
            raise
        except Exception:
            if self._alone:
                self._broke = self._broke + 1 if self._broke_at == first.id else 1
                self._broke_at = first.id
            self._alone = _MOST
            raise
        self._alone = max(0, self._alone - 1)

    def _done(self, seen: int) -> None:
        if not self._cursor.beat(seen):
            self._holds = False
            raise NotOurs("It was held too long without a sign of life.")

    def _let_go(self) -> None:
        if self._holds:
            self._holds = False
            try:
                self._cursor.let_go()
            except ServiceBusy as error:
                _LOG.warning("'%s' is free for others when its lease ends: %s", self._outlet.name, error)

    def _beat(self) -> None:
        while not self._closing.wait(self._cursor.lease / 3):
            try:
                if self._holds and not self._cursor.beat():
                    self._holds = False
            except ServiceBusy as error:
                _LOG.warning("The lease of '%s' was not renewed: %s", self._outlet.name, error)

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, (OutletFailed, ServiceBusy)):
            _LOG.warning("'%s' was not told", self._outlet.name, exc_info=True)
        elif not self._failing:
            _LOG.warning("'%s' is told later: %s", self._outlet.name, error)
        self._failing = True

    def _recovered(self) -> None:
        if self._failing:
            _LOG.warning("'%s' is told again.", self._outlet.name)
        self._failing = False
