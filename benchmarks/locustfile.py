"""People who use the service, for locust. ``python -m benchmarks.load`` does all; by hand:

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.small    # what they upload
    locust -f benchmarks/locustfile.py --host http://127.0.0.1:8000    # AUTH_DISABLED=true lookhear serve

Each uploads pictures and sounds that nobody sent before, queues jobs and looks after them, and comes again when told to.
What came back is written to LOAD_OUT, if that is set, a line of JSON each: name, status, whether it says when to come again,
how long it took (ms), and when it came (s).
"""

from __future__ import annotations

import json
import os
import random
import secrets
import time
from typing import Any

import gevent
from locust import HttpUser, between, events, task

from benchmarks.serving import another
from benchmarks.small import KEPT

_MOST = 1.0  # s that anybody waits to come again: the load shall stay
_PICTURE, _SOUND = ((KEPT / name).read_bytes() for name in ("picture.jpg", "sound.wav"))
_told: list[tuple[str, int, bool, float, float]] = []


class Someone(HttpUser):
    """Takes a short breath between requests."""

    wait_time = between(0.02, 0.1)

    def on_start(self) -> None:
        """Nothing of theirs is on its way."""
        self.tagged: list[int] = []
        self.queued: list[str] = []

    @task(8)
    def analyze(self) -> None:
        """A picture, answered at once."""
        self._ask(
            "POST /analyze", "POST", "/analyze", files={"file": another(_PICTURE)}, data={"tasks": "faces,colors"}
        )

    @task(4)
    def process(self) -> None:
        """A picture, its colours."""
        self._ask("POST /image/process", "POST", "/image/process", files={"image": another(_PICTURE)})

    @task(2)
    def tag(self) -> None:
        """A sound, for a job."""
        told = self._ask("POST /tag/audio", "POST", "/tag/audio", files={"file": _SOUND + secrets.token_bytes(8)})
        if told is not None:
            self.tagged.append(told["job_id"])

    @task(2)
    def result(self) -> None:
        """Of a sound that was sent before."""
        if self.tagged:
            self._ask("GET /result/{id}", "GET", f"/result/{self.tagged.pop(0)}")

    @task(4)
    def job(self) -> None:
        """A medium of the media store, for a job."""
        wish = {"media_store_id": f"{random.randrange(1000)}.jpg", "priority": random.randrange(1, 9)}
        told = self._ask("POST /job/{task_type}", "POST", "/job/colors", json=wish)
        if told is not None:
            self.queued.append(told["job_id"])

    @task(4)
    def look(self) -> None:
        """How that job stands."""
        if self.queued:
            self._ask("GET /job/{id}", "GET", f"/job/{random.choice(self.queued)}")

    @task(1)
    def health(self) -> None:
        """How the service is."""
        self._ask("GET /health", "GET", "/health")

    def _ask(self, name: str, method: str, path: str, **content: Any) -> Any:
        began = time.perf_counter()
        with self.client.request(method, path, name=name, catch_response=True, **content) as answer:
            again = (answer.headers or {}).get("Retry-After")
            done, refused = answer.status_code in (200, 201, 202), answer.status_code in (429, 503) and again
            if done or refused or answer.status_code == 409:  # its twin is on its way
                answer.success()
            told = answer.json() if done else None
        _told.append(
            (name, answer.status_code, again is not None, 1000 * (time.perf_counter() - began), time.perf_counter())
        )
        if refused:
            gevent.sleep(min(_MOST, float(again)))
        return told


@events.quitting.add_listener
def _written(**_: Any) -> None:
    path = os.environ.get("LOAD_OUT")
    if path:
        with open(path, "w") as out:
            out.writelines(json.dumps(one) + "\n" for one in _told)
