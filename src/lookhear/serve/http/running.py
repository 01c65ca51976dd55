"""The service behind the doors: opened while the server listens already, and stopped before it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from anyio import to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from lookhear.errors import Starting
from lookhear.serve.http.parts import Service
from lookhear.serve.http.problems import known

HEALTH = frozenset({"/health", "/health/live", "/health/ready"})
_PATIENCE = 20.0  # s that a request waits for the service to open
_LAST = 5.0  # s beyond SHUTDOWN_SECONDS that workers may take to stop
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_log = logging.getLogger(__name__)


class Beside(Protocol):
    """A door of another kind, which runs as long as the service does."""

    @property
    def state(self) -> str: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


class Running:
    """Has the service been ``opened``, does it stop (``stopping``), and what went wrong (``failure``)?"""

    def __init__(self, service: Service, workers: bool = True, beside: Mapping[str, Beside] = _NOTHING) -> None:
        self._service, self._workers, self.beside = service, workers, beside
        self._loop: asyncio.AbstractEventLoop | None = None
        self.opened, self.stopping = asyncio.Event(), asyncio.Event()
        self.hurried: set[Callable[[], None]] = set()  #: called once it stops
        self.failure: Exception | None = None
        self.on_failure: Callable[[], None] = lambda: None

    def stop(self) -> None:
        """From any thread or signal handler: end what waits, and let workers finish."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.stopping.set)

    @contextlib.asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        """The service opens in the background and is closed in the end."""
        self._loop = asyncio.get_running_loop()
        opening = asyncio.create_task(self._open())
        stopping = asyncio.create_task(self._stop(opening))
        try:
            yield
        finally:
            self.stopping.set()
            await stopping

    async def wait(self) -> None:
        """Until the service is open. Raises Starting when that takes long or it stops."""
        if self.opened.is_set():
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.opened.wait(), _PATIENCE)
        if not self.opened.is_set():
            raise Starting("The service is still starting. Ask again in a moment.")

    async def _open(self) -> None:
        try:
            await to_thread.run_sync(self._service.open)
            if self._workers:
                await to_thread.run_sync(self._service.start_workers)
            for door in self.beside.values():
                await to_thread.run_sync(door.start)
            self.opened.set()
        except Exception as error:
            self.failure = error
            self.on_failure()

    async def _stop(self, opening: asyncio.Task[None]) -> None:
        await self.stopping.wait()
        for hurry in list(self.hurried):
            hurry()
        await opening
        if not self.opened.is_set():
            return
        for door in self.beside.values():
            await to_thread.run_sync(door.stop)
        if self._workers:
            await self._workers_stopped()

    async def _workers_stopped(self) -> None:
        patience = self._service.settings.shutdown_seconds + _LAST
        stopping = asyncio.create_task(to_thread.run_sync(self._service.stop_workers, abandon_on_cancel=True))
        try:
            await asyncio.wait_for(stopping, patience)
        except TimeoutError:
            _log.warning("Workers did not stop within %g s; their jobs go back when the leases end.", patience)

    async def close(self) -> None:
        """After all requests are done."""
        if self.opened.is_set():
            await to_thread.run_sync(self._service.close)


class Doorstep:
    """Requests wait here until the service is open; health does not."""

    def __init__(self, app: ASGIApp, running: Running) -> None:
        self.app, self.running = app, running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self.running.opened.is_set() and scope["path"] not in HEALTH:
            try:
                await self.running.wait()
            except Starting as error:
                return await known(scope, error)(scope, receive, send)
        await self.app(scope, receive, send)
