"""A memory for answers that nobody waits for: what is to be kept is written once the answer is out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_LOG = logging.getLogger(__name__)
_LINGER = 0.02  # s: the answer goes out first
_MOST = 32  # answers that wait; whoever brings more writes by themselves
Kept = Callable[[str], str | None]
Keep = Callable[[str, str], None]


class Later:
    """``kept`` and ``keep`` of another memory; what waits is known already. Where nothing can be written now, the log
    says so."""

    def __init__(self, kept: Kept, keep: Keep) -> None:
        self._kept, self._keep = kept, keep
        self._waiting: dict[str, str] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def kept(self, key: str) -> str | None:
        """The answer under ``key``."""
        waiting = self._waiting.get(key)
        return self._kept(key) if waiting is None else waiting

    def keep(self, key: str, json: str) -> None:
        """That is the answer of ``key`` from now on."""
        with self._changed:
            room = len(self._waiting) < _MOST and not self._closed.is_set()
            if room:
                self._waiting[key] = json
                self._start()
                self._changed.notify_all()
        if not room:
            self._write(key, json)

    def close(self) -> None:
        """All of it is written."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="lookhear-keep", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed.is_set())
                if not self._waiting:
                    return
            self._closed.wait(_LINGER)
            for key, json in list(self._waiting.items()):
                self._write(key, json)
                with self._changed:
                    if self._waiting.get(key) is json:
                        del self._waiting[key]

    def _write(self, key: str, json: str) -> None:
        try:
            self._keep(key, json)
        except Exception as error:  # whatever it is, the answer itself is out, or is to go out
            _LOG.warning("an answer was not kept: %s", error)
