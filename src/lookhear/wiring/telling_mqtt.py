"""An MQTT broker as an outlet of jobs that end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from lookhear.errors import OutletFailed
from lookhear.jobs.job import Event
from lookhear.jobs.store import JobStore
from lookhear.outlets.mqtt import Mqtt
from lookhear.outlets.outbox import Message
from lookhear.wiring.telling import Done
from lookhear.wiring.telling_webhook import told

_ENDED = {"completed": "job_completed", "sync_failed": "job_completed", "failed": "job_failed"}
_KEYS = ("job_id", "task_type", "media_store_id", "status", "result", "error")
_TURN = 1.0  # s between looks at whether it is still our part
_OFTEN = 0.05  # s between words of how far it was told, while it goes on

Sent = tuple[Event, tuple[Message, ...]]


class MqttOutlet:
    """Many events are under way at once. While the broker is away they wait, but not those older than ``patience`` s."""

    name = "mqtt"
    waits = (0.5, 5.0)  # the connection has waits of its own

    def __init__(self, jobs: JobStore, broker: Mqtt, patience: float, closing: Callable[[], bool]) -> None:
        self._jobs, self._broker, self._patience, self._closing = jobs, broker, patience, closing

    def begin(self) -> None:
        """Repeats have the same id, and are for the receiver to know."""

    def deliver(self, events: Sequence[Event], done: Done) -> None:
        """See ``Outlet``."""
        left, under_way = deque(events), deque[Sent]()
        try:
            self._deliver(left, under_way, done)
        finally:
            self._broker.withdraw([message for _, messages in under_way for message in messages])

    def close(self) -> None:
        """See ``Outlet``; the connection is the service's to close."""

    def _deliver(self, left: deque[Event], under_way: deque[Sent], done: Done) -> None:
        seen = noted = left[0].id - 1
        said = time.monotonic()
        while left or under_way:
            while left and self._broker.idle:
                under_way.append((left[0], self._tell(left[0])))
                left.popleft()
            self._leave_old(under_way)
            while under_way and all(message.settled for message in under_way[0][1]):
                seen = under_way.popleft()[0].id
            if time.monotonic() - said > (_OFTEN if seen > noted else _TURN):
                done(seen)  # says also whether it is ours still
                noted, said = seen, time.monotonic()
            if self._closing():
                raise OutletFailed("The service ends. The MQTT broker is told of the rest by another, or later.")
            if under_way:
                self._broker.wait(under_way[0][1], _TURN)

    def _tell(self, event: Event) -> tuple[Message, ...]:
        if event.kind == "deleted":
            return self._broker.clear(event.job_id)
        if event.kind not in _ENDED:
            return ()
        said = told(self._jobs, event)
        if isinstance(said.get("error"), dict):  # the job is gone: so says the event
            said["error"] = said["error"]["message"]
        return self._broker.tell(_ENDED[event.kind], {key: said[key] for key in _KEYS if key in said}, event.at)

    def _leave_old(self, under_way: deque[Sent]) -> None:
        if self._broker.state != "connected":
            oldest = time.time() - self._patience
            for event, messages in under_way:
                if event.at / 1000 < oldest:
                    self._broker.withdraw(messages, lost=True)
