"""What a process of workers tells of itself: a row in the database, renewed with the leases of its jobs."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lookhear.jobs.here import here
from lookhear.jobs.job import Status
from lookhear.jobs.rows import packed, plain
from lookhear.jobs.settings import JobSettings
from lookhear.jobs.tally import JOB, Tally
from lookhear.version import __version__

_LOG = logging.getLogger(__name__)
_MIB = 1 << 20
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class About:
    """What only those know who perform jobs; they may have one as ``about``."""

    models: Callable[[], Sequence[str]] = tuple  #: in memory, as name@version
    device: str = "cpu"
    tally: Tally = field(default_factory=Tally)


def about(perform: object) -> About:
    """Of what performs jobs."""
    found = getattr(perform, "about", None)
    return found if isinstance(found, About) else About()


class Presence:
    """Of the workers ``name``, or of all whose names are ``name`` and a number."""

    def __init__(
        self, name: str, settings: JobSettings, task_types: Collection[str] | None, slots: int, about: About
    ) -> None:
        self.name = name
        self.stopping = False
        self.tally = about.tally
        self._about = about
        self._where = here()
        self._lease = round(settings.worker_lease_seconds * 1000)
        self._types = None if task_types is None else packed(sorted(task_types))
        self._slots = slots
        self._counts = {"done": 0, "failed": 0}
        self._lock = threading.Lock()
        self._told: tuple[Any, ...] = ()

    def ended(self, task_type: str, status: Status, seconds: float) -> None:
        """A job came to that; pending: it is tried again."""
        self.tally.add(JOB, task_type, "retried" if status is Status.PENDING else str(status), seconds)
        if status is not Status.PENDING:
            with self._lock:
                self._counts["failed" if status is Status.ERROR else "done"] += 1

    def changed(self) -> bool:
        """Whether there is something to tell that can be seen at once."""
        return self._seen() != self._told

    def row(self) -> dict[str, Any]:
        """What is told, as the columns of the table have it."""
        self._told = self._seen()
        stopping, models, done, failed = self._told
        return {
            "b_name": plain(self.name),
            "b_host": plain(self._where.host),
            "b_pid": self._where.pid,
            "b_place": self._where.place,
            "b_born": self._where.born,
            "b_lease": self._lease,
            "b_slots": self._slots,
            "b_types": self._types,
            "b_device": plain(self._about.device),
            "b_stopping": int(stopping),
            "b_models": packed(list(models)),
            "b_memory": round(_memory() / _MIB, 1),
            "b_done": done,
            "b_failed": failed,
            "b_version": __version__,
        }

    def _seen(self) -> tuple[Any, ...]:
        return self.stopping, self._models(), self._counts["done"], self._counts["failed"]

    def _models(self) -> tuple[str, ...]:
        try:
            return tuple(self._about.models())
        except Exception as error:  # whatever it is, leases must be renewed
            _LOG.warning("which models are in memory cannot be told: %s", error)
            return ()


def _memory() -> int:
    """Bytes that this process has in memory; 0 where that is not told."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0
