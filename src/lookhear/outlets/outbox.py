"""What waits for a broker: bounded, so that one that is away costs neither memory nor anybody's time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

CAPACITY = 10_000  #: messages
CAPACITY_BYTES = 16 << 20
TRIES = 3  #: broken connections before a message is taken for what breaks them


@dataclass(eq=False)
class Message:
    """To be published. ``settled``: it has arrived, or never will. ``tries``: connections that broke with it at the head."""

    topic: str
    payload: bytes
    retain: bool = False
    tries: int = 0
    settled: bool = False


class Outbox:
    """First in, first out; any thread may put, one takes. Where there is no room, the oldest make some."""

    def __init__(self, capacity: int = CAPACITY, capacity_bytes: int = CAPACITY_BYTES) -> None:
        self._capacity, self._capacity_bytes = capacity, capacity_bytes
        self._waiting: deque[Message] = deque()
        self._sent: deque[Message] = deque()
        self._bytes = 0
        self._dropped = 0
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent)

    @property
    def idle(self) -> bool:
        """Not much waits: more may come without anything being dropped for it."""
        return len(self) < self._capacity // 4 and self._bytes < self._capacity_bytes // 4

    def put(self, message: Message) -> bool:
        """It waits; False: there is no room, even without all others."""
        with self._changed:
            fits = len(message.payload) <= self._capacity_bytes
            while fits and self._full(len(message.payload)):
                fits = self._drop_oldest()
            if fits:
                self._waiting.append(message)
                self._bytes += len(message.payload)
            else:
                self._dropped += 1
                message.settled = True
            return fits

    def take(self, most: int) -> Message | None:
        """The next to be sent, unless ``most`` are on their way; None: none. After a suspect nothing goes with it."""
        with self._changed:
            if not self._waiting or len(self._sent) >= most:
                return None
            if self._sent and (self._sent[0].tries or self._waiting[0].tries):
                return None
            self._sent.append(self._waiting.popleft())
            return self._sent[-1]

    def confirm(self, message: Message) -> None:
        """It has arrived."""
        with self._changed:
            self._sent.remove(message)
            self._settle(message)

    def broken(self) -> Message | None:
        """What was on its way waits again, before all others; given back is the one that was dropped for it, if any."""
        with self._changed:
            suspect = self._sent[0] if self._sent else None
            self._waiting.extendleft(one for one in reversed(self._sent) if not one.settled)
            self._sent.clear()
            if suspect is None or suspect.settled:
                return None
            suspect.tries += 1
            if suspect.tries < TRIES:
                return None
            self._waiting.popleft()
            self._settle(suspect)
            return suspect

    def withdraw(self, messages: Collection[Message], lost: bool = False) -> None:
        """They are not sent any more, unless they are on their way. ``lost``: count them as dropped."""
        with self._changed:
            for message in messages:
                if message.settled:
                    continue
                if message in self._waiting:
                    self._waiting.remove(message)
                self._settle(message)
                self._dropped += lost

    def wait(self, messages: Collection[Message], seconds: float) -> None:
        """Until they are settled, or so long."""
        with self._changed:
            self._changed.wait_for(lambda: all(message.settled for message in messages), seconds)

    def dropped(self) -> int:
        """How many there was no room or time for since this was last asked."""
        with self._changed:
            found, self._dropped = self._dropped, 0
            return found

    def _full(self, more: int) -> bool:
        return len(self) >= self._capacity or self._bytes + more > self._capacity_bytes

    def _drop_oldest(self) -> bool:
        """One that says something makes room: what takes a retained message away is small, and would be missed."""
        for message in self._waiting:
            if message.payload:
                self._waiting.remove(message)
                self._settle(message)
                self._dropped += 1
                return True
        return False

    def _settle(self, message: Message) -> None:
        if not message.settled:
            message.settled = True
            self._bytes -= len(message.payload)
            self._changed.notify_all()
