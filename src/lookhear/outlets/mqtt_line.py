"""One connection to an MQTT broker, from its first byte to its last; it takes the extra ``mqtt``.

The thread that calls does all of it. paho's own loops are not used: they know ``select`` alone, which fails in a process
with a thousand open files, and sleep between tries, so that nobody could be stopped meanwhile.
"""

from __future__ import annotations

import secrets
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lookhear.errors import Unsupported
from lookhear.outlets.outbox import Message, Outbox

try:
    from paho.mqtt import client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
except ImportError as error:
    raise Unsupported("BROADCAST_TYPE=mqtt takes an optional part: pip install 'lookhear[mqtt]'.") from error

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
_ANSWER = 5.0  # s for a connection to be made, and again for the broker to take it
_KEEPALIVE = 15  # s after which a silent broker is asked whether it lives, and again until it counts as gone
_TURN = 1.0  # s between looks at the above
_WINDOW = 100  # messages on their way
_ONCE = 1  # QoS: at least


@dataclass(frozen=True)
class Broker:
    """Where it is, and who asks."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None


class Broken(Exception):
    """Why there is no connection (any more). ``reached``: somebody was there."""

    def __init__(self, why: str, reached: bool = True) -> None:
        super().__init__(why)
        self.reached = reached


class Line:
    """Sends what ``outbox`` holds. ``up`` is called once the broker takes messages, ``refused`` for those it does not."""

    def __init__(
        self,
        broker: Broker,
        protocol: MQTTProtocolVersion,
        outbox: Outbox,
        up: Callable[[], None],
        refused: Callable[[Message, str], None],
    ) -> None:
        self._outbox, self._up, self._refused, self._broker = outbox, up, refused, broker
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"lookhear-{secrets.token_hex(6)}",  # 3.1.1 grants no more than 23 characters
            protocol=protocol,
            reconnect_on_failure=False,
        )
        self._client.max_inflight_messages_set(_WINDOW)
        self._client.connect_timeout = _ANSWER
        if broker.username is not None:
            self._client.username_pw_set(broker.username, broker.password)
        if broker.tls is not None:
            self._client.tls_set_context(broker.tls)
        self._client.on_connect, self._client.on_publish = self._connected, self._arrived
        self._open, self._why = False, ""
        self._sent: dict[int, Message] = {}

    def run(self, wake: socket.socket, leaving: Callable[[], bool]) -> None:
        """Until ``leaving`` says so and all has arrived; a byte on ``wake`` means that there is more to do.

        Raises Broken.
        """
        try:
            self._connect()
            with selectors.DefaultSelector() as selector:
                selector.register(wake, selectors.EVENT_READ)
                self._serve(selector, wake, leaving)
        except OSError as error:
            raise Broken(str(error) or type(error).__name__) from error
        finally:
            self._client.disconnect()

    def _connect(self) -> None:
        try:
            self._client.connect(self._broker.host, self._broker.port, _KEEPALIVE)
        except (OSError, ValueError) as error:  # ValueError: a name that is none
            raise Broken(str(error) or type(error).__name__, reached=False) from error

    def _serve(self, selector: selectors.BaseSelector, wake: socket.socket, leaving: Callable[[], bool]) -> None:
        line, deadline = self._socket(), time.monotonic() + _ANSWER
        selector.register(line, selectors.EVENT_READ)
        while True:
            if self._open:
                self._send()
                if leaving() and not len(self._outbox):
                    return
            elif time.monotonic() > deadline:
                raise Broken("it does not answer")
            writes = selectors.EVENT_WRITE if self._client.want_write() else 0
            selector.modify(line, selectors.EVENT_READ | writes)
            ready = {key.fileobj: mask for key, mask in selector.select(0.0 if _pending(line) else _TURN)}
            if wake in ready:
                wake.recv(4096)
            self._turn(ready.get(line, 0), bool(_pending(line)))

    def _turn(self, ready: int, pending: bool) -> None:
        if ready & selectors.EVENT_READ or pending:
            self._checked(self._client.loop_read())
        if ready & selectors.EVENT_WRITE:
            self._checked(self._client.loop_write())
        self._checked(self._client.loop_misc())

    def _send(self) -> None:
        while (message := self._outbox.take(_WINDOW)) is not None:
            info = self._client.publish(message.topic, message.payload, _ONCE, message.retain)
            self._sent[info.mid] = message
            self._checked(info.rc)

    def _socket(self) -> Any:
        found = self._client.socket()
        if found is None:
            raise Broken(self._why or "it hung up")
        return found

    def _checked(self, code: MQTTErrorCode) -> None:
        if self._why:
            raise Broken(self._why)
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise Broken(mqtt.error_string(code).rstrip("."))
        self._socket()

    def _connected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._why = f"it says: {reason}"
            return
        self._open = True
        self._up()

    def _arrived(self, _client: Any, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        message = self._sent.pop(mid, None)
        if message is None:
            return
        self._outbox.confirm(message)
        if reason.is_failure:
            self._refused(message, str(reason))


def _pending(line: Any) -> int:
    """Bytes that TLS has read already, which no selector tells of."""
    return int(line.pending()) if isinstance(line, ssl.SSLSocket) else 0
