"""A private RabbitMQ that can be killed and started again, and someone who asks the analyzer by messages."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PATIENCE = 90.0  # s that one may take to start


class Broker:
    """A private one. ``start`` and ``kill`` as often as needed; what is durable survives."""

    def __init__(self, folder: Path, program: str, free_port: Callable[[], int]) -> None:
        self.folder, self._program = folder, program
        self.port, self._other = free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("env.conf", "plugins", "rabbitmq.conf"):
            (folder / name).write_text("[].\n" if name == "plugins" else "")
        self._variables = {
            **os.environ,
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"lookhear{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._other),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }

    def start(self) -> Broker:
        """It takes connections."""
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [self._program], env=self._variables, stdout=output, stderr=output, start_new_session=True
            )
        deadline = time.monotonic() + _PATIENCE
        while not answers(self.url):
            assert self._process.poll() is None and time.monotonic() < deadline, (self.folder / "output").read_text()
            time.sleep(0.1)
        return self

    def kill(self) -> None:
        """At once, as by ``kill -9``."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)

    def restart(self) -> None:
        """It shuts down in good order, and is there again."""
        self.control("stop")
        if self._process is not None:
            self._process.wait(60)
        self.start()

    def control(self, *command: str) -> None:
        """What ``rabbitmqctl`` does."""
        program = str(Path(self._program).with_name("rabbitmqctl"))
        subprocess.run([program, *command], env=self._variables, check=True, timeout=60, stdout=subprocess.DEVNULL)


def answers(url: str) -> bool:
    """Does a broker take connections there?"""
    import pika
    from pika.exceptions import AMQPError

    try:
        pika.BlockingConnection(pika.URLParameters(f"{url}?socket_timeout=2&blocked_connection_timeout=2")).close()
    except (AMQPError, OSError):
        return False
    return True


def installed() -> str | None:
    """The program of the server, if it is there."""
    found = sorted(Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server"))
    return str(found[-1]) if found else shutil.which("rabbitmq-server")


@contextmanager
def private_broker(free_port: Callable[[], int] | None = None) -> Iterator[Broker]:
    """One that is gone afterwards."""
    program = installed()
    if program is None:
        raise RuntimeError("No RabbitMQ is installed: apt-get install rabbitmq-server.")
    with tempfile.TemporaryDirectory(prefix="lookhear-rabbitmq-", ignore_cleanup_errors=True) as folder:
        broker = Broker(Path(folder), program, free_port or _free_port)
        try:
            yield broker.start()
        finally:
            broker.kill()


class Post:
    """Who asks the analyzer, and hears its answers: plain pika, with names of its own, gone afterwards."""

    def __init__(self, url: str) -> None:
        self.url = url
        mark = secrets.token_hex(4)
        self.names = {
            name: f"lookhear-test-{mark}-{name}"
            for name in (
                "analyzer_exchange_name",
                "analyzer_queue_name",
                "analyzer_result_exchange_name",
                "analyzer_dead_letter_exchange_name",
                "analyzer_dead_letter_queue_name",
                "analyzer_published_queue_name",
            )
        }
        self.settings: dict[str, Any] = {"amqp_connection_string": url, **self.names}
        self.heard = f"lookhear-test-{mark}-heard"
        self._connection: Any = None
        self._channel: Any = None

    def beside(self) -> Post:
        """The same, for another thread."""
        other = Post(self.url)
        other.names, other.settings, other.heard = self.names, self.settings, self.heard
        return other

    @property
    def variables(self) -> dict[str, str]:
        """For a process."""
        return {name.upper(): str(value) for name, value in self.settings.items()}

    @property
    def channel(self) -> Any:
        """Open, with confirms; made anew when it was lost."""
        import pika

        if self._channel is None or not self._channel.is_open:
            self.leave()
            self._connection = pika.BlockingConnection(pika.URLParameters(self.url))
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        return self._channel

    def set_up(self, kind: str = "topic", **arguments: Any) -> None:
        """The exchanges as producers and consumers declare them, and a queue that hears all answers."""
        exchange, queue = self.names["analyzer_exchange_name"], self.names["analyzer_queue_name"]
        self.channel.exchange_declare(exchange, kind, durable=True)
        self.channel.queue_declare(queue, durable=True, arguments=arguments or None)
        self.channel.queue_bind(queue, exchange, "media.#")
        self.listen()

    def listen(self) -> None:
        """A queue that hears all answers."""
        results = self.names["analyzer_result_exchange_name"]
        self.channel.exchange_declare(results, "topic", durable=True)
        self.channel.queue_declare(self.heard, durable=True)
        self.channel.queue_bind(self.heard, results, "enriched.*.analyzed")

    def send(self, body: bytes, key: str = "media.audio.ingested", **properties: Any) -> None:
        """Confirmed by the broker, and safe on its disk; tried until it is."""
        import pika
        from pika.exceptions import AMQPError

        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                told = pika.BasicProperties(delivery_mode=2, content_type="application/json", **properties)
                self.channel.basic_publish(self.names["analyzer_exchange_name"], key, body, told)
                return
            except (AMQPError, OSError):
                self._channel = None
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def take(self, queue: str) -> list[tuple[Any, Any, bytes]]:
        """All that lies there now: how it came, its properties, its body."""
        from pika.exceptions import AMQPError

        found = []
        try:
            while True:
                method, properties, body = self.channel.basic_get(queue, auto_ack=True)
                if method is None:
                    break
                found.append((method, properties, body))
        except (AMQPError, OSError):
            self._channel = None
        return found

    def answers(self) -> list[tuple[Any, Any, bytes]]:
        """Those that came since the last look."""
        return self.take(self.heard)

    def dead(self) -> list[tuple[Any, Any, bytes]]:
        """Likewise, dead letters."""
        return self.take(self.names["analyzer_dead_letter_queue_name"])

    def waiting(self, queue: str | None = None) -> int:
        """How many messages lie in the analyzer's queue, ready to be taken."""
        found = self.channel.queue_declare(queue or self.names["analyzer_queue_name"], passive=True)
        count: int = found.method.message_count
        return count

    def heard_once(self, ids: set[str], seconds: float = _PATIENCE) -> Counter[str]:
        """How often each message was answered, once each of ``ids`` is; waits for no more."""
        told: Counter[str] = Counter()
        deadline = time.monotonic() + seconds
        while not ids <= set(told):
            assert time.monotonic() < deadline, sorted(ids - set(told))[:10]
            told.update(json.loads(body)["message_id"] for _, _, body in self.answers())
            time.sleep(0.02)
        return told

    def anew(self) -> None:
        """By a new connection: a broker that is short of something reads nothing more from one that has published."""
        self._channel = None

    def close(self) -> None:
        """Nothing of it stays."""
        for name, value in self.names.items():
            with contextlib.suppress(Exception):
                (self.channel.exchange_delete if "exchange" in name else self.channel.queue_delete)(value)
        with contextlib.suppress(Exception):
            self.channel.queue_delete(self.heard)
        self.leave()

    def leave(self) -> None:
        """The connection is closed."""
        with contextlib.suppress(Exception):
            self._connection.close()


@contextmanager
def post(url: str) -> Iterator[Post]:
    """Someone who asks."""
    found = Post(url)
    try:
        yield found
    finally:
        found.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
