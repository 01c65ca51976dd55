"""Publishes letters to an AMQP broker, many at once, and tells which of them it has confirmed.

A letter counts as told when the broker has confirmed it, which for a persistent one in a durable queue means that it is on
the disk. Where the connection is lost before that, nobody knows, and it is published again, with the same message id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from lookhear.errors import OutletFailed
from lookhear.outlets.broker import WAITS, Link, ensure_queue, exchange_of
from lookhear.outlets.settings import AmqpSettings

if TYPE_CHECKING:
    from aio_pika.abc import AbstractConnection, AbstractExchange

_UNROUTED = "unrouted"
_PATIENCE = 5.0  # s that a connection is waited for
_SLOW = 15.0  # s without a word from the broker that are told of
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Letter:
    """One message out. ``dead``: to the dead letters instead of the results."""

    routing_key: str
    body: bytes
    message_id: str  #: always the same for the same letter
    correlation_id: str
    headers: Mapping[str, Any] = field(default_factory=dict)
    content_type: str | None = "application/json"
    dead: bool = False


class Publisher:
    """The exchanges of results and of dead letters, over a connection of its own: a broker that is short of memory or disk
    holds up whoever publishes, and nobody else shall wait for it."""

    def __init__(self, settings: AmqpSettings, waits: tuple[float, float] = WAITS) -> None:
        assert settings.amqp_connection_string is not None
        self._settings = settings
        self._exchanges: tuple[AbstractExchange, AbstractExchange] | None = None
        self._ready: asyncio.Event | None = None
        self._confirmed: set[str] = set()  # of letters that are still being told
        self.link = Link(settings.amqp_connection_string, "lookhear-answers", self._use, waits)
        self.link.start()

    def publish(self, letters: Sequence[Letter], done: Callable[[int], None]) -> None:
        """All are confirmed; ``done`` is called now and then with how many from the first on are.

        Waits as long as the broker takes its time. Raises OutletFailed when the connection is lost or cannot be made.
        """
        news: SimpleQueue[int | BaseException | None] = SimpleQueue()
        going = self.link.run(self._told(letters, news))
        try:
            while (one := self._next(news)) is not None:
                if isinstance(one, BaseException):
                    raise OutletFailed(f"The broker at {self.link.place} takes no answers: {one!r}.") from one
                done(one)
        finally:
            going.cancel()

    def _next(self, news: SimpleQueue[int | BaseException | None]) -> int | BaseException | None:
        try:
            return news.get(timeout=_SLOW)
        except Empty:
            _LOG.warning("The broker at %s confirms no answers now: is it short of memory or disk?", self.link.place)
            return news.get()

    def close(self) -> None:
        """No more; what is not confirmed is not told."""
        self.link.close()

    async def _told(self, letters: Sequence[Letter], news: SimpleQueue[int | BaseException | None]) -> None:
        try:
            await self._all(letters, news.put)
            news.put(None)
        except BaseException as error:
            news.put(error)

    async def _all(self, letters: Sequence[Letter], done: Callable[[int], None]) -> None:
        await self._connected()
        going = [asyncio.create_task(self._one(letter)) for letter in letters]
        try:
            for count, task in enumerate(going, 1):
                await task
                if count == len(going) or not going[count].done():
                    done(count)
        finally:
            for task in going:
                task.cancel()
            await asyncio.gather(*going, return_exceptions=True)
        self._confirmed.clear()

    async def _one(self, letter: Letter) -> None:
        """Not again what was confirmed already, while one before it was not."""
        if letter.message_id not in self._confirmed:
            await self._surely(letter)
            self._confirmed.add(letter.message_id)

    async def _surely(self, letter: Letter) -> None:
        if await self._sent(letter) or letter.dead:
            return
        unrouted = {"x-reason": _UNROUTED, "x-error": "No queue is bound to the exchange of results for this key."}
        await self._sent(replace(letter, dead=True, headers={**letter.headers, **unrouted}))

    async def _sent(self, letter: Letter) -> bool:
        """False: the broker has nobody to give it to."""
        from aio_pika import DeliveryMode, Message
        from aiormq.abc import DeliveredMessage

        if self._exchanges is None:
            raise OutletFailed("The connection was lost.")
        message = Message(
            letter.body,
            headers=dict(letter.headers),
            content_type=letter.content_type,
            delivery_mode=DeliveryMode.PERSISTENT,
            message_id=letter.message_id,
            correlation_id=letter.correlation_id,
        )
        answer = await self._exchanges[letter.dead].publish(message, letter.routing_key[:255], mandatory=True)
        return not isinstance(answer, DeliveredMessage)

    async def _connected(self) -> None:
        if self._ready is None:
            self._ready = asyncio.Event()
            if self._exchanges is not None:
                self._ready.set()
        try:
            await asyncio.wait_for(self._ready.wait(), _PATIENCE)
        except TimeoutError as error:
            raise OutletFailed("there is no connection") from error

    async def _use(self, connection: AbstractConnection, up: Callable[[], None]) -> None:
        settings, channel = self._settings, await connection.channel(publisher_confirms=True)
        results = await exchange_of(connection, channel, settings.analyzer_result_exchange_name)
        dead = await exchange_of(connection, channel, settings.analyzer_dead_letter_exchange_name)
        await ensure_queue(connection, channel, settings.analyzer_dead_letter_queue_name)
        queue = await channel.get_queue(settings.analyzer_dead_letter_queue_name, ensure=False)
        if settings.analyzer_dead_letter_exchange_name:
            await queue.bind(dead, "#")
        self._exchanges = (results, dead)
        self._ready = self._ready or asyncio.Event()
        self._ready.set()
        up()
        try:
            await self.link.until_lost(connection.closed(), channel.closed())
        finally:
            self._exchanges = None
            self._ready.clear()
