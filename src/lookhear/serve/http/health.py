"""How the service is, fast: what takes long is asked in the background, and its last answer is told."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anyio import to_thread

from lookhear.models.devices import Gpu, gpu
from lookhear.serve.http.parts import Service
from lookhear.serve.http.running import Running
from lookhear.version import __version__

_FRESH = 1.0  # s that an answer is told again
_WAIT = 0.002  # s that a request waits for a new one
_STALE = 5.0  # s after which an answer may be wrong by now
_PATIENT = 0.05  # s that the first waits who asks after that
_HANGS = 5.0  # s after which a database that does not answer counts as lost
_MIB = 1 << 20
_PAGE = os.sysconf("SC_PAGE_SIZE")
_BAD_WORKERS = frozenset({"dead", "failed"})
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Facts:
    """What was found out at a time (monotonic s)."""

    at: float = 0.0
    ready: bool = False
    why: str = "it is starting"
    database: bool = False
    queue_size: int = 0
    models: frozenset[str] = frozenset()  #: in memory of workers, here or elsewhere
    busy: bool = False  #: one of them has a job in hand
    gpu: Gpu | None = None


class Pulse:
    """One for each app."""

    def __init__(self, service: Service, running: Running) -> None:
        self._service, self._running = service, running
        self._facts = Facts()
        self._asking: asyncio.Task[Facts] | None = None
        self._asked, self._was_ready = 0.0, False
        self._total = _total_memory()

    async def facts(self, wait: float = _WAIT) -> Facts:
        """The newest; younger than a second unless the database takes its time."""
        if not self._running.opened.is_set():
            return self._facts
        age = time.monotonic() - self._facts.at
        if age >= _FRESH:
            first = self._asking is None and age > _STALE
            await asyncio.wait({self._ask()}, timeout=max(wait, _PATIENT) if first else wait)
        hangs = self._asking is not None and time.monotonic() - self._asked > _HANGS
        if hangs:
            return replace(self._facts, ready=False, why="the database does not answer", database=False, busy=False)
        return self._facts

    async def health(self) -> dict[str, Any]:
        """The union of what clients of /health read."""
        facts, service = await self.facts(), self._service
        opened = self._running.opened.is_set()
        worker = service.worker_state() if opened else "starting"
        ours = {f"{one.name}@{one.version}" for one in service.shelf.sessions.status()} if opened else set()
        loaded = sorted(ours | facts.models)
        return {
            "status": self._status(facts, worker),
            "version": __version__,
            "uptime_seconds": round(time.time() - service.started, 3),
            "timestamp": time.time(),
            "models_loaded": len(loaded),
            "models": loaded,
            "model_loaded": bool(loaded),
            "queue_size": facts.queue_size,
            "processing_active": opened and (facts.busy or service.processing()),
            "database": "connected" if facts.database else "error",
            "worker": worker,
            **{name: door.state for name, door in self._running.beside.items()},
            "gpu_available": facts.gpu is not None,
            "gpu_device_name": facts.gpu.name if facts.gpu else None,
            "gpu_memory_total_mb": facts.gpu.memory_total if facts.gpu else None,
            "gpu_memory_used_mb": facts.gpu.memory_used if facts.gpu else None,
            "memory_usage": self._memory(),
            **service.outlets(),
        }

    def _status(self, facts: Facts, worker: str) -> str:
        if not facts.at:
            return "starting"
        if not facts.database:
            return "unhealthy"
        if not facts.ready:
            return "degraded" if self._was_ready else "starting"
        lost = any(door.state == "lost" for door in self._running.beside.values())
        return "degraded" if lost or worker in _BAD_WORKERS or self._running.stopping.is_set() else "healthy"

    def _memory(self) -> dict[str, float]:
        used = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
        return {
            "used_mb": round(used / _MIB, 1),
            "total_mb": round(self._total / _MIB, 1),
            "percentage": round(100 * used / self._total, 2),
        }

    def _ask(self) -> asyncio.Task[Facts]:
        """One at a time, however many want to know."""
        if self._asking is None:
            self._asked = time.monotonic()
            self._asking = asyncio.create_task(self._found_out())
        return self._asking

    async def _found_out(self) -> Facts:
        try:
            self._facts = await to_thread.run_sync(self._look, abandon_on_cancel=True)
            self._was_ready = self._was_ready or self._facts.ready
        finally:
            self._asking = None
        return self._facts

    def _look(self) -> Facts:
        device = gpu()
        try:
            queue_size, workers = self._service.jobs.stats().queue_size, self._service.jobs.workers()
            ready, why = self._service.ready
        except Exception as error:  # whatever ails the database, health is told of it
            _log.warning("The job store does not answer: %s", error)
            return Facts(time.monotonic(), False, "the database does not answer", False, gpu=device)
        models = frozenset(model for one in workers for model in one.models)
        return Facts(time.monotonic(), ready, why, True, queue_size, models, any(one.jobs for one in workers), device)


def _total_memory() -> int:
    """What the container may use, else what the machine has; bytes."""
    machine = os.sysconf("SC_PHYS_PAGES") * _PAGE
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return min(machine, int(Path(path).read_text()))
        except (OSError, ValueError):
            continue
    return machine
