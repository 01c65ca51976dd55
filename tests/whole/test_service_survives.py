"""Servers and workers that are killed at random moments: every job that was accepted ends exactly once."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from PIL import Image

from lookhear.jobs.job import Event, Job, Status
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from support.jobs import eventually
from support.processes import Program, children
from support.sound import encode, tone

ENDS = {"completed", "failed", "cancelled", "sync_failed"}
FAST = {
    "MEDIA_STORE_STUB": "true",
    "MAX_WORKERS": "2",
    "WORKER_LEASE_SECONDS": "1",
    "WORKER_MAX_RETRIES": "100",
    "WORKER_RETRY_SECONDS": "0.01",
    "RESULT_WAIT": "0.1",
    "SHUTDOWN_SECONDS": "5",
}
TASKS, PICTURES, SOUNDS = ("colors", "technical"), 60, 12


@pytest.fixture
def media(tmp_path: Path) -> list[str]:
    """Ids of pictures in the media folder."""
    folder = tmp_path / "data/media"
    folder.mkdir(parents=True)
    for number in range(PICTURES):
        Image.new("RGB", (64, 48), (number, 2 * number, 255 - number)).save(folder / f"{number}.png")
    return [str(number) for number in range(PICTURES)]


class Kept:
    """The database that the processes share, seen from outside."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.store = JobStore(JobSettings(storage_dir=folder / "data", database_url=url))

    def __enter__(self) -> Kept:
        self.store.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    def jobs(self) -> list[Job]:
        found, cursor = [], None
        while True:
            page = self.store.listed(limit=500, cursor=cursor)
            found += page.jobs
            cursor = page.cursor
            if cursor is None:
                return found

    def events(self) -> Iterator[Event]:
        after = 0
        while page := self.store.events(after):
            yield from page
            after = page[-1].id

    def open(self) -> int:
        stats = self.store.stats()
        return stats.by_status[Status.PENDING] + stats.by_status[Status.PROCESSING]

    def ends(self) -> Counter[str]:
        """How many times an end of each job was told."""
        return Counter(event.job_id for event in self.events() if event.kind in ENDS)


class Feeder:
    """Clients that post all jobs, again until they are answered, to whichever server lives."""

    def __init__(self, servers: list[Program], media: list[str]) -> None:
        self.servers = servers
        self.wanted = [(task, medium) for task in TASKS for medium in media]
        self.client = httpx.Client(trust_env=False, timeout=20)
        self.jobs: dict[tuple[str, str], str] = {}
        self.tags: list[int] = []
        self.over = threading.Event()

    @property
    def accepted(self) -> int:
        return len(self.jobs) + len(self.tags)

    def run(self) -> None:
        """Until every job was accepted."""
        with self.client, ThreadPoolExecutor(4) as pool:
            list(pool.map(self._post, range(len(self.wanted))))
            list(pool.map(self._tag, range(SOUNDS)))
        self.over.set()

    def _post(self, index: int) -> None:
        task, medium = self.wanted[index]
        key = {"Idempotency-Key": f"{task}-{medium}"}
        answer = self._asked(index, f"/job/{task}", json={"media_store_id": medium}, headers=key)
        assert answer.status_code == 201, answer.text
        self.jobs[task, medium] = answer.json()["job_id"]

    def _tag(self, index: int) -> None:
        sound = encode(tone(1.0, frequency=200.0 + index))
        answer = self._asked(index, "/tag/audio", files={"file": ("a.wav", sound)})
        assert answer.status_code == 200, answer.text
        self.tags.append(answer.json()["job_id"])

    def _asked(self, index: int, path: str, **what: object) -> httpx.Response:
        tries = iter(range(index, index + 2000))

        def once() -> httpx.Response | None:
            server = self.servers[next(tries) % len(self.servers)]
            try:
                answer = self.client.post(server.url + path, **what)  # type: ignore[arg-type]
            except httpx.TransportError:
                return None
            return None if answer.status_code == 503 else answer

        found: httpx.Response = eventually(once, 40)
        return found


@pytest.mark.parametrize("kind", ["sqlite-threads", "postgresql-processes"])
def test_no_job_is_lost_or_done_twice_while_all_are_killed(
    request: pytest.FixtureRequest, tmp_path: Path, media: list[str], kind: str
) -> None:
    """Two servers and a worker of their own share a database; each is killed twice, with or without its children."""
    database, _, mode = kind.partition("-")
    url = request.getfixturevalue("postgresql_url") if database == "postgresql" else f"sqlite:///{tmp_path / 'jobs.db'}"
    dice, variables = random.Random(7), {**FAST, "DATABASE_URL": url, "WORKER_MODE": mode}
    servers = [Program(tmp_path, "serve", "--port", "0", **variables) for _ in range(2)]
    victims = [*servers, Program(tmp_path, "worker", **variables)]
    with ExitStack() as stack, Kept(tmp_path, url) as kept:
        for one in victims:
            one.launch()
            stack.callback(one.kill, group=True)
        for one in victims:
            one.awaited()
        feeder = Feeder(servers, media)
        feeding = threading.Thread(target=feeder.run)
        feeding.start()
        for kill in range(6):
            enough = feeder.accepted + dice.randrange(5, 25)
            eventually(lambda enough=enough: feeder.accepted >= enough or feeder.over.is_set(), 40)
            victim = victims[kill % 3]
            victim.kill(group=dice.random() < 0.5)
            victim.start()
        feeding.join(60)
        assert feeder.over.is_set()
        eventually(lambda: kept.open() == 0, 40)
        settled(kept, feeder, servers[0])


def settled(kept: Kept, feeder: Feeder, server: Program) -> None:
    jobs = {job.id: job for job in kept.jobs()}
    assert {job.status for job in jobs.values()} == {Status.COMPLETED}
    assert Counter(job.contract for job in jobs.values())["jobs"] == len(feeder.wanted)  # none was put twice
    assert set(feeder.jobs.values()) <= set(jobs) and len(set(feeder.jobs.values())) == len(feeder.wanted)
    assert kept.ends() == dict.fromkeys(jobs, 1)
    with server.client() as client:
        for (task, medium), id in feeder.jobs.items():
            shown = client.get(f"/job/{id}").json()
            assert (shown["task_type"], shown["media_store_id"], shown["status"]) == (task, medium, "completed")
            assert shown["result"] and client.get(f"/job/{id}/report.json").status_code == 200
        for number in feeder.tags:
            assert "genre" in client.get(f"/result/{number}").json()
