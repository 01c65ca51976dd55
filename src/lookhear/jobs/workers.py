"""Several workers, as threads of this process or as processes of their own, and who looks after them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Protocol

from lookhear.errors import InvalidSettings, ServiceBusy
from lookhear.jobs.control import Pulse
from lookhear.jobs.neighbours import Neighbours
from lookhear.jobs.presence import Presence, about
from lookhear.jobs.process import Process, Target
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from lookhear.jobs.worker import Perform, Worker, new_name

_LOG = logging.getLogger(__name__)
_LOOK = 0.2  # s between looks at who has died
_EXPIRE = 60.0  # s between removals of what is old
_LISTEN = 1.0  # s that a job in hand has to listen once it is told to stop
_SHORT_LIFE = 1.0  # s; who dies sooner is replaced after as long


class _Slot(Protocol):
    """A place of work."""

    name: str
    born: float

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def hurry(self) -> None: ...
    def end(self) -> None: ...
    def dead(self) -> bool: ...
    def idle(self) -> bool: ...
    def busy(self) -> bool: ...


class Workers:
    """MAX_WORKERS workers. Their jobs end or wait again, whatever becomes of them."""

    def __init__(
        self,
        store: JobStore,
        work: Perform | Target,
        settings: JobSettings,
        *,
        task_types: Collection[str] | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._name = new_name()
        self._born = 0
        self._slots: list[_Slot] = []
        self._pulse: Pulse | None = None
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="lookhear-workers", daemon=True)
        self._hire = self._hiring(work, task_types)

    def start(self) -> None:
        """They wait for jobs."""
        self._slots = [self._hired() for _ in range(self._settings.max_workers)]
        self._keeper.start()

    def stop(self, grace: float = 30.0) -> None:
        """None works any more: what was not done within ``grace`` seconds waits for other workers."""
        self._stopping.set()
        if self._keeper.is_alive():
            self._keeper.join()
        for slot in self._slots:
            slot.stop()
        if not self._idle(grace):
            for slot in self._slots:
                slot.hurry()
            self._idle(_LISTEN)
        for slot in self._slots:
            self._end(slot)
        if self._pulse is not None:
            self._pulse.close()

    @property
    def alive(self) -> int:
        """How many of them live."""
        return sum(not slot.dead() for slot in self._slots)

    @property
    def busy(self) -> int:
        """How many have a job in hand."""
        return sum(slot.busy() for slot in self._slots)

    def _hiring(self, work: Perform | Target, task_types: Collection[str] | None) -> Callable[[str], _Slot]:
        store, settings = self._store, self._settings
        if settings.worker_mode == "threads":
            perform = work.perform() if isinstance(work, Target) else work
            presence = Presence(self._name, settings, task_types, settings.max_workers, about(perform))
            self._pulse = pulse = Pulse(store, presence)
            made = partial(Worker, store, perform, settings, task_types=task_types, pulse=pulse, presence=presence)
            return lambda name: _Thread(store, made(name))
        if not isinstance(work, Target):
            raise InvalidSettings("WORKER_MODE=processes needs work that can be named; use threads for this.")
        target = work
        return lambda name: Process(store, settings, target, name, task_types)

    def _hired(self) -> _Slot:
        self._born += 1
        slot = self._hire(f"{self._name}.{self._born}")
        slot.start()
        return slot

    def _keep(self) -> None:
        """Replaces the dead, gives their jobs and those of others' dead back, and removes what is old."""
        reclaims = _Every(self._settings.worker_lease_seconds / 3, self._store.reclaim)
        expires = _Every(_EXPIRE, self._store.expire)
        neighbours = Neighbours(self._store)
        trouble = ""
        while not self._stopping.wait(_LOOK):
            try:
                self._replace()
                neighbours.look()
                reclaims.turn()
                expires.turn()
            except Exception as error:  # whatever it is, nobody else looks after them
                if str(error) != trouble:  # it is looked at often: one line as long as it lasts
                    _LOG.warning("workers cannot be looked after: %s", error)
                trouble = str(error)
            else:
                trouble = ""

    def _replace(self) -> None:
        for index, slot in enumerate(self._slots):
            if slot.dead() and time.monotonic() - slot.born > _SHORT_LIFE:
                lost = self._store.bury(slot.name)
                _LOG.warning("worker %s died with %d jobs in hand; another takes its place", slot.name, lost)
                self._end(slot)
                self._slots[index] = self._hired()

    def _end(self, slot: _Slot) -> None:
        try:
            slot.end()
        except ServiceBusy as error:
            _LOG.warning("what %s had in hand waits until its lease ends: %s", slot.name, error)

    def _idle(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not all(slot.idle() for slot in self._slots):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


class _Every:
    def __init__(self, every: float, act: Callable[[], object]) -> None:
        self._every, self._act = every, act
        self._next = 0.0

    def turn(self) -> None:
        """Acts if it is time to."""
        if time.monotonic() >= self._next:
            self._act()
            self._next = time.monotonic() + self._every


class _Thread:
    """A worker in a thread. One that hangs cannot be ended: it is left behind, and its job given to others."""

    def __init__(self, store: JobStore, worker: Worker) -> None:
        self.name, self.born = worker.name, 0.0
        self._store = store
        self._worker = worker
        self._thread = threading.Thread(target=worker.run, name=worker.name, daemon=True)

    def start(self) -> None:
        self.born = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        self._worker.stop()

    def hurry(self) -> None:
        self._worker.hurry()

    def end(self) -> None:
        self._worker.hurry()
        self._worker.let_go()

    def dead(self) -> bool:
        return not self._thread.is_alive() or self._worker.stuck

    def idle(self) -> bool:
        return not self._thread.is_alive()

    def busy(self) -> bool:
        return self._worker.busy
