"""Tells an MQTT broker of every job that ends.

``inference/events`` (MQTT_TOPIC) gets ``{"event": "job_completed" | "job_failed", "data": {job_id, task_type,
media_store_id, status, result | error}, "timestamp": ms}``. Beside it ``inference/job/{job_id}/completed`` gets ``{"job_id",
"event", "data", "timestamp"}``, retained until the job is deleted. Both with QoS 1: after a connection that broke, a message
may come twice.
"""

from __future__ import annotations

import contextlib
import json
import logging
import random
import socket
import ssl
import threading
import time
from collections.abc import Collection, Mapping
from typing import Any

from lookhear.errors import InvalidSettings
from lookhear.outlets.mqtt_line import V5, V311, Broken, Broker, Line
from lookhear.outlets.outbox import Message, Outbox
from lookhear.outlets.settings import OutletSettings

_LOG = logging.getLogger(__name__)
_WAITS = (1.0, 60.0)  # s before the first try after a failure, and at the most
_STEADY = 10.0  # s that a connection must last for the waits to begin anew
_LONGEST_TOPIC = 1000  # characters, of MQTT's 65535 bytes


class Mqtt:
    """Messages wait in a bounded box for a thread that has the connection; nobody waits for it who does not want to."""

    def __init__(
        self, broker: Broker, topic: str, *, outbox: Outbox | None = None, waits: tuple[float, float] = _WAITS
    ) -> None:
        self._broker, self._topic, self._waits = broker, topic, waits
        self._outbox = Outbox() if outbox is None else outbox
        self._where = f"{broker.host}:{broker.port}"
        self._state = "connecting"
        self._protocol = V5
        self._closing = threading.Event()
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="lookhear-mqtt", daemon=True)
        self._thread.start()

    @property
    def state(self) -> str:
        """connecting, connected or down."""
        return self._state

    @property
    def idle(self) -> bool:
        """More can be told without anything being dropped for it."""
        return self._outbox.idle

    def tell(self, event: str, data: Mapping[str, Any], at: int) -> tuple[Message, ...]:
        """It will be sent as these messages, with the time ``at`` (ms); none, and a warning, if it cannot be written."""
        told = {"event": event, "data": data, "timestamp": at}
        try:
            messages = (
                Message(self._topic, _packed(told)),
                Message(self._of(data["job_id"]), _packed({"job_id": data["job_id"], **told}), retain=True),
            )
        except (KeyError, TypeError, ValueError) as error:
            _LOG.warning("The MQTT broker is not told of %s: %r.", event, error)
            return ()
        return self._put(*messages)

    def clear(self, job_id: str) -> tuple[Message, ...]:
        """The broker keeps no word of the job any more, once this is sent."""
        return self._put(Message(self._of(job_id), b"", retain=True))

    def wait(self, messages: Collection[Message], seconds: float) -> None:
        """Until they are settled, or so long."""
        self._outbox.wait(messages, seconds)

    def withdraw(self, messages: Collection[Message], lost: bool = False) -> None:
        """They are not sent any more; ``lost``: nor by anyone else, which the log tells when the broker is back."""
        self._outbox.withdraw(messages, lost)

    def close(self, seconds: float = 5.0) -> int:
        """What waits is sent, for so long, if the broker is there; how many messages were not."""
        self._closing.set()
        self._rouse()
        self._thread.join(seconds)
        left = len(self._outbox)
        if left:
            _LOG.warning("The MQTT broker %s was left with %d messages unsent.", self._where, left)
        return left

    def _of(self, job_id: str) -> str:
        """The topic of a job, beside that of all."""
        above, slash, _ = self._topic.rpartition("/")
        return f"{above}{slash}job/{job_id}/completed"

    def _put(self, *messages: Message) -> tuple[Message, ...]:
        for message in messages:
            self._outbox.put(message)
        self._rouse()
        return messages

    def _rouse(self) -> None:
        with contextlib.suppress(OSError):  # full: it will wake anyhow; or closed
            self._wake.send(b"\0")

    def _run(self) -> None:
        wait, longest = self._waits
        while True:
            began = time.monotonic()
            if self._connection() or self._closing.is_set():
                break
            if time.monotonic() - began > _STEADY:
                wait = self._waits[0]
            if self._closing.wait(wait * random.uniform(0.75, 1.25)):  # not all servers at once
                break
            wait = min(2 * wait, longest)
        self._wake.close()
        self._woken.close()

    def _connection(self) -> bool:
        """One, as long as it lasts; True: it ended since it was to be closed."""
        line = Line(self._broker, self._protocol, self._outbox, self._up, self._refused)
        try:
            line.run(self._woken, self._closing.is_set)
            return True
        except Broken as broken:
            if self._state != "connected" and broken.reached:
                self._protocol = V311 if self._protocol == V5 else V5
                if self._protocol == V311 and not self._closing.is_set():  # old brokers hang up on 5
                    return self._connection()
            self._down(str(broken))
        except Exception as error:  # whatever it is, the next may do better
            self._down(repr(error))
        return False

    def _up(self) -> None:
        dropped = self._outbox.dropped()
        lost = f"; {dropped} messages were too many or too old to wait for it" if dropped else ""
        _LOG.info("The MQTT broker %s is told of jobs%s.", self._where, lost)
        self._state = "connected"

    def _down(self, why: str) -> None:
        if (message := self._outbox.broken()) is not None:
            self._refused(message, "the connection breaks with it")
        level = logging.DEBUG if self._state == "down" else logging.WARNING
        _LOG.log(level, "The MQTT broker %s cannot be told of jobs: %s. It is tried again.", self._where, why)
        self._state = "down"

    def _refused(self, message: Message, why: str) -> None:
        size = len(message.payload)
        _LOG.warning("The MQTT broker %s did not take %d bytes for %s: %s.", self._where, size, message.topic, why)


def connect(settings: OutletSettings) -> Mqtt:
    """The broker of the settings; nothing is asked of it yet. Raises InvalidSettings."""
    topic = settings.mqtt_topic
    if not topic.strip("/") or len(topic) > _LONGEST_TOPIC or not topic.isprintable() or "+" in topic or "#" in topic:
        raise InvalidSettings(f"MQTT_TOPIC={topic!r} is no topic to write to: give one in UTF-8 without + and #.")
    if not settings.mqtt_broker or not 0 < settings.mqtt_port < 65536:
        raise InvalidSettings("MQTT_BROKER and MQTT_PORT are to name a host and its port, such as localhost and 1883.")
    if settings.mqtt_password is not None and settings.mqtt_username is None:
        raise InvalidSettings("MQTT_PASSWORD is set, but MQTT_USERNAME is not. Set both.")
    broker = Broker(
        settings.mqtt_broker, settings.mqtt_port, settings.mqtt_username, settings.mqtt_password, _tls(settings)
    )
    return Mqtt(broker, topic)


def _tls(settings: OutletSettings) -> ssl.SSLContext | None:
    if not settings.mqtt_tls:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.mqtt_ca_file)
        if settings.mqtt_cert_file is not None:
            context.load_cert_chain(settings.mqtt_cert_file, settings.mqtt_key_file)
    except OSError as error:  # SSLError is one
        raise InvalidSettings(
            f"A file of MQTT_CA_FILE, MQTT_CERT_FILE or MQTT_KEY_FILE is no good: {error}."
        ) from error
    return context


def _packed(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
