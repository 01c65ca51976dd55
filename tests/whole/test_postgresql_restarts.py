"""PostgreSQL crashes and comes back while two workers are at it: nothing is lost, and each job ends once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from lookhear.errors import DatabaseUnavailable
from lookhear.jobs.job import Job, Status
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from support.jobs import eventually, new
from support.processes import Program
from support.services import private_postgresql

_JOBS, _CRASHES = 120, 2
_WORKERS = {"WORKER_LEASE_SECONDS": "3", "WORKER_MAX_RETRIES": "100", "WORKER_RETRY_SECONDS": "0.01"}


def put(store: JobStore, name: str) -> Job:
    """Kept once, however often it takes."""

    def tried() -> Job | None:
        try:
            return store.put(new(name, task_type="colors", idempotency_key=name))
        except DatabaseUnavailable:
            return None

    job: Job = eventually(tried, 60.0, 0.05)
    return job


def ended(store: JobStore) -> int:
    try:
        return store.stats().by_status[Status.COMPLETED]
    except DatabaseUnavailable:
        return -1


def test_a_database_that_crashes_loses_no_job(tmp_path: Path) -> None:
    media = tmp_path / "data" / "media"
    media.mkdir(parents=True)
    names = [str(number) for number in range(_JOBS)]
    for number, name in enumerate(names):
        Image.new("RGB", (640, 480), (number, 2 * number % 256, 255 - number)).save(media / f"{name}.png")
    with private_postgresql() as server:
        settings = JobSettings(storage_dir=tmp_path / "data", database_url=server.url)
        workers = [Program(tmp_path, "worker", DATABASE_URL=server.url, **_WORKERS) for _ in range(2)]
        with JobStore(settings) as store, workers[0], workers[1], ThreadPoolExecutor(2) as putting:
            puts = [putting.submit(put, store, name) for name in names]
            for crash in range(_CRASHES):
                eventually(lambda crash=crash: ended(store) > (crash + 1) * _JOBS // 6)  # type: ignore[misc]
                server.stop("immediate")
                server.start()
            jobs = {one.result(60.0).id for one in puts}
            eventually(lambda: ended(store) == _JOBS, 60.0, 0.05)
            events = store.events(0, limit=100_000)
            assert {one.id for one in store.listed(limit=2 * _JOBS).jobs} == jobs
            ends = Counter(event.job_id for event in events if event.kind in ("completed", "failed"))
            assert set(ends) == jobs and set(ends.values()) == {1}
            eventually(lambda: sum(one.done for one in store.workers()) > 0)
            last = put(store, "0-again")  # heard of at once, on a new line
            eventually(lambda: store.get(last.id).status.final)  # type: ignore[union-attr]
