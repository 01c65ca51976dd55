"""How many jobs may still come, and whether the clock can be believed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_RECOUNT = 0.5  # s that a count of waiting jobs is believed
_JUMP = 2.0  # s between two clocks' ideas of a while that make one of them wrong


class Room:
    """How many jobs may still be put; counted now and then, since counting takes longer than putting."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = 0
        self._counted = -_RECOUNT
        self._lock = threading.Lock()

    def take(self, count: Callable[[], int]) -> bool:
        """For one more; False: there is none."""
        with self._lock:
            now = time.monotonic()
            if self._left <= 0 or now - self._counted > _RECOUNT:
                self._left, self._counted = self._most - count(), now
            self._left -= 1
            return self._left >= 0


class Clock:
    """Whether the database's clock went on evenly of late."""

    def __init__(self, lease: float) -> None:
        self._lease = lease
        self._offset: float | None = None
        self._until = 0.0

    def trusted(self, now: int) -> bool:
        """False while the living may not yet have been heard of since a jump."""
        steady = time.monotonic()
        offset = now / 1000 - steady
        if self._offset is not None and abs(offset - self._offset) > _JUMP:
            self._until = steady + self._lease
        self._offset = offset
        return steady >= self._until
