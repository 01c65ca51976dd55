"""What the service talks to, and whether it answers."""

from __future__ import annotations

import dataclasses
import os
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lookhear.jobs.store import JobStore
from lookhear.settings import Settings

_PATIENCE = 2.0  # s
_PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671, "mqtt": 1883}
_NAMES = ("_url", "_connection_string")  # how settings end that name a server
_OTHER = {"database_url"}  # asked in a way of its own


@dataclass(frozen=True)
class Connection:
    """``state``: ok, or broken; ``detail``: where it is, how fast it answers, or what is wrong."""

    name: str
    state: str
    detail: str


def connections(settings: Settings, jobs: JobStore) -> Iterator[Connection]:
    """The database, the storage folder, and every server that a setting names."""
    yield _database(jobs)
    yield _folder("storage", settings.storage_dir)
    if settings.qdrant_url is None:
        vectors = settings.storage_dir / "vectors"
        yield _folder("vectors", vectors) if vectors.is_dir() else Connection("vectors", "ok", f"{vectors}, none yet")
    if settings.broadcast_type == "mqtt":
        yield _reached("mqtt", settings.mqtt_broker, settings.mqtt_port)
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name.endswith(_NAMES) and field.name not in _OTHER and isinstance(value, str) and value:
            yield _server(field.name.rpartition("_")[0].replace("_connection", "").replace("_", " "), value)


def _database(jobs: JobStore) -> Connection:
    begun = time.perf_counter()
    jobs.newest_event()
    return Connection("database", "ok", f"{jobs.where}, {_ms(begun)}")


def _folder(name: str, path: Path) -> Connection:
    if not path.is_dir():
        return Connection(name, "broken", f"{path} is not there; set STORAGE_DIR to the folder of the service")
    if not os.access(path, os.W_OK):
        return Connection(name, "broken", f"{path} cannot be written to")
    return Connection(name, "ok", f"{path}, {shutil.disk_usage(path).free / 2**30:.1f} GiB free")


def _server(name: str, url: str) -> Connection:
    """It takes connections; whether it likes us is another matter."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        host = port = None
    if not host or not port:
        return Connection(name, "broken", "its URL cannot be read; correct the setting")
    return _reached(name, host, port)


def _reached(name: str, host: str, port: int) -> Connection:
    begun = time.perf_counter()
    try:
        socket.create_connection((host, port), _PATIENCE).close()
    except OSError as error:
        return Connection(name, "broken", f"{host}:{port} does not answer ({error.strerror or error})")
    return Connection(name, "ok", f"{host}:{port} takes connections, {_ms(begun)}")


def _ms(begun: float) -> str:
    return f"{1000 * (time.perf_counter() - begun):.1f} ms"
