"""``lookhear worker``: works on the jobs of a service, beside it or on another machine with the same database."""

from __future__ import annotations

import dataclasses
import signal
import sys
import threading
from typing import Any

from lookhear.errors import InvalidSettings
from lookhear.models.devices import chosen
from lookhear.settings import load_settings
from lookhear.wiring.service import Service


def run(workers: int | None, tasks: list[str] | None, device: str | None, metrics_port: int | None) -> None:
    """Until a signal comes. Raises what keeps the database, the storage folder, the device or the port from being used."""
    from lookhear.cli.heaps import share_heaps
    from lookhear.serve.http.logs import configure

    share_heaps()
    given: dict[str, Any] = {} if workers is None else {"max_workers": workers}
    settings = dataclasses.replace(load_settings(), **given, **(chosen(device) if device else {}))
    configure("DEBUG" if settings.debug else settings.log_level, settings.log_format)
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    service = Service(settings)
    service.open(tells=False)  # that is the server's part
    try:
        if metrics_port is not None:
            _show_figures(service, metrics_port)
        service.start_workers(tasks)
        sys.stdout.write(f"Lookhear works on jobs ({settings.max_workers} workers). Ctrl-C stops it.\n")
        sys.stdout.flush()
        told.wait()
        service.stop_workers()
    finally:
        service.close()


def _show_figures(service: Service, port: int) -> None:
    """For Prometheus, of this process and of all that share the database; at HOST, as the server's."""
    from prometheus_client import start_http_server

    from lookhear.serve.http.metrics import Metrics
    from lookhear.serve.http.shared import Shared

    metrics, host = Metrics(), service.settings.host
    service.on_report.append(metrics.observe)
    metrics.watch_jobs(lambda: service.jobs.stats())
    metrics.registry.register(Shared(lambda: service.jobs.workers(), lambda: service.jobs.figures()))
    try:
        start_http_server(port, addr=host, registry=metrics.registry)
    except OSError as error:
        raise InvalidSettings(
            f"Figures cannot be shown at {host}:{port} ({error.strerror}). Give another port."
        ) from error
