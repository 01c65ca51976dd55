"""Processes that work on one file are killed at random moments: no job is lost, and each ends once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from lookhear.jobs.job import Status
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from support.jobs import eventually, new

_JOBS, _PROCESSES, _KILLS = 240, 3, 10
_WORK = """
import sys
from pathlib import Path
from support.jobs import noting
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore
from lookhear.jobs.worker import Worker

settings = JobSettings(storage_dir=Path(sys.argv[1]), worker_max_retries=100, worker_lease_seconds=1.0)
with JobStore(settings) as store:
    store.reclaim()
    Worker(store, noting(sys.argv[1]), settings).run()
"""


def test_killed_workers_lose_no_job_and_end_none_twice(tmp_path: Path) -> None:
    dice = random.Random(7)
    settings = JobSettings(storage_dir=tmp_path, worker_max_retries=100, worker_lease_seconds=1.0)

    def begin() -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.Popen([sys.executable, "-c", _WORK, str(tmp_path)], env=environment)

    with JobStore(settings) as store:
        put = {job.id for job in store.put_many([new(str(n), request={"seconds": 0.01}) for n in range(_JOBS)])}
        workers = [begin() for _ in range(_PROCESSES)]
        try:
            eventually(lambda: store.stats().by_status["completed"] > 0, 60.0)
            for _ in range(_KILLS):
                time.sleep(dice.uniform(0.02, 0.25))
                victim = dice.randrange(_PROCESSES)
                workers[victim].send_signal(signal.SIGKILL)
                workers[victim].wait()
                workers[victim] = begin()
            eventually(lambda: store.reclaim() + 1 and store.stats().by_status["completed"] == _JOBS, 60.0, 0.1)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
        events = store.events(0, limit=100_000)
        jobs = store.listed(limit=2 * _JOBS).jobs
    assert {job.id for job in jobs if job.status is Status.COMPLETED} == put
    ends = Counter(event.job_id for event in events if event.kind in ("completed", "failed"))
    assert set(ends.values()) == {1} and set(ends) == put
    performed = Counter((tmp_path / "performed").read_text().split())
    assert set(performed) == put
    starts = Counter(event.job_id for event in events if event.kind == "started")
    assert all(performed[id] <= starts[id] for id in put)


_PUT = """
import sys
from pathlib import Path
from support.jobs import new
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.store import JobStore

with JobStore(JobSettings(storage_dir=Path(sys.argv[1]))) as store:
    while True:
        print(store.put(new()).id, flush=True)
"""


def test_a_job_that_was_acknowledged_is_there_whatever_happens_then(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _PUT, str(tmp_path)]
    told = []
    for seconds in (0.0, 0.05, 0.13):
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            told.append(process.stdout.readline().strip())
            time.sleep(seconds)
            process.kill()
            told += [line.strip() for line in process.stdout if len(line) == 37]
    with JobStore(JobSettings(storage_dir=tmp_path)) as store:
        kept = [job.id for job in store.listed(limit=100_000).jobs]
        taken = [store.take("w") for _ in kept]
    assert set(told) <= set(kept)
    assert [job.id for job in taken if job is not None] == kept[::-1]
