"""Rising load on a real server, and what is left of it afterwards: python -m benchmarks.load [SECONDS].

Locust (``locustfile.py``; an environment of its own, ``make load`` sets it up) plays so many people, one number after the
other, while somebody else looks at /health. Refusals are answers 429 and 503 that say when to come again.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import small
from benchmarks.media import CACHE
from benchmarks.models import installed
from benchmarks.serving import Client, Serving, another, serving

HERE = Path(__file__).parent
LOCUST = HERE.parent / ".venv-load" / "bin" / "locust"
USERS = (1, 4, 16, 64, 128)
SECONDS = 15
LONE, PERIOD = 15, 0.1
_PATIENCE = 120.0  # s for the queue to get empty


@dataclass(frozen=True)
class Told:
    """An answer as a user saw it."""

    name: str
    status: int
    again: bool  #: it says when to come again
    ms: float
    at: float  #: s

    @property
    def refused(self) -> bool:
        """Not now."""
        return self.status in (429, 503) and self.again


def sections(seconds: int = SECONDS) -> Iterator[str]:
    """The tables, a line each."""
    yield "\n## Load: more and more people at once\n"
    if not LOCUST.exists() or not installed():
        yield "Not measured: 'make load' sets up locust, and LOOKHEAR_SHARED names the weights."
        return
    small.keep()
    folder = CACHE / "load-media"
    folder.mkdir(exist_ok=True)
    for number in range(1000):
        (folder / f"{number}.jpg").write_bytes(another(small.jpeg()))
    yield f"{seconds} s each, of uploads (faces and colours in a JPEG of 320 x 240, a recording for tags), jobs and looks at"
    yield "them, 20 to 100 ms after the answer before; refused people come again when they are told to, within a second."
    yield f"Server and people share {len(os.sched_getaffinity(0))} cores; load when this began: {os.getloadavg()[0]:.1f}.\n"
    yield "| people | answers/s | p50, ms | p95 | p99 | refused | 5xx beside | health p50, ms | slowest | memory, MiB |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    with serving(MEDIA_STORE_STUB="true", MEDIA_STORE_FOLDER=str(folder), RESULT_WAIT="2") as served:
        before, others = _lone(served), Counter[str]()
        for users in USERS:
            with _watched(served) as health:
                answers = _crowd(served, users, seconds)
            others.update(f"{one.name}: {one.status}" for one in answers if not _expected(one))
            yield _row(users, answers, health, served.memory)
        drained = _drained(served)
        after = _lone(served)
    yield f"\nA lone POST /analyze before and after all this, median: {before:.0f} and {after:.0f} ms; the jobs that waited"
    yield f"were done {drained:.1f} s after the last person had left. Errors in the log: {_errors(served)}."
    if others:
        yield "Other answers: " + ", ".join(f"{count} × {what}" for what, count in others.most_common(8)) + "."


def _row(users: int, answers: list[Told], health: list[float], memory: float) -> str:
    times = sorted(one.ms for one in answers if not one.refused)
    lasted = max(one.at for one in answers) - min(one.at - one.ms / 1000 for one in answers)
    refused = sum(one.refused for one in answers) / len(answers)
    broken = sum(one.status >= 500 or one.status == 0 for one in answers if not one.refused)
    middle, late, last = (times[min(len(times) - 1, int(share * len(times)))] for share in (0.5, 0.95, 0.99))
    return (
        f"| {users} | {len(times) / lasted:.0f} | {middle:.0f} | {late:.0f} | {last:.0f} "
        f"| {100 * refused:.1f} % | {broken} | {1000 * statistics.median(health):.1f} | {1000 * max(health):.0f} "
        f"| {memory:.0f} |"
    )


def _crowd(served: Serving, users: int, seconds: int) -> list[Told]:
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        out = Path(folder) / "told"
        command = [str(LOCUST), "-f", str(HERE / "locustfile.py"), "--headless", "--only-summary"]
        command += ["--host", f"http://127.0.0.1:{served.port}", "--loglevel", "ERROR", "--stop-timeout", "60"]
        command += ["-u", str(users), "-r", str(users), "-t", f"{seconds}s"]
        environment = {**os.environ, "LOAD_OUT": str(out), "PYTHONPATH": str(HERE.parent)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if not out.exists():
            raise RuntimeError(done.stderr)
        return [Told(*json.loads(line)) for line in out.read_text().splitlines()]


@contextmanager
def _watched(served: Serving) -> Iterator[list[float]]:
    """How long /health takes meanwhile, s."""
    seen: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        client = Client(served.port)
        while not ended.wait(PERIOD):
            seen.append(client.get("/health").seconds)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _lone(served: Serving) -> float:
    """Median ms of one who is alone."""
    client, took = Client(served.port), []
    for _ in range(LONE):
        answer = client.upload("/analyze", "file", another(small.jpeg()), {"tasks": "faces,colors"})
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {answer.body[:500]!r}")
        took.append(1000 * answer.seconds)
    return statistics.median(took[3:])


def _drained(served: Serving) -> float:
    """Seconds until no job is on its way."""
    client, began = Client(served.port), time.monotonic()
    while time.monotonic() - began < _PATIENCE:
        waiting = client.get("/stats").json()["queue_metrics"]
        if not waiting["pending"] and not waiting["processing"]:
            break
        time.sleep(0.1)
    return time.monotonic() - began


def _expected(one: Told) -> bool:
    return one.refused or one.status in (200, 201, 202, 409)


def _errors(served: Serving) -> int:
    return sum(line.get("level") in ("error", "critical") for line in served.logged)


if __name__ == "__main__":
    for line in sections(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS):
        print(line, flush=True)
