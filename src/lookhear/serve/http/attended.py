"""Work for somebody who waits: behind the gate, and it stops when they hang up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from lookhear.contracts.base import Statuses, status_of
from lookhear.errors import LookhearError
from lookhear.serve.http import parts
from lookhear.serve.http.problems import Recast

T = TypeVar("T")
_SOON = 0.05  # s in which most are done, and nobody need look whether the client is there


async def attended(request: Request, work: Callable[..., T], *arguments: Any, seconds: float | None = None) -> T:
    """What ``Gate.run`` gives, as long as the client is there. Raises as that does, and ClientDisconnect."""
    return await while_there(request, parts.gate(request).run(work, *arguments, seconds=seconds))


async def while_there(request: Request, answer: Awaitable[T]) -> T:
    """What it comes to, unless the client hangs up, whose body has been read: then it is cancelled.

    Raises ClientDisconnect.
    """
    working = asyncio.ensure_future(answer)
    try:
        await asyncio.wait({working}, timeout=_SOON)
        if not working.done():
            await _done_or_gone(working, request)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        await asyncio.wait({working})


async def _done_or_gone(working: asyncio.Future[Any], request: Request) -> None:
    leaving: asyncio.Future[Any] = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        await asyncio.wait({leaving})


async def room(request: Request) -> None:
    """A dependency of doors that read uploads for the gate: what it would refuse is not taken in. Raises TooManyRequests."""
    parts.gate(request).check()


@contextmanager
def answered_as(statuses: Statuses) -> Iterator[None]:
    """Failures inside get the status that a contract wants."""
    try:
        yield
    except LookhearError as error:
        raise Recast(error, status_of(error, statuses)) from error


async def _gone(request: Request) -> None:
    """Returns once the client has hung up."""
    with suppress(HTTPException):  # they send on after the end of the body
        while (await request.receive())["type"] != "http.disconnect":
            pass
