"""Analyses by message, while the broker, the server and workers are killed: python -m benchmarks.amqp.

A private RabbitMQ; whoever asks is plain pika. First how fast messages become jobs and answers go out when nothing else is
to do, then a thousand messages of both forms about real recordings while everything is killed in turn.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.brokers import Broker, Post, installed, post, private_broker
from benchmarks.media import SHARED
from lookhear.contracts.analyzer_mail import Mail
from lookhear.jobs.job import NewJob
from lookhear.jobs.store import JobStore
from lookhear.serve.amqp.consumer import Consumer
from lookhear.serve.amqp.incoming import job_of
from lookhear.settings import Settings
from lookhear.wiring.service import Service

BIN = Path(sys.executable).with_name("lookhear")
MESSAGES, QUICK = 1000, 2000
_LARGEST = 1_500_000  # bytes of a recording that is asked about
_POISON = 50  # each so many is
_PATIENCE = 300.0  # s
_RESULT = {"features": {"spectral": {f"value_{n}": n / 7 for n in range(250)}}, "success": True}  # as long as real ones


def sections() -> Iterator[str]:
    """The tables, a line each."""
    yield "\n## Analyses by message (RabbitMQ)\n"
    if installed() is None or not SHARED.exists() or find_spec("pika") is None:
        yield "Not measured: RabbitMQ (apt-get install rabbitmq-server), the packages of `make test`, or the recordings"
        yield "(LOOKHEAR_SHARED) are not there."
        return
    yield f"Load of the machine when this began: {os.getloadavg()[0]:.1f}, beside what is measured.\n"
    with private_broker() as broker:
        yield from _rates(broker)
        for hard in (False, True):
            yield from _chaos(broker, hard)


def _rates(broker: Broker) -> Iterator[str]:
    yield f"| {QUICK} messages, nothing to analyse | /s | target |"
    yield "|---|---|---|"
    for prefetch in (1, 32):
        with tempfile.TemporaryDirectory() as folder, post(broker.url) as asks:
            rate = _taken(Path(folder), asks, prefetch)
            yield f"| become jobs on the disk, ANALYZER_PREFETCH_COUNT={prefetch} | {rate:.0f} | |"
    with tempfile.TemporaryDirectory() as folder, post(broker.url) as asks:
        rate, size = _told(Path(folder), asks)
        met = "yes" if rate >= 500 else "no"
        yield f"| answers of {size / 1000:.1f} kB, published and confirmed | {rate:.0f} | ≥ 500: {met} |"


def _taken(folder: Path, asks: Post, prefetch: int) -> float:
    asks.set_up()
    (folder / "a.wav").write_bytes(b"RIFF")
    for n in range(QUICK):
        asks.send(json.dumps({"file_path": "a.wav", "message_id": str(n)}).encode())
    service = Service(Settings(storage_dir=folder, analyzer_prefetch_count=prefetch, **asks.settings))
    service.jobs.open()
    consumer = Consumer(service)
    began = time.perf_counter()
    consumer.start()
    _until(lambda: service.jobs.waiting() == QUICK)
    took = time.perf_counter() - began
    consumer.stop()
    service.jobs.close()
    return QUICK / took


def _told(folder: Path, asks: Post) -> tuple[float, int]:
    asks.set_up()
    settings = Settings(storage_dir=folder, **asks.settings)
    with JobStore(settings) as jobs:
        jobs.cursor("amqp").follow()
        _end(
            jobs,
            [job_of(Mail(f'{{"file_path": "a.wav", "message_id": "{n}"}}'.encode()), settings) for n in range(QUICK)],
        )
    service = Service(settings)
    began = time.perf_counter()
    service.open()
    _until(lambda: asks.waiting(asks.heard) == QUICK)
    took = time.perf_counter() - began
    service.close()
    return QUICK / took, len(json.dumps(_RESULT))


def _end(jobs: JobStore, new: list[NewJob]) -> None:
    jobs.put_many(new)
    while (job := jobs.take("benchmark")) is not None:
        jobs.finish(job, _RESULT)


def _chaos(broker: Broker, hard: bool) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as name, post(broker.url) as asks:
        asks.set_up()
        began = time.perf_counter()
        told, deeds = _ordeal(Path(name), broker, asks, hard)
        took = time.perf_counter() - began
        dead = Counter(properties.correlation_id for _, properties, _ in asks.dead())
    wanted = {_id(n) for n in range(MESSAGES)}
    poison = {_id(n) for n in range(0, MESSAGES, _POISON)}
    yield f"\n{MESSAGES} messages of both forms about {len(_recordings())} real recordings, one in {_POISON} poison; two"
    yield "worker processes and one server on SQLite. Meanwhile: " + ", ".join(deeds) + ".\n"
    yield "| | |"
    yield "|---|---|"
    yield f"| answered | {len(wanted & set(told))} |"
    yield f"| missing | {len(wanted - set(told))} |"
    yield f"| answered twice | {sum(told.values()) - len(told)} |"
    again = sum(dead.values()) - len(dead)
    yield f"| poison that lies in the dead letters | {len(poison & set(dead))} of {len(poison)}; twice: {again} |"
    yield f"| dead letters of others | {len(set(dead) - poison)} |"
    yield f"| from the first message to the last answer, deaths and starts included | {took:.0f} s |"


def _ordeal(folder: Path, broker: Broker, asks: Post, hard: bool) -> tuple[Counter[str], list[str]]:
    sending = threading.Thread(target=_send, args=(asks.beside(),))
    told: Counter[str] = Counter()
    deeds: list[str] = []
    with (
        _running(folder, asks, "serve", "--workers-off") as server,
        _running(folder, asks, "worker") as one,
        _running(folder, asks, "worker") as two,
    ):
        plan: list[tuple[int, str, Any]] = [
            (250, "a worker killed", one.again),
            (400, "the server killed", server.again),
            (700, "the other worker killed", two.again),
            (850, "the server killed", server.again),
        ]
        for count in (100, 550):
            name = "the broker killed (kill -9)" if hard else "the broker restarted"
            plan.append((count, name, lambda: (broker.kill(), broker.start()) if hard else broker.restart()))
        plan.sort(key=lambda deed: deed[0])
        sending.start()
        deadline = time.monotonic() + _PATIENCE
        while len(told) < MESSAGES and time.monotonic() < deadline:
            told.update(json.loads(body)["message_id"] for _, _, body in asks.answers())
            while plan and len(told) >= plan[0][0]:
                _, deed, act = plan.pop(0)
                act()
                deeds.append(deed)
            time.sleep(0.05)
        sending.join()
        server.stop()
    told.update(json.loads(body)["message_id"] for _, _, body in asks.answers())
    return told, deeds


def _send(asks: Post) -> None:
    dice = random.Random(7)
    files = itertools.cycle(_recordings())
    for n in range(MESSAGES):
        path = str(next(files)) if n % _POISON else "/nowhere.wav"
        if n % 2:
            options = {"extract_mir": dice.random() < 0.5, "similarity_analysis": dice.random() < 0.5}
            told: dict[str, Any] = {"message_id": _id(n), "file_path": path, "analysis_options": options}
            told["priority"] = dice.choice(["low", "normal", "high", 9])
            asks.send(json.dumps(told).encode())
        else:
            about = {"media_type": "audio", "extension": Path(path).suffix}
            event = {"file_path": path, "event_type": "IN_CLOSE_WRITE", "sha256_hash": f"{n:064x}"}
            asks.send(json.dumps({**event, "media_metadata": about}).encode(), message_id=_id(n))
    asks.leave()


def _id(n: int) -> str:
    return f"message-{n}"


def _recordings() -> list[Path]:
    kinds = {".wav", ".ogg", ".flac", ".mp3"}
    return sorted(path for path in SHARED.iterdir() if path.suffix in kinds and path.stat().st_size < _LARGEST)


class _Process:
    """One that can be killed and started again."""

    def __init__(self, folder: Path, asks: Post, *command: str) -> None:
        self._folder, self._command = folder, command
        chosen = {"MAX_WORKERS": "1", "PORT": "0", "WORKER_LEASE_SECONDS": "3", "MEDIA_ROOTS": str(SHARED)}
        more = {"STORAGE_DIR": str(folder), "ANALYZER_PREFETCH_COUNT": "16", "AUTH_DISABLED": "true"}
        self._variables = {**os.environ, **asks.variables, **chosen, **more}
        self._process = self._begun()

    def _begun(self) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(BIN), *self._command], env=self._variables, stdout=log, stderr=log, cwd=self._folder
            )

    def again(self) -> None:
        """Killed, and started."""
        self._process.kill()
        self._process.wait()
        self._process = self._begun()

    def stop(self) -> None:
        """In good order."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)


@contextmanager
def _running(folder: Path, asks: Post, *command: str) -> Iterator[_Process]:
    process = _Process(folder, asks, *command)
    try:
        yield process
    finally:
        process.stop()


def _until(true: Any) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError("It did not come to pass.")
        time.sleep(0.01)


if __name__ == "__main__":
    for line in sections():
        print(line, flush=True)
