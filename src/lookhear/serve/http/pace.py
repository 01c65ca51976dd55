"""How long a body may take to come in: whoever sends nothing is sent away, sooner once the service stops."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from starlette.types import Message, Receive, Scope

from lookhear.errors import SlowUpload, Starting

if TYPE_CHECKING:
    from lookhear.serve.http.running import Running

PATIENCE = 20.0  # s of waiting within which LEAST bytes must come
LEAST = 1 << 14
GRACE = 3.0  # s instead of PATIENCE, once the service stops


class Pace:
    """Waits for the client, but not for ever: time that we need ourselves does not count."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._running: Running = scope["app"].state.running
        self._receive = receive
        self._patience = self._left = PATIENCE
        self._came = 0
        self._waiting: asyncio.Timeout | None = None

    def __enter__(self) -> Pace:
        self._running.hurried.add(self.hurry)
        if self._running.stopping.is_set():
            self.hurry()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.hurried.discard(self.hurry)

    def hurry(self) -> None:
        """From now on nobody is waited for longer than GRACE."""
        self._patience = GRACE
        self._left = min(self._left, GRACE)
        if self._waiting is not None:
            soon, until = asyncio.get_running_loop().time() + GRACE, self._waiting.when()
            self._waiting.reschedule(soon if until is None else min(soon, until))

    async def next(self) -> Message:
        """What comes next. Raises SlowUpload, or Starting while the service stops."""
        asked = time.monotonic()
        try:
            async with asyncio.timeout(self._left) as self._waiting:
                message = await self._receive()
        except TimeoutError as error:
            raise self._slow() from error
        finally:
            self._waiting = None
        self._left -= time.monotonic() - asked
        self._came += len(message.get("body", b""))
        if self._came >= LEAST:
            self._left, self._came = self._patience, 0
        return message

    def _slow(self) -> SlowUpload | Starting:
        if self._running.stopping.is_set():
            return Starting("The service stops. Send it again in a moment.")
        return SlowUpload(f"Of the body less than {LEAST} bytes came within {PATIENCE:g} s. Try again.")
