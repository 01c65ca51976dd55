"""A connection to an AMQP broker, on a thread of its own, made anew whenever it is lost."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from lookhear.errors import InvalidSettings, OutletFailed, Unsupported
from lookhear.outlets.lenient import bear_odd_messages

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange

WAITS = (2.0, 60.0)  #: s before a connection is made anew: the first time, and at most
_PATIENCE = 10.0  # s that a connection may take to be made
_LEAVING = 3.0  # s that one may take to be closed
_HEARTBEAT = 15  # s
_LOG = logging.getLogger(__name__)
_Made = TypeVar("_Made")
State = Literal["connecting", "connected", "lost"]
Use = Callable[["AbstractConnection", Callable[[], None]], Awaitable[None]]


class Link:
    """``use`` works with each connection until that is lost; it calls what it is given once all is set up."""

    def __init__(self, url: str, name: str, use: Use, waits: tuple[float, float] = WAITS) -> None:
        """Raises InvalidSettings for what is no address of a broker, Unsupported where aio-pika is missing."""
        self.place = _place(url)
        self.state: State = "connecting"
        self._url, self._name, self._use, self._waits = url, name, use, waits
        self._wait = waits[0]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None
        self._begun = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name=name, daemon=True)
        _quieten()

    def start(self) -> None:
        """From now on it connects."""
        self._thread.start()
        self._begun.wait()

    def close(self, seconds: float = 10.0) -> None:
        """All that runs on it has ended."""
        if self._loop is not None and self._closing is not None and self._thread.is_alive():
            with suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self._closing.set)
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def run(self, work: Coroutine[Any, Any, _Made]) -> Future[_Made]:
        """``work`` on its thread. Raises OutletFailed once it is closed."""
        try:
            assert self._loop is not None
            return asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError as error:
            work.close()
            raise OutletFailed("The connection to the broker is closed.") from error

    async def until_lost(self, *others: Awaitable[object]) -> None:
        """Until one of ``others`` is done, or all shall end."""
        assert self._closing is not None
        waiting = [asyncio.ensure_future(one) for one in (self._closing.wait(), *others)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()

    @property
    def closing(self) -> bool:
        """It shall end."""
        return self._closing is not None and self._closing.is_set()

    async def _main(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        self._begun.set()
        while not self._closing.is_set():
            try:
                await self._turn()
                self._lost("the connection ended")
            except Exception as error:  # whatever it is, a new connection may do
                self._lost(str(error) or type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._wait * random.uniform(0.75, 1.25))
            self._wait = min(2 * self._wait, self._waits[1])

    async def _turn(self) -> None:
        from aio_pika.connection import Connection, make_url

        bear_odd_messages()
        told: dict[str, Any] = {"connection_name": self._name}
        url = make_url(self._url) if "heartbeat" in self._url else make_url(self._url, heartbeat=_HEARTBEAT)
        connection = Connection(url, client_properties=told)
        try:
            await connection.connect(_PATIENCE)
            await self._use(connection, self._up)
        finally:  # also of one that was never made: it would see to that when it is collected, in whatever thread
            with suppress(Exception):
                await asyncio.wait_for(connection.close(), _LEAVING)

    def _up(self) -> None:
        self._wait = self._waits[0]
        if self.state != "connected":
            _LOG.info("%s: connected to the broker at %s.", self._name, self.place)
        self.state = "connected"

    def _lost(self, why: str) -> None:
        if self.state != "lost" and not self.closing:
            said = why.rstrip(".")  # some end in one
            _LOG.warning("%s: no connection to the broker at %s: %s. It is tried again.", self._name, self.place, said)
        self.state = "lost"


async def exchange_of(connection: AbstractConnection, channel: AbstractChannel, name: str) -> AbstractExchange:
    """As it is, whatever its kind; made (topic, durable) where there is none."""
    from aio_pika.exceptions import ChannelNotFoundEntity

    if not name:
        return channel.default_exchange
    try:
        async with connection.channel() as probe:  # a refusal closes the channel
            await probe.declare_exchange(name, passive=True)
    except ChannelNotFoundEntity:
        await channel.declare_exchange(name, "topic", durable=True)
    return await channel.get_exchange(name, ensure=False)


async def ensure_queue(
    connection: AbstractConnection, channel: AbstractChannel, name: str, most: int | None = None
) -> None:
    """As it is, whatever its arguments; made where there is none: durable, with the last ``most`` messages or all."""
    from aio_pika.exceptions import ChannelNotFoundEntity

    try:
        async with connection.channel() as probe:
            await probe.declare_queue(name, passive=True)
    except ChannelNotFoundEntity:
        arguments: Any = {"x-max-length": most, "x-overflow": "drop-head"} if most else None
        await channel.declare_queue(name, durable=True, arguments=arguments)


def _place(url: str) -> str:
    try:
        import aio_pika  # noqa: F401
    except ImportError as error:
        raise Unsupported("A broker needs aio-pika: pip install 'lookhear[amqp]'.") from error
    try:
        parts = urlsplit(url)
        if parts.scheme in ("amqp", "amqps") and parts.hostname:
            return f"{parts.hostname}:{parts.port or (5672 if parts.scheme == 'amqp' else 5671)}"
    except ValueError:
        pass
    raise InvalidSettings(
        "AMQP_CONNECTION_STRING is no address of a broker. Give amqp://user:password@host:5672/vhost, or amqps://…"
    )


def _quieten() -> None:
    """What these say of each attempt is said here once per change."""
    for name in ("aiormq", "aio_pika"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
