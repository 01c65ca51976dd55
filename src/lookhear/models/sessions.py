"""Models in memory: each loaded once, by the first who asks, and let go when room or time runs out.

One pool serves all threads of a process. What is in use is never unloaded; what is not makes room, the longest unused
first, as soon as all together would take more than the budget, and goes when nobody asked for it for a while.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lookhear.models.devices import CPU, CUDA, give_back_memory, preferred
from lookhear.models.runtimes import Loaded, runtime
from lookhear.models.settings import ModelSettings
from lookhear.models.store import Installed

_MIB = 1 << 20
_WORTH_A_TRIM = 32  # MiB
_OVERHEAD = 1.25  # of what the files take, where no card says what a model takes


@dataclass
class _Entry:
    one: Installed
    weight: int  #: MiB
    loading: threading.Lock = field(default_factory=threading.Lock)
    loaded: Loaded | None = None
    coming: bool = False  #: room was made for it
    users: int = 0
    used: float = 0.0  #: when last
    loads: int = 0
    failures: int = 0
    failure: Exception | None = None  #: the last


@dataclass(frozen=True)
class Status:
    """A model in memory."""

    name: str
    version: str
    role: str
    device: str
    memory: int  #: MiB, estimated
    users: int
    precision: str | None = None  #: of the numbers it computes with, as "float16", where its runtime tells


class Sessions:
    """The pool. ``clock`` gives seconds."""

    def __init__(self, settings: ModelSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._guard = threading.RLock()
        self._entries: dict[str, _Entry] = {}
        self._slots = threading.BoundedSemaphore(max(1, settings.gpu_concurrency))
        self._own = threading.local()
        self._no_gpu: set[str] = set()  # models that the GPU had no memory for
        self._sweeper: threading.Timer | None = None
        self._closed = False

    @property
    def precision(self) -> str:
        """In which numbers its models run: their answers differ by it."""
        return self._settings.model_precision

    @contextmanager
    def use(self, one: Installed) -> Iterator[Loaded]:
        """The model, loaded now if it is not yet; it stays while it is used.

        Raises InvalidModel, Unsupported, DeviceMissing.
        """
        entry, failures = self._enter(one)
        try:
            loaded = self._loaded(entry, failures)
            with self._slot(loaded):
                yield loaded
        finally:
            self._leave(entry)

    def _loaded(self, entry: _Entry, failures: int) -> Loaded:
        """By the first who comes; who waits meanwhile shares its fate, and who comes later tries again."""
        with entry.loading:
            if entry.loaded is not None:
                return entry.loaded
            if entry.failure is not None and entry.failures > failures:
                raise entry.failure
            try:
                self._make_room(entry)
                entry.loaded = self._load(entry.one)
                entry.loads += 1
                if entry.weight >= _WORTH_A_TRIM:
                    give_back_memory()  # reading the file took as much again
            except Exception as error:
                entry.failure, entry.failures = error, entry.failures + 1
                raise
            finally:
                entry.coming = False
            return entry.loaded

    @contextmanager
    def _slot(self, loaded: Loaded) -> Iterator[None]:
        """On a GPU only so many at the same time; who has a slot needs no second for another model."""
        if loaded.device != CUDA or getattr(self._own, "slot", False):
            yield
            return
        with self._slots:
            self._own.slot = True
            try:
                yield
            finally:
                self._own.slot = False

    def _enter(self, one: Installed) -> tuple[_Entry, int]:
        """Its entry, and how often it could not be loaded before."""
        with self._guard:
            entry = self._entries.get(one.key)
            if entry is None or entry.one.sha256 != one.sha256:  # the same version was installed afresh
                entry = self._replace(one)
            entry.users += 1
            return entry, entry.failures

    def _replace(self, one: Installed) -> _Entry:
        """A new entry; whoever still runs on the old one keeps it until then."""
        old, entry = self._entries.get(one.key), _Entry(one, weight(one))
        self._entries[one.key] = entry
        if old is not None and not old.users:
            self._drop([old])
        return entry

    def _leave(self, entry: _Entry) -> None:
        with self._guard:
            entry.users -= 1
            entry.used = self._clock()
            if not entry.users and (entry.loaded is None or self._entries.get(entry.one.key) is not entry):
                self._drop([entry])
        self._watch()

    def _load(self, one: Installed) -> Loaded:
        engine = runtime(one.card)
        device = CPU if one.key in self._no_gpu else preferred(self._settings)
        try:
            return engine.load(one, device, self._settings)
        except Exception as error:
            if device != CUDA or self._settings.require_gpu or not engine.out_of_memory(error):
                raise
        self._no_gpu.add(one.key)
        return engine.load(one, CPU, self._settings)

    def to_processor(self, one: Installed, error: BaseException) -> bool:
        """Was ``error`` a GPU without memory? Then the model is loaded on the processor from now on."""
        if self._settings.require_gpu or not runtime(one.card).out_of_memory(error):
            return False
        with self._guard:
            entry = self._entries.get(one.key)
            if entry is None or entry.loaded is None or entry.loaded.device != CUDA:
                return False
            self._no_gpu.add(one.key)
            self._replace(one)
        return True

    def _make_room(self, newcomer: _Entry) -> None:
        budget = self._settings.model_memory_mb
        with self._guard:
            idle = sorted(
                (entry for entry in self._entries.values() if entry.loaded is not None and not entry.users),
                key=lambda entry: entry.used,
            )
            there = sum(entry.weight for entry in self._entries.values() if entry.loaded is not None or entry.coming)
            newcomer.coming = True
            leaving = []
            for entry in idle:
                if there + newcomer.weight <= budget:
                    break
                leaving.append(entry)
                there -= entry.weight
            self._drop(leaving)

    def _drop(self, entries: list[_Entry]) -> None:
        unloaded = [entry for entry in entries if entry.loaded is not None]
        for entry in entries:
            loaded, entry.loaded = entry.loaded, None
            if loaded is not None:
                loaded.close()
            if not entry.users and self._entries.get(entry.one.key) is entry:
                del self._entries[entry.one.key]
        if unloaded:
            gc.collect()
            give_back_memory()

    def unload(self, *, idle_for: float = 0.0) -> int:
        """Let go of what nobody uses nor used for ``idle_for`` seconds; how many that were."""
        now = self._clock()
        with self._guard:
            idle = [
                entry
                for entry in self._entries.values()
                if entry.loaded is not None and not entry.users and now - entry.used >= idle_for
            ]
            self._drop(idle)
        return len(idle)

    def _watch(self) -> None:
        """See to it that what is idle goes, without anybody asking."""
        patience = self._settings.model_idle_seconds
        with self._guard:
            if patience <= 0 or self._sweeper is not None or self._closed:
                return
            self._sweeper = threading.Timer(patience, self._sweep)
            self._sweeper.daemon = True
            self._sweeper.start()

    def _sweep(self) -> None:
        with self._guard:
            self._sweeper = None
            self.unload(idle_for=self._settings.model_idle_seconds)
            waiting = any(entry.loaded is not None for entry in self._entries.values())
        if waiting:
            self._watch()

    def status(self) -> tuple[Status, ...]:
        """What is in memory now; never loads anything."""
        with self._guard:
            return tuple(
                Status(
                    card.name,
                    card.version,
                    card.role,
                    entry.loaded.device,
                    entry.weight,
                    entry.users,
                    getattr(entry.loaded.native, "precision", None),
                )
                for entry in self._entries.values()
                if entry.loaded is not None
                for card in (entry.one.card,)
            )

    def loads(self, one: Installed) -> int:
        """How often it was loaded since it was last let go."""
        with self._guard:
            entry = self._entries.get(one.key)
            return entry.loads if entry else 0

    def close(self) -> None:
        """Let go of everything that is not in use, and watch no longer."""
        with self._guard:
            self._closed = True
            if self._sweeper is not None:
                self._sweeper.cancel()
                self._sweeper = None
            self.unload()


def weight(one: Installed) -> int:
    """MiB in memory: as its card says, else by the size of its files."""
    if one.card.memory is not None:
        return one.card.memory
    paths = (one.folder / file.name for file in one.card.kept)
    size = sum(path.stat().st_size for path in paths if path.is_file())
    return round(size * _OVERHEAD / _MIB) + 1
