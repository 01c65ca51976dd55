"""What the service is held to: the same work called in process. Reads orders from standard input, a line of JSON each:

    {"mode": "analyze", "path": "a.jpg", "tasks": ["faces"], "callers": 4, "seconds": 3}

``mode``: analyze (the library), kept (the service's own call for what it knows already), job (a look into the store of
jobs), sessions (the networks alone on ready input). Answers each with ``done``, ``seconds`` and ``times`` (s).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.serving import MODELS


@dataclass(frozen=True)
class Burst:
    """How often something was done within how many seconds, and how long each took (s)."""

    done: int
    seconds: float
    times: list[float]

    @property
    def rate(self) -> float:
        """Times a second."""
        return self.done / self.seconds


def burst(callers: Sequence[Callable[[], Any]], seconds: float) -> Burst:
    """Each again and again in a thread of its own. Raises what the first of them raised that failed."""
    times: list[float] = []
    failures: list[BaseException] = []
    began = time.perf_counter()
    end = began + seconds

    def call(act: Callable[[], Any]) -> None:
        try:
            while (start := time.perf_counter()) < end and not failures:
                act()
                times.append(time.perf_counter() - start)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=call, args=(act,)) for act in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return Burst(len(times), time.perf_counter() - began, times)


Direct = Callable[..., Burst]


@contextmanager
def direct() -> Iterator[Direct]:
    """Orders to a process that does them, until the end of the block."""
    command = [sys.executable, "-m", "benchmarks.direct"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    orders, answers = process.stdin, process.stdout

    def order(mode: str, path: Path, tasks: Sequence[str] = (), callers: int = 1, seconds: float = 1.0) -> Burst:
        wish = {"mode": mode, "path": str(path), "tasks": list(tasks), "callers": callers, "seconds": seconds}
        print(json.dumps(wish), file=orders, flush=True)
        return Burst(**json.loads(answers.readline()))

    try:
        yield order
    finally:
        orders.close()
        process.wait()


def _analyze(path: Path, tasks: list[str]) -> Callable[[], Any]:
    import lookhear

    return lambda: lookhear.analyze(path, tasks)


def _networks(path: Path, tasks: list[str]) -> Callable[[], Any]:
    """The networks on what they were given for this picture."""
    import lookhear
    from lookhear.models.runtimes import onnx

    runs: list[Any] = []
    whole_run = onnx.OnnxModel.run

    def noted(self: onnx.OnnxModel, feeds: onnx.Feeds) -> object:
        runs.append((self.native, {key: value.copy() for key, value in feeds.items()}))
        return whole_run(self, feeds)

    onnx.OnnxModel.run = noted  # type: ignore[method-assign, assignment]
    try:
        lookhear.analyze(path, tasks)
    finally:
        onnx.OnnxModel.run = whole_run  # type: ignore[method-assign]
    return lambda: [session.run(None, feeds) for session, feeds in runs]


class _Kept:
    """A service of our own, open for as long as the process lives."""

    def __init__(self, folder: Path) -> None:
        from lookhear.settings import load_settings
        from lookhear.wiring.service import Service

        self.service = Service(replace(load_settings(), storage_dir=folder))
        self.service.open()

    def kept(self, path: Path, tasks: list[str]) -> Callable[[], Any]:
        """A report that was made before, as JSON."""
        from lookhear.analysis.codec import to_json
        from lookhear.media.reader import Digest
        from lookhear.serve.http.digests import digest

        sums: Digest | None = digest(path, self.service.settings)
        assert sums is not None
        return lambda: to_json(self.service.analyze(path, tasks, sha256=sums.sha256))

    def job(self, path: Path, tasks: list[str]) -> Callable[[], Any]:
        """A job, as it is told."""
        from lookhear.contracts.jobs import job_json
        from lookhear.jobs.job import NewJob

        id = self.service.submit(NewJob("jobs", "face_detection")).id

        def look() -> str:
            job = self.service.jobs.get(id)
            assert job is not None
            return json.dumps(job_json(job))

        return look


def main() -> None:
    """Until there are no more orders."""
    os.environ["MODEL_CACHE_DIR"] = str(MODELS)
    with tempfile.TemporaryDirectory(dir=MODELS.parent) as folder:
        own = _Kept(Path(folder))
        modes = {"analyze": _analyze, "sessions": _networks, "kept": own.kept, "job": own.job}
        for line in sys.stdin:
            wish = json.loads(line)
            act = modes[wish["mode"]](Path(wish["path"]), wish["tasks"])
            act()  # warm
            done = burst([act] * wish["callers"], wish["seconds"])
            print(json.dumps({"done": done.done, "seconds": done.seconds, "times": done.times}), flush=True)
        own.service.close()


if __name__ == "__main__":
    main()
