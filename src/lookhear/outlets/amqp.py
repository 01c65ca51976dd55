"""Publishes letters to an AMQP broker, many at once, and tells which of them it has confirmed.

A letter counts as told when the broker has confirmed it, which for a persistent one in a durable queue means that it is on
the disk. Where the connection is lost before that, or we die before it is noted, nobody here knows. So each letter is
followed, on the same channel, by a mark with its id, to a queue that holds the last of them: a broker takes what comes on
a channel in its order, so that a letter whose mark lies there was taken. Those are read before any letter may be a repeat.
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
_SHORT = 255  # bytes of an id or a key, as AMQP has them
_MARKS = 2048  # ids that are held: more than can be under way at once
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
        self._exchanges: tuple[AbstractExchange, AbstractExchange, AbstractExchange] | None = None
        self._ready: asyncio.Event | None = None
        self._connection: AbstractConnection | None = None
        self._confirmed: set[str] = set()  # of letters that are still being told
        self._recalls = False  # others may have told some of what comes
        self._heard = False  # somebody hears results: the last one found a queue
        self.link = Link(settings.amqp_connection_string, "lookhear-answers", self._use, waits)
        self.link.start()

    def begin(self) -> None:
        """What is published next may have been before, by others or over a connection that was lost."""
        self._recalls = True

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
        if self._recalls:
            self._confirmed |= await self._marks()
            self._recalls = False
        going: list[asyncio.Task[None]] = []
        try:
            for letter in letters:
                going.append(asyncio.create_task(self._one(letter)))
                if not (self._heard or letter.dead):  # the others follow once somebody hears it
                    await asyncio.wait(going[-1:])
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
        if letter.dead:
            await asyncio.gather(self._sent(letter), self._marked(letter))
        elif self._heard:
            self._heard, _ = await asyncio.gather(self._sent(letter), self._marked(letter))
            await self._put_aside(letter, self._heard)
        else:  # a mark beside it might hide that it is still to be put aside
            self._heard = await self._sent(letter)
            await self._put_aside(letter, self._heard)
            await self._marked(letter)

    async def _put_aside(self, letter: Letter, heard: bool) -> None:
        if not heard:
            why = {"x-reason": _UNROUTED, "x-error": "No queue is bound to the exchange of results for this key."}
            await self._sent(replace(letter, dead=True, headers={**letter.headers, **why}))

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
            correlation_id=letter.correlation_id.encode()[:_SHORT].decode(errors="ignore"),
        )
        answer = await self._exchanges[letter.dead].publish(message, letter.routing_key[:_SHORT], mandatory=True)
        return not isinstance(answer, DeliveredMessage)

    async def _marked(self, letter: Letter) -> None:
        from aio_pika import DeliveryMode, Message

        ring = self._settings.analyzer_published_queue_name
        if ring and self._exchanges is not None:
            mark = Message(letter.message_id.encode(), delivery_mode=DeliveryMode.PERSISTENT)
            await self._exchanges[2].publish(mark, ring)

    async def _marks(self) -> set[str]:
        """Ids of letters that the broker took lately."""
        ring, connection = self._settings.analyzer_published_queue_name, self._connection
        found: set[str] = set()
        if not ring or connection is None:
            return found
        async with connection.channel() as channel:  # whose end puts them back where they were
            queue = await channel.get_queue(ring, ensure=False)
            while message := await queue.get(no_ack=False, fail=False):
                found.add(message.body.decode(errors="replace"))
        return found

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
        if settings.analyzer_published_queue_name:
            await ensure_queue(connection, channel, settings.analyzer_published_queue_name, _MARKS)
        self._connection, self._exchanges = connection, (results, dead, channel.default_exchange)
        self._ready = self._ready or asyncio.Event()
        self._ready.set()
        up()
        try:
            await self.link.until_lost(connection.closed(), channel.closed())
        finally:
            self._connection = self._exchanges = None
            self._heard = False
            self._ready.clear()
