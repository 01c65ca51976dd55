"""A private Mosquitto or Redis that can be stopped, killed and started again, and listeners at the real thing."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis as redis_client
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from support.jobs import eventually
from support.ports import free_port
from support.services import missing

_PLACES = "/usr/sbin:/usr/local/sbin"


class Server:
    """One process; it listens at ``port`` of this machine, after a restart too."""

    def __init__(self, folder: Path, *command: str, port: int) -> None:
        self.port, self._folder = port, folder
        self._command = [_program(command[0]), *command[1:]]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        """It answers."""
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, cwd=self._folder, stdout=log, stderr=log)
        eventually(self._listens)
        return self

    @property
    def url(self) -> str:
        """Of a Redis."""
        return f"redis://127.0.0.1:{self.port}/0"

    def holds(self, keys: int) -> bool:
        """So many, of a Redis."""
        with redis_client.Redis.from_url(self.url) as client:
            return client.dbsize() == keys

    def signal(self, number: int) -> None:
        """As ``kill`` does."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """At once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections, and no more."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def _listens(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (self._folder / "server.log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


@contextmanager
def redis(folder: Path, *options: str) -> Iterator[Server]:
    """A Redis that keeps nothing on the disk."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    kept = ("--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no")
    server = Server(folder, "redis-server", *kept, *options, port=port)
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def mosquitto(folder: Path, *lines: str, port: int | None = None) -> Iterator[Server]:
    """A Mosquitto that keeps nothing over a restart; everyone may enter unless ``lines`` say otherwise."""
    folder.mkdir(exist_ok=True)
    port = port or free_port()
    if not any(line.startswith("allow_anonymous") for line in lines):
        lines = ("allow_anonymous true", *lines)
    account = [f"user {pwd.getpwuid(os.getuid()).pw_name}"]  # it would give its rights away
    text = [f"listener {port} 127.0.0.1", *account, "persistence false", "max_queued_messages 0", *lines]
    (folder / "mosquitto.conf").write_text("\n".join(text) + "\n")
    server = Server(folder, "mosquitto", "-c", str(folder / "mosquitto.conf"), port=port)
    try:
        yield server
    finally:
        server.kill()


@dataclass(frozen=True)
class Heard:
    """A message, with its JSON; None: it was empty."""

    topic: str
    said: Any
    retained: bool


class Listener:
    """Hears what comes at ``topics``."""

    def __init__(self, port: int, *topics: str, host: str = "127.0.0.1") -> None:
        self.heard: list[Heard] = []
        self._ready = threading.Event()
        self._topics = topics
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._message
        self._client.connect(host, port)
        self._client.loop_start()

    def __enter__(self) -> Listener:
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def at(self, topic: str) -> list[Any]:
        """What was said there."""
        return [one.said for one in list(self.heard) if one.topic == topic]

    def _connected(self, client: Any, *_: Any) -> None:
        client.subscribe([(topic, 1) for topic in self._topics])

    def _message(self, _client: Any, _data: Any, message: Any) -> None:
        said = json.loads(message.payload) if message.payload else None
        self.heard.append(Heard(message.topic, said, bool(message.retain)))


def retained(port: int, topic: str) -> list[Any]:
    """What a newcomer is told at once. A word of our own comes after it: by then all was told."""
    end = f"{topic.partition('/')[0]}-end-{time.monotonic_ns()}"
    with Listener(port, topic, end) as listener:
        listener._client.publish(end, b"{}", 1)
        eventually(lambda: listener.at(end))
        return [one.said for one in listener.heard if one.retained]


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_PLACES}")
    if found is None:
        missing(f"{name} is not installed")
    assert found is not None
    return found
