"""Servers and workers that are killed at random moments: every job that was accepted ends exactly once."""

from __future__ import annotations

import json
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
from support.files import jpeg
from support.jobs import eventually
from support.processes import Program, children
from support.sound import encode, tone
from support.web import Web, web

ENDS = {"completed", "failed", "cancelled", "sync_failed"}
FAST = {
    "MEDIA_STORE_STUB": "true",
    "MAX_WORKERS": "2",
    "WORKER_LEASE_SECONDS": "1",
    "WORKER_MAX_RETRIES": "100",
    "WORKER_RETRY_SECONDS": "0.01",
    "RESULT_WAIT": "0.1",
    "SHUTDOWN_SECONDS": "2",
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
    """Two servers and a worker of their own share a database; each is killed, with or without its children."""
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
        for victim in (servers[0], victims[2], servers[1], servers[0]):
            enough = feeder.accepted + dice.randrange(5, 25)
            eventually(lambda enough=enough: feeder.accepted >= enough or feeder.over.is_set(), 40)
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


PICTURE = jpeg()


@pytest.fixture
def store_url() -> Iterator[Web]:
    """A media store that gives ``held`` when it is released."""
    with web() as found:
        for name in ("held", "free"):
            found.put(f"/entity/{name}/file", PICTURE, holds=0 if name == "held" else None)
            found.put(f"/inference/results/{name}")
        yield found


def in_hand(client: httpx.Client, medium: str) -> str:
    """The id of a job that a worker has begun with."""
    id: str = client.post("/job/colors", json={"media_store_id": medium}).json()["job_id"]
    eventually(lambda: client.get(f"/job/{id}").json()["status"] == "processing")
    return id


@pytest.mark.parametrize("mode", ["threads", "processes"])
def test_told_to_stop_it_ends_the_job_in_hand_or_hands_it_back(tmp_path: Path, store_url: Web, mode: str) -> None:
    variables = {**FAST, "MEDIA_STORE_STUB": "false", "MEDIA_STORE_URL": store_url.url(), "WORKER_MODE": mode}
    server = Program(tmp_path, "serve", "--port", "0", "--workers", "1", **variables)
    with server, server.client() as client:
        waits = in_hand(client, "held")
        code, seconds = server.ended()
        assert code == 0 and seconds < 2 + 4  # SHUTDOWN_SECONDS, and what it takes to leave
    with Kept(tmp_path) as kept:
        job = kept.store.get(waits)
        assert job is not None and (job.status, job.worker, job.error_code) == (Status.PENDING, None, None)
        assert not kept.ends()
        with server, server.client() as client:
            eventually(lambda: client.get(f"/job/{waits}").json()["status"] == "processing")
            os.kill(server.pid, signal.SIGTERM)
            eventually(lambda: refused(server.url))
            store_url.release.set()
            assert server.waited() == 0
        job = kept.store.get(waits)
        assert job is not None and (job.status, job.attempts) == (Status.COMPLETED, 2)
        assert kept.ends() == {waits: 1}


def refused(url: str) -> bool:
    """Nobody listens there any more."""
    try:
        httpx.get(f"{url}/health/live", trust_env=False, timeout=1)
    except httpx.TransportError:
        return True
    return False


def test_a_worker_process_that_dies_costs_its_job_a_try_and_nobody_else_anything(
    tmp_path: Path, store_url: Web
) -> None:
    variables = {**FAST, "MEDIA_STORE_STUB": "false", "MEDIA_STORE_URL": store_url.url(), "WORKER_MODE": "processes"}
    patient = {"WORKER_LEASE_SECONDS": "600", "WEBHOOK_URL": store_url.put("/hook")}  # that it died is seen
    with (
        Program(tmp_path, "serve", "--port", "0", "--workers", "1", **{**variables, **patient}) as server,
        server.client() as client,
    ):
        id = in_hand(client, "held")
        (child,) = children(server.pid)
        os.kill(child, signal.SIGKILL)
        free = client.post("/job/colors", json={"media_store_id": "free", "priority": 9}).json()["job_id"]
        eventually(lambda: client.get(f"/job/{free}").json()["status"] == "completed", 30)
        store_url.release.set()
        eventually(lambda: client.get(f"/job/{id}").json()["status"] == "completed", 30)
        assert client.get("/health").json()["worker"] == "running"
        with Kept(tmp_path) as kept:
            kinds = [event.kind for event in kept.store.events(0, id)]
            assert kinds.count("started") == 2 and kept.ends() == {id: 1, free: 1}
            assert [job.attempts for job in kept.jobs()] == [1, 2]
        eventually(lambda: len(told(store_url)) >= 2)
    assert sorted(told(store_url)) == sorted([id, free])  # by the server alone, not by its workers too


def told(hook: Web) -> list[str]:
    """Jobs whose end the webhook heard of."""
    return [json.loads(asked.body)["data"]["job_id"] for asked in hook.asked if asked.path == "/hook"]


def test_a_full_queue_outlives_the_server(tmp_path: Path, media: list[str]) -> None:
    few = {**FAST, "MAX_QUEUE": "30"}
    server = Program(tmp_path, "serve", "--port", "0", "--workers-off", **few)
    with server, server.client() as client:
        answers = [client.post("/job/colors", json={"media_store_id": medium}) for medium in media]
        taken = [answer.json()["job_id"] for answer in answers if answer.status_code == 201]
        assert len(taken) == 30
        problem = answers[30]
        assert problem.status_code == 503 and int(problem.headers["Retry-After"]) > 0
        assert problem.headers["content-type"] == "application/problem+json"
        assert problem.json()["code"] == "queue_full" and "MAX_QUEUE" in problem.json()["detail"]
        server.kill()
    server.command = ("serve", "--port", "0")
    with server, server.client() as client, Kept(tmp_path) as kept:
        eventually(lambda: kept.open() == 0, 30)
        assert {client.get(f"/job/{id}").json()["status"] for id in taken} == {"completed"}
        assert kept.ends() == dict.fromkeys(taken, 1)
        assert client.post("/job/colors", json={"media_store_id": media[-1]}).status_code == 201
