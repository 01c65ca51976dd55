"""Takes messages from the queue of the analyzer. One is acknowledged once its job is on the disk, never before.

What the service cannot take now (the queue of jobs is full, the database away) waits here, and with it the queue; after a
while it goes back, for another server.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from lookhear.contracts.analyzer_mail import Mail
from lookhear.errors import KeyReused, ServiceBusy
from lookhear.jobs.job import ANSWER
from lookhear.outlets.broker import WAITS, Link, State, ensure_queue, exchange_of
from lookhear.serve.amqp.incoming import job_of, refused
from lookhear.settings import Settings

if TYPE_CHECKING:
    from aio_pika.abc import AbstractConnection, AbstractIncomingMessage

    from lookhear.jobs.job import Job, NewJob

_THREADS = 16
_BUSY_WAITS = (0.25, 5.0)  # s before the first try to keep one again, and at most
_BUSY = 30.0  # s after which one goes back to the queue
_LEAVING = 5.0  # s that those under way have to be kept
_TAKEN = "Another message has its message_id already. Give each message an id of its own."
_LOG = logging.getLogger(__name__)


class Service(Protocol):
    """Where jobs are kept."""

    settings: Settings

    def submit(self, new: NewJob) -> Job: ...


class Consumer:
    """Of one server. Connects by itself, and again when the connection is lost."""

    def __init__(self, service: Service, waits: tuple[float, float] = WAITS) -> None:
        """Raises as ``Link`` does."""
        settings = service.settings
        assert settings.amqp_connection_string is not None
        self._service, self._settings = service, settings
        self._threads = ThreadPoolExecutor(max(1, min(settings.analyzer_prefetch_count, _THREADS)), "lookhear-messages")
        self._going: set[asyncio.Task[None]] = set()
        self._busy = False
        self._link = Link(settings.amqp_connection_string, "lookhear-analyzer", self._use, waits)

    @property
    def state(self) -> State:
        """Of the connection."""
        return self._link.state

    def start(self) -> None:
        """From now on messages are taken."""
        self._link.start()

    def stop(self) -> None:
        """What is not kept by now stays in the queue."""
        self._link.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _use(self, connection: AbstractConnection, up: Callable[[], None]) -> None:
        settings, channel = self._settings, await connection.channel()
        exchange = await exchange_of(connection, channel, settings.analyzer_exchange_name)
        await ensure_queue(connection, channel, settings.analyzer_queue_name)
        queue = await channel.get_queue(settings.analyzer_queue_name, ensure=False)
        if settings.analyzer_exchange_name:
            await queue.bind(exchange, settings.analyzer_routing_key)
        await channel.set_qos(prefetch_count=max(1, settings.analyzer_prefetch_count))
        cancelled = asyncio.Event()  # by the broker: the queue was deleted, or moves
        below = await channel.get_underlay_channel()
        below.on_consumer_cancel_callbacks.add(lambda _: cancelled.set())
        tag = await queue.consume(self._come)
        up()
        await self._link.until_lost(connection.closed(), channel.closed(), cancelled.wait())
        with suppress(Exception):
            await asyncio.wait_for(queue.cancel(tag), 1.0)
        if self._going:
            await asyncio.wait(self._going, timeout=_LEAVING)

    async def _come(self, message: AbstractIncomingMessage) -> None:
        task = asyncio.create_task(self._take(message))
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def _take(self, message: AbstractIncomingMessage) -> None:
        kept = await self._kept(message)
        with suppress(Exception):  # the connection is gone: it comes again, and finds its job
            await (message.ack() if kept else message.nack(requeue=True))

    async def _kept(self, message: AbstractIncomingMessage) -> bool:
        """False: the service could not keep it for a while."""
        loop = asyncio.get_running_loop()
        wait, until = _BUSY_WAITS[0], loop.time() + _BUSY
        while not self._link.closing:
            try:
                await loop.run_in_executor(self._threads, self._keep, message)
                return True
            except Exception as error:
                self._noted(error)
            if loop.time() > until:
                break
            await asyncio.sleep(wait)
            wait = min(2 * wait, _BUSY_WAITS[1])
        return False

    def _keep(self, message: AbstractIncomingMessage) -> None:
        mail = _mail(message)
        try:
            self._service.submit(job_of(mail, self._settings))
        except KeyReused as error:
            self._again(mail, error)
        except ServiceBusy:
            raise
        except Exception as error:  # it would come again and again, before all others
            _LOG.warning("a message could not be made a job", exc_info=True)
            self._service.submit(refused(mail, error))
        if self._busy:
            _LOG.warning("Messages are taken again.")
        self._busy = False

    def _again(self, mail: Mail, error: KeyReused) -> None:
        """The same message finds its job, even if its file has gone since. Another with its id is put aside."""
        if Mail.of(error.job.request[ANSWER]).body == mail.body:
            return
        _LOG.warning("Another message has the id %r already: this one is put aside.", mail.id[:200])
        with suppress(KeyReused):  # it lies there already
            self._service.submit(refused(mail, KeyReused(_TAKEN), twin=True))

    def _noted(self, error: Exception) -> None:
        if not isinstance(error, ServiceBusy):
            _LOG.warning("a message could not be kept", exc_info=error)
        elif not self._busy:
            _LOG.warning("Messages wait in the queue of the broker: %s", error)
        self._busy = True


def _mail(message: AbstractIncomingMessage) -> Mail:
    return Mail(
        message.body,
        message.message_id if isinstance(message.message_id, str) else None,
        message.exchange or "",
        message.routing_key or "",
        message.content_type,
        dict(message.headers),
    )
