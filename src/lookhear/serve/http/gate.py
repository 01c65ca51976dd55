"""Analyses without a job: a bounded number at once, each for a bounded time, never on the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from lookhear.errors import TookTooLong, TooManyRequests
from lookhear.settings import Settings

T = TypeVar("T")
_given_up: contextvars.ContextVar[threading.Event | None] = contextvars.ContextVar("given_up", default=None)


def still_wanted(*_: Any) -> None:
    """For what runs behind the gate to call now and then, as its progress. Raises TookTooLong once nobody waits."""
    event = _given_up.get()
    if event is not None and event.is_set():
        raise TookTooLong("Nobody waits for the answer any longer.")


class Gate:
    """``run`` what takes long. A place is taken until the work really ends, be it that nobody waits for it."""

    def __init__(self, settings: Settings, threads: int) -> None:
        self._most, self._seconds = settings.max_requests, settings.request_timeout
        self._pool = ThreadPoolExecutor(max(1, min(threads, self._most)), "analysis")
        self._taken, self._guard = 0, threading.Lock()

    @property
    def taken(self) -> int:
        """How many run or wait now."""
        return self._taken

    async def run(self, work: Callable[..., T], *arguments: Any, seconds: float | None = None) -> T:
        """Its result. Raises TooManyRequests at once, TookTooLong after ``seconds`` (REQUEST_TIMEOUT; 0: never)."""
        self._enter()
        given_up = threading.Event()
        context = contextvars.copy_context()
        context.run(_given_up.set, given_up)
        running: Future[T] = self._pool.submit(context.run, work, *arguments)
        running.add_done_callback(self._leave)
        limit = self._seconds if seconds is None else seconds
        awaited = asyncio.wrap_future(running)
        awaited.add_done_callback(_heard)
        try:
            async with asyncio.timeout(limit or None):
                return await asyncio.shield(awaited)
        except TimeoutError as error:
            if running.done() and not running.cancelled():
                raise  # the work's own
            raise TookTooLong(
                f"It takes longer than the {limit:g} s that an answer may (REQUEST_TIMEOUT; of films JOB_TIMEOUT). "
                "Give it to a job instead: POST /job/{task_type}."
            ) from error
        finally:
            given_up.set()
            running.cancel()  # if it has not begun

    def close(self) -> None:
        """What waits is dropped; what runs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def check(self) -> None:
        """For who is about to take in what ``run`` would refuse. Raises TooManyRequests."""
        if self._taken >= self._most:
            raise TooManyRequests(
                f"{self._most} analyses run or wait already, as many as may (MAX_REQUESTS). Ask again in a moment, "
                "or give it to a job."
            )

    def _enter(self) -> None:
        with self._guard:
            self.check()
            self._taken += 1

    def _leave(self, _: Future[Any]) -> None:
        with self._guard:
            self._taken -= 1


def _heard(future: asyncio.Future[Any]) -> None:
    """How work ends that nobody waits for any longer is no news."""
    if not future.cancelled():
        future.exception()
