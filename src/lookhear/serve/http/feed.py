"""What happens to jobs, for everyone in this process who waits for it: one task asks the store, and tells all."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request

from lookhear.serve.http import parts

if TYPE_CHECKING:
    from lookhear.jobs.job import Event

FINAL = frozenset({"completed", "failed", "cancelled", "sync_failed", "deleted"})  #: nothing comes after these
PAGE = 500  #: events read at once
_LISTEN = 1.0  # s without news before the store is asked again
_PAUSE = 1.0  # s after the store did not answer
_MOST = 1024  # events that may wait for a reader
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Jobs(Protocol):
    """The job store, as far as its news go."""

    def newest_event(self) -> int: ...
    def wait(self, seconds: float, seen: int) -> int: ...
    def events(self, after: int, job_id: str | None = None, limit: int = PAGE) -> list[Event]: ...


class Reader:
    """Someone who waits. ``slow``: too much waited for them, and they get no more."""

    def __init__(self) -> None:
        self.slow = False
        self._events: deque[Event] = deque()
        self._ended = False
        self._news = asyncio.Event()

    def put(self, event: Event) -> None:
        """Tell of it, unless too much waits already."""
        if len(self._events) >= _MOST:
            self.slow = True
            self.end()
        elif not self._ended:
            self._events.append(event)
            self._news.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._news.set()

    async def next(self) -> Event | None:
        """The next event; None: no more."""
        while not self._events:
            if self._ended:
                return None
            self._news.clear()
            await self._news.wait()
        return self._events.popleft()


class Feed:
    """Runs only while there are readers, and ends them all when ``stopping`` is set."""

    def __init__(self, jobs: Jobs, stopping: asyncio.Event) -> None:
        self.turns = 0  #: how often the store was asked
        self._jobs, self._stopping = jobs, stopping
        self._readers: dict[str | None, set[Reader]] = {}
        self._begun = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._thread = CapacityLimiter(1)  # of its own: it is always waiting in one

    @property
    def stopping(self) -> bool:
        """No more will come to anybody."""
        return self._stopping.is_set()

    @asynccontextmanager
    async def reading(self, job_id: str | None = None) -> AsyncIterator[Reader]:
        """A reader of all that happens from now on, or of that to one job."""
        reader = Reader()
        self._readers.setdefault(job_id, set()).add(reader)
        try:
            self._start()
            await self._begun.wait()
            yield reader
        finally:
            self._leave(job_id, reader)

    def _leave(self, job_id: str | None, reader: Reader) -> None:
        same = self._readers.get(job_id, set())
        same.discard(reader)
        if not same:
            self._readers.pop(job_id, None)

    def _start(self) -> None:
        if self._stopping.is_set():
            self._end()
        elif self._task is None:
            self._task = asyncio.create_task(self._tell())
        if self._watch is None:
            self._watch = asyncio.create_task(self._until_stopped())

    async def _until_stopped(self) -> None:
        await self._stopping.wait()
        self._end()

    def _end(self) -> None:
        self._begun.set()
        for same in self._readers.values():
            for reader in same:
                reader.end()

    async def _tell(self) -> None:
        seen = None
        while self._readers and not self._stopping.is_set():
            try:
                if seen is None:
                    seen = await self._ask(self._jobs.newest_event)
                    self._begun.set()
                seen = await self._turn(seen)
            except Exception as error:
                _log.warning("The job store does not tell what happens: %s", error)
                self._end()  # they can ask again, and hear from the store itself what is wrong
                await asyncio.sleep(_PAUSE)
        self._begun.clear()
        self._task = None

    async def _turn(self, seen: int) -> int:
        """What came after ``seen`` is told; the id of the last."""
        self.turns += 1
        newest = await self._ask(lambda: self._jobs.wait(_LISTEN, seen))
        while seen < newest:
            events = await self._ask(partial(self._jobs.events, seen))
            for event in events:
                for reader in (*self._readers.get(None, ()), *self._readers.get(event.job_id, ())):
                    reader.put(event)
            seen = events[-1].id if events else newest
        return seen

    async def _ask(self, ask: Callable[[], _T]) -> _T:
        return await to_thread.run_sync(ask, limiter=self._thread, abandon_on_cancel=True)


def feed(request: Request) -> Feed:
    """The one of this app."""
    state = request.app.state
    if not hasattr(state, "feed"):
        state.feed = Feed(parts.service(request).jobs, parts.running(request).stopping)
    found: Feed = state.feed
    return found
