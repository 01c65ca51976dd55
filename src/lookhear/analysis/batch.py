"""Many media at once: worker processes, so that a crash or a hang of a decoder costs one file, not the batch."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from lookhear.analysis.codec import to_json
from lookhear.analysis.engine import analyze
from lookhear.analysis.plan import Options
from lookhear.analysis.report import Refusal, Report, TaskError
from lookhear.errors import LookhearError, MediumUnreadable
from lookhear.media.limits import Limits
from lookhear.media.objects import EVERY, is_object
from lookhear.media.reader import Digest, SeekableReader
from lookhear.media.source import open_source
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import shelf_for

_PROCESSES = multiprocessing.get_context("spawn")  # a fork would copy locks held by our threads


@dataclass(frozen=True)
class Request:
    """What is asked of every file of a batch."""

    tasks: tuple[str, ...] | None = None
    options: Options | None = None
    limits: Limits | None = None
    timeout: float | None = None  #: s per file; None: as long as it takes
    models: ModelSettings | None = None  #: None: no models


def analyze_or_refuse(path: str, request: Request) -> Report | Refusal:
    """A report, or the refusal that stands for it; never raises for what is wrong with one file."""
    try:
        shelf = shelf_for(request.models) if request.models else None
        return analyze(path, request.tasks, request.options, limits=request.limits, shelf=shelf)
    except LookhearError as error:
        return _refusal(path, error.code, error.message, request)
    except MemoryError:
        return _refusal(path, "out_of_memory", "There was not enough memory for it. Use fewer --workers.", request)
    except Exception as error:  # a batch goes on, whatever a decoder came up with
        message = f"It could not be analysed ({type(error).__name__}: {error}). Please report this file."
        return _refusal(path, "internal_error", message, request)


def file_digest(path: str, limits: Limits | None = None) -> Digest | None:
    """Digests of a regular file, or of an object; None where it cannot be read."""
    try:
        if is_object(path):
            with closing(open_source(path, limits or Limits(object_prefixes=EVERY)).reader) as reader:
                return reader.digest()
        with open(path, "rb") as raw:
            return SeekableReader(raw, limits or Limits()).digest()
    except (OSError, ValueError, LookhearError):
        return None


def _refusal(path: str, code: str, message: str, request: Request) -> Refusal:
    digest = None if code in {"limit_exceeded", MediumUnreadable.code} else _regular_digest(path, request.limits)
    return Refusal(path, TaskError("", code, message), digest.sha256 if digest else None)


def _regular_digest(path: str, limits: Limits | None) -> Digest | None:
    return file_digest(path, limits) if os.path.isfile(path) else None


def analyze_many(paths: Iterable[str], request: Request, workers: int = 1) -> Iterator[tuple[str, str]]:
    """Pairs of path and JSON line (a report or a refusal), in the order in which they are done.

    Closing the iterator stops the workers at once.
    """
    pool = Pool(request, workers)
    try:
        yield from pool.run(paths)
    finally:
        pool.close()


class _Worker:
    """One process and the file it has in hand."""

    def __init__(self, request: Request) -> None:
        self.connection, theirs = _PROCESSES.Pipe()
        self.process = _PROCESSES.Process(target=_serve, args=(theirs, request), daemon=True)
        self.process.start()
        theirs.close()
        self.path: str | None = None
        self.since = 0.0

    def give(self, path: str) -> None:
        """Start on ``path``."""
        self.path, self.since = path, time.monotonic()
        self.connection.send(path)

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self.process.terminate()
        self.process.join(2.0)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()


class Pool:
    """Worker processes that stay, with the models they have loaded, from one ``run`` to the next until ``close``."""

    def __init__(self, request: Request, size: int = 1) -> None:
        self._request = request
        self._size = max(1, size)
        self._workers: list[_Worker] = []

    def run(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        """As ``analyze_many``."""
        for path in paths:
            slot, done = self._idle(), None
            if slot is None:
                slot, done = self._wait()
            self._workers[slot].give(path)
            if done is not None:
                yield done
        while any(worker.path for worker in self._workers):
            yield self._wait()[1]

    def _idle(self) -> int | None:
        """A worker with nothing in hand, made or replaced where need be; None: all are busy."""
        for slot, worker in enumerate(self._workers):
            if worker.path is None:
                if not worker.process.is_alive():  # killed from outside, for memory it may be
                    worker.stop()
                    self._workers[slot] = _Worker(self._request)
                return slot
        if len(self._workers) == self._size:
            return None
        self._workers.append(_Worker(self._request))
        return len(self._workers) - 1

    def _wait(self) -> tuple[int, tuple[str, str]]:
        """Wait for a worker to end its file: its slot, free now, and what it made."""
        while True:
            busy = [worker for worker in self._workers if worker.path is not None]
            ready = wait([worker.connection for worker in busy], timeout=self._patience(busy))
            for slot, worker in enumerate(self._workers):
                if worker.connection in ready:
                    return slot, self._collect(slot)
                if worker.path is not None and self._overdue(worker):
                    message = f"It took longer than {self._request.timeout:g} s. Raise --timeout if it may."
                    return slot, self._replace(slot, "timed_out", message)

    def _collect(self, slot: int) -> tuple[str, str]:
        worker = self._workers[slot]
        assert worker.path is not None
        try:
            line: str = worker.connection.recv()
        except (EOFError, OSError):
            worker.process.join(1.0)
            code = worker.process.exitcode
            return self._replace(slot, "crashed", f"The decoder crashed on it (exit {code}). Please report this file.")
        path, worker.path = worker.path, None
        return path, line

    def _replace(self, slot: int, code: str, message: str) -> tuple[str, str]:
        worker = self._workers[slot]
        assert worker.path is not None
        worker.stop()
        self._workers[slot] = _Worker(self._request)
        return worker.path, to_json(_refusal(worker.path, code, message, self._request))

    def _patience(self, busy: Sequence[_Worker]) -> float | None:
        if self._request.timeout is None:
            return None
        oldest = min(worker.since for worker in busy)
        return max(0.0, oldest + self._request.timeout - time.monotonic()) + 0.01

    def _overdue(self, worker: _Worker) -> bool:
        timeout = self._request.timeout
        return timeout is not None and time.monotonic() - worker.since > timeout

    def close(self) -> None:
        """Stop all at once."""
        for worker in self._workers:
            worker.stop()


def _serve(connection: Connection[Any, Any], request: Request) -> None:
    """The life of a worker: a path in, a JSON line out, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interruption means
    while True:
        try:
            path = connection.recv()
        except EOFError:
            return
        connection.send(to_json(analyze_or_refuse(path, request)))
