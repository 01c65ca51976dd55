"""``lookhear serve``: one line that says where, then the service until a signal comes."""

from __future__ import annotations

import dataclasses
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lookhear.settings import Settings, load_settings

if TYPE_CHECKING:
    from socket import socket

    from fastapi import FastAPI


def run(host: str | None, port: int | None, workers: int | None, workers_off: bool) -> None:
    """Until it is told to stop. Raises InvalidSettings, and whatever keeps the service from opening."""
    given: dict[str, Any] = {"host": host, "port": port, "max_workers": workers}
    settings = dataclasses.replace(load_settings(), **{name: one for name, one in given.items() if one is not None})
    serve(settings, not workers_off)


def serve(settings: Settings, workers: bool = True) -> None:
    """Connections are taken at once: those that come while the rest is imported only wait."""
    from lookhear.cli.heaps import share_heaps
    from lookhear.serve.http.listening import listen

    share_heaps()
    listening = listen(settings.host, settings.port)
    from lookhear.serve.http.app import create_app
    from lookhear.serve.http.logs import configure
    from lookhear.serve.http.server import serve as until_told

    configure("DEBUG" if settings.debug else settings.log_level, settings.log_format)
    app = create_app(_service(settings), workers=workers)
    until_told(app, listening, lambda: print(announced(app, listening, workers), flush=True))


def announced(app: FastAPI, listening: socket, workers: bool) -> str:
    """Where it is, and what is on."""
    settings: Settings = app.state.service.settings
    host, port = listening.getsockname()[:2]
    at = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    jobs = f"{settings.max_workers} workers" if workers else "no workers"
    return f"Lookhear serves {at} ({jobs}; {_tokens(app)}). Ctrl-C stops it."


def _tokens(app: FastAPI) -> str:
    guard = app.state.guard
    if guard.disabled:
        return "no tokens asked for: AUTH_DISABLED"
    where = "everything but health" if guard.everywhere else "jobs"
    return f"tokens for {where}" if guard.has_key else f"no PUBLIC_KEY_PATH, so {where} stay shut: lookhear auth keygen"


def _service(settings: Settings) -> Any:
    return import_module("lookhear.wiring.service").Service(settings)
