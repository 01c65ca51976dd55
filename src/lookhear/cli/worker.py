"""``lookhear worker``: works on the jobs of a service, beside it or on another machine with the same database."""

from __future__ import annotations

import dataclasses
import signal
import sys
import threading
from typing import Any

from lookhear.settings import load_settings
from lookhear.wiring.service import Service


def run(workers: int | None, tasks: list[str] | None) -> None:
    """Until a signal comes. Raises what keeps the database or the storage folder from being used."""
    from lookhear.cli.heaps import share_heaps
    from lookhear.serve.http.logs import configure

    share_heaps()
    given: dict[str, Any] = {} if workers is None else {"max_workers": workers}
    settings = dataclasses.replace(load_settings(), **given)
    configure("DEBUG" if settings.debug else settings.log_level, settings.log_format)
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    service = Service(settings)
    service.open(tells=False)  # that is the server's part
    try:
        service.start_workers(tasks)
        sys.stdout.write(f"Lookhear works on jobs ({settings.max_workers} workers). Ctrl-C stops it.\n")
        sys.stdout.flush()
        told.wait()
        service.stop_workers()
    finally:
        service.close()
