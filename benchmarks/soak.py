"""Ten thousand mixed requests against one server, and whether its memory grows: python -m benchmarks.soak [REQUESTS].

Resident memory is read after every hundred requests. After the warm-up a line is laid through it by least squares; what
counts is how much it rises per thousand requests. Every answer has the status that it should have, or is told of.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks import small
from benchmarks.media import CACHE
from benchmarks.models import installed
from benchmarks.serving import Answer, Client, Serving, another, serving

REQUESTS, CALLERS, EVERY = 10_000, 4, 100
WARM_UP = 0.3  # of all requests
MOST = 0.5  # MiB that memory may grow per thousand requests
_PATIENCE = 60.0  # s for a job to end
Visit = tuple[Answer, frozenset[int]]
OK = frozenset({200, 201})


@dataclass
class Tally:
    """What was asked, what came back, and how memory stood."""

    kinds: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[int, float]] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)
    requests: int = 0

    def note(self, kind: str, visit: Visit) -> None:
        """An answer came."""
        answer, expected = visit
        with self.guard:
            self.requests += 1
            self.kinds[kind] += 1
            if answer.status not in expected:
                self.wrong[f"{kind}: {answer.status} {answer.body[:120]!r}"] += 1

    @property
    def slope(self) -> float:
        """MiB per thousand requests, after the warm-up."""
        late = [(number / 1000, mib) for number, mib in self.memory if number >= WARM_UP * self.requests]
        return float(np.polyfit(*zip(*late, strict=True), 1)[0])


class Caller:
    """One of several who ask for anything, in an order that is always the same."""

    def __init__(self, served: Serving, tally: Tally, seed: int) -> None:
        self._client, self._tally = Client(served.port), tally
        self._random = random.Random(seed)
        self._pending: list[int] = []
        self.doors: dict[str, tuple[int, Callable[[], Visit]]] = {  # how often, and what
            "analyze, new": (20, lambda: self._analyze(another(small.jpeg()))),
            "analyze, known": (10, lambda: self._analyze(small.jpeg())),
            "analyze, film": (3, self._film),
            "image/process": (12, lambda: (self._client.upload("/image/process", "image", another(small.jpeg())), OK)),
            "tag/audio": (8, self._tag),
            "result": (10, self._result),
            "job": (10, self._job),
            "infer/scenes": (6, lambda: (self._client.upload("/infer/scenes", "file", small.another_film()), OK)),
            "search": (4, lambda: (self._client.post("/search", {"vector": [0.1] * 512}), OK)),
            "health": (6, lambda: (self._client.get("/health"), OK)),
            "metrics": (1, lambda: (self._client.get("/metrics"), OK)),
            "jobs": (2, lambda: (self._client.get("/job?limit=20"), OK)),
            "bad file": (4, lambda: (self._send(small.junk()), frozenset({415}))),
            "broken file": (2, lambda: (self._send(small.broken_jpeg()), frozenset({200, 422}))),
            "bad request": (2, lambda: (self._client.post("/analyze", {"tasks": ["nonesuch"]}), frozenset({422}))),
        }

    def go(self, requests: int) -> None:
        """Ask so often."""
        names = list(self.doors)
        weights = [self.doors[name][0] for name in names]
        for name in self._random.choices(names, weights, k=requests):
            self._tally.note(name, self.doors[name][1]())
        self._client.close()

    def _send(self, data: bytes, tasks: str = "colors,visual,technical,quality") -> Answer:
        return self._client.upload("/analyze", "file", data, {"tasks": tasks})

    def _analyze(self, data: bytes) -> Visit:
        return self._send(data, self._random.choice(["colors,visual", "faces", "technical", "similarity,quality"])), OK

    def _film(self) -> Visit:
        return self._send(small.another_film(), "scenes,colors"), OK

    def _tag(self) -> Visit:
        answer = self._client.upload("/tag/audio", "file", small.sound())
        if answer.status == 200:
            self._pending.append(answer.json()["job_id"])
        return answer, OK

    def _result(self) -> Visit:
        """Of the oldest that is waited for; of one that there never was, if there is none."""
        return self._client.get(f"/result/{self._pending.pop(0) if self._pending else 999_999_999}"), OK

    def _job(self) -> Visit:
        wish = {"media_store_id": f"{self._random.randrange(8)}.jpg", "priority": self._random.randrange(1, 9)}
        answer = self._client.post(f"/job/{self._random.choice(['face_detection', 'colors'])}", wish)
        return answer, frozenset({201, 409})  # its twin may be on its way


def sections(requests: int = REQUESTS) -> Iterator[str]:
    """The table, a line each."""
    yield f"\n## Soak: {requests:,} mixed requests to one server by {CALLERS} callers\n"
    if not installed():
        yield "Not measured: the weights are not there (set LOOKHEAR_SHARED)."
        return
    tally = Tally()
    folder = CACHE / "soak-media"
    folder.mkdir(exist_ok=True)
    for number in range(8):
        (folder / f"{number}.jpg").write_bytes(another(small.jpeg()))
    load = os.getloadavg()[0]
    with serving(MEDIA_STORE_STUB="true", MEDIA_STORE_FOLDER=str(folder), RESULT_WAIT="2") as served:
        first, began = served.memory, time.perf_counter()
        _ask(served, tally, requests)
        seconds = time.perf_counter() - began
        waited = _settled(served)
        yield from _rows(tally, served, first, seconds)
    errors = [one for one in served.logged if one.get("level") in ("error", "critical")]
    yield f"| jobs still on their way after the last request | {waited} | 0 |"
    yield f"| errors in the log | {len(errors)} | 0 |"
    yield f"\nLoad of the machine when this began: {load:.1f}. Memory after each thousand: {_curve(tally)} MiB."
    if tally.wrong:
        yield "Other answers: " + "; ".join(f"{count} × {what}" for what, count in tally.wrong.most_common(8)) + "."


def _rows(tally: Tally, served: Serving, first: float, seconds: float) -> Iterator[str]:
    late = [mib for number, mib in tally.memory if number >= WARM_UP * tally.requests]
    yield "| | | target |"
    yield "|---|---|---|"
    yield f"| requests/s | {tally.requests / seconds:.0f} | |"
    yield f"| memory: ready, after the warm-up, at the end, MiB | {first:.0f}, {late[0]:.0f}, {late[-1]:.0f} | |"
    yield f"| growth per thousand requests after the warm-up, MiB | {tally.slope:+.2f} | ≤ {MOST:g} |"
    yield f"| threads, open files at the end | {served.threads}, {served.files} | |"
    yield f"| answers with another status than expected | {sum(tally.wrong.values())} | 0 |"


def _curve(tally: Tally) -> str:
    return ", ".join(f"{mib:.0f}" for number, mib in tally.memory if number % 1000 < EVERY)


def _ask(served: Serving, tally: Tally, requests: int) -> None:
    callers = [Caller(served, tally, seed) for seed in range(CALLERS)]
    threads = [threading.Thread(target=one.go, args=(requests // CALLERS,)) for one in callers]
    for thread in threads:
        thread.start()
    following = EVERY
    while any(thread.is_alive() for thread in threads):
        if tally.requests >= following:
            tally.memory.append((tally.requests, served.memory))
            following = tally.requests - tally.requests % EVERY + EVERY
        time.sleep(0.02)
    for thread in threads:
        thread.join()


def _settled(served: Serving) -> int:
    """How many jobs are not done when we lose patience."""
    client, end = Client(served.port), time.monotonic() + _PATIENCE
    while True:
        waiting = client.get("/stats").json()["queue_metrics"]
        left: int = waiting["pending"] + waiting["processing"]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.1)


if __name__ == "__main__":
    for line in sections(int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS):
        print(line, flush=True)
