"""A worker in a process of its own: a decoder that crashes costs one job, not the server."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any

from lookhear.jobs.control import Control, Outcome
from lookhear.jobs.job import Job
from lookhear.jobs.presence import Presence, about
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from lookhear.jobs.worker import Perform, Worker

_PROCESSES = multiprocessing.get_context("spawn")  # a fork would copy locks held by our threads
_STOP, _HURRY = "stop", "hurry"
_STUCK = 70  # exit code: its job took too long, and did not listen


@dataclass(frozen=True)
class Target:
    """What performs jobs, by name: ``module:function`` that, given ``args``, makes it. Both can go to other processes."""

    name: str
    args: tuple[Any, ...] = ()

    def perform(self) -> Perform:
        """Made anew."""
        module, _, function = self.name.partition(":")
        made: Perform = getattr(importlib.import_module(module), function)(*self.args)
        return made


class Process:
    """One process with one worker."""

    def __init__(
        self, store: JobStore, settings: JobSettings, target: Target, name: str, task_types: Collection[str] | None
    ) -> None:
        self.name, self.born = name, 0.0
        self._store = store
        self._ours, theirs = _PROCESSES.Pipe()
        self._theirs: Connection[Any, Any] | None = theirs
        self._working = _PROCESSES.Event()
        types = None if task_types is None else tuple(task_types)
        self._process = _PROCESSES.Process(
            target=_serve, args=(theirs, settings, target, name, types, self._working), name=name, daemon=True
        )

    @property
    def pid(self) -> int | None:
        """Of the process."""
        return self._process.pid

    def start(self) -> None:
        """It runs."""
        self.born = time.monotonic()
        self._process.start()
        if self._theirs is not None:
            self._theirs.close()
            self._theirs = None

    def stop(self) -> None:
        """It takes no more jobs."""
        self._tell(_STOP)

    def hurry(self) -> None:
        """The job in hand stops once it listens."""
        self._tell(_HURRY)

    def end(self) -> None:
        """It is gone, and its job waits again."""
        self._process.kill()
        self._process.join()
        self._ours.close()
        for job in self._store.held_by(self.name):
            self._store.hand_back(job)
        self._store.bury(self.name)

    def dead(self) -> bool:
        """It has ended, for whatever reason."""
        return not self._process.is_alive()

    def idle(self) -> bool:
        """It has ended."""
        return self.dead()

    def busy(self) -> bool:
        """It has a job in hand."""
        return self._working.is_set() and not self.dead()

    def _tell(self, what: str) -> None:
        with suppress(OSError):  # it has died
            self._ours.send(what)


def _serve(
    connection: Connection[Any, Any], settings: JobSettings, target: Target, name: str, types: Any, working: Event
) -> None:
    """The life of the process: until it is told to stop, or the one that made it dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interruption means
    with JobStore(settings) as store:
        perform = target.perform()
        presence = Presence(name, settings, types, 1, about(perform))
        worker = Worker(store, _noted(perform, working), settings, name, task_types=types, presence=presence)
        signal.signal(signal.SIGTERM, lambda *_: worker.stop())  # some send it to all processes of a service
        threading.Thread(target=_obey, args=(connection, worker), name="lookhear-parent", daemon=True).start()
        threading.Thread(target=_end_stuck, args=(worker,), name="lookhear-stuck", daemon=True).start()
        worker.run()


def _noted(perform: Perform, working: Event) -> Perform:
    """``working`` is set meanwhile."""

    def noted(job: Job, control: Control) -> Outcome:
        working.set()
        try:
            return perform(job, control)
        finally:
            working.clear()

    return noted


def _obey(connection: Connection[Any, Any], worker: Worker) -> None:
    try:
        while True:
            worker.hurry() if connection.recv() == _HURRY else worker.stop()
    except (EOFError, OSError):
        worker.hurry()


def _end_stuck(worker: Worker) -> None:
    while not worker.stuck:
        time.sleep(0.5)
    os._exit(_STUCK)  # threads that hang keep a process from ending otherwise
