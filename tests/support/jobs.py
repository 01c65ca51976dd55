"""What tests of jobs share."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lookhear.jobs.control import Control, Outcome
from lookhear.jobs.job import Job, NewJob
from lookhear.jobs.worker import Perform


def eventually(true: Callable[[], Any], seconds: float = 30.0, every: float = 0.005) -> Any:
    """What ``true`` gives once it is; fails after so long."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(every)
    return found


def new(name: str = "1", **more: Any) -> NewJob:
    """A job on the medium of that name."""
    return NewJob("jobs", more.pop("task_type", "embedding"), name, **more)


def noting(folder: str) -> Perform:
    """Performs a job by a line in a file; what its request asks for happens besides."""

    def perform(job: Job, control: Control) -> Outcome:
        with (Path(folder) / "performed").open("a") as file:
            file.write(f"{job.id}\n")
        if job.request.get("crash") and job.attempts == 1:
            os._exit(9)
        time.sleep(job.request.get("seconds", 0.0))
        return Outcome({"name": job.media_store_id})

    return perform
