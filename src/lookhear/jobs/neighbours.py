"""Workers of this machine whose death can be seen: their jobs need not wait until the lease ends."""

from __future__ import annotations

import logging
import time

from lookhear.jobs.here import Where, gone
from lookhear.jobs.store import JobStore

_LOG = logging.getLogger(__name__)
_ASK = 0.5  # s at least between questions to the database


class Neighbours:
    """Asks who has jobs in hand once something happened to jobs; looks at the processes themselves each time."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._busy: dict[str, Where] = {}
        self._seen, self._asked = -1, -_ASK

    def look(self) -> None:
        """Jobs of those that are gone wait for another try."""
        newest, now = self._store.newest_known, time.monotonic()
        if newest != self._seen and now - self._asked > _ASK:
            self._asked = now
            self._busy = self._store.neighbours()
            self._seen = newest
        for name in [name for name, where in self._busy.items() if gone(where)]:
            lost = self._store.bury(name)
            del self._busy[name]
            _LOG.warning("worker %s of this machine died; %d jobs of it wait again", name, lost)
