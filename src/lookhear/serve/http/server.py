"""Listens, and leaves in good order."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from lookhear.serve.http.listening import BACKLOG
from lookhear.serve.http.running import Running

_KEEP_ALIVE = 75  # s that an idle connection stays; longer than most proxies keep theirs


class Server(uvicorn.Server):
    """Tells the app that it stops before it waits for connections to end, so that those that wait end, too."""

    def __init__(self, app: FastAPI, on_start: Callable[[], None] = lambda: None) -> None:
        settings = app.state.service.settings
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="on",
                backlog=BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=max(1, round(settings.shutdown_seconds)),
            )
        )
        self._running: Running = app.state.running
        self._running.on_failure = self.leave
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """From here on signals are heard."""
        await super().startup(sockets)
        self._on_start()

    def leave(self) -> None:
        """Stop serving soon."""
        self.should_exit = True
        self._running.stop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal asks, a second insists. Being told to stop is no failure: the signal is not raised again."""
        if self.should_exit:
            self.force_exit = True
        self.leave()


def serve(app: FastAPI, listening: socket.socket, on_start: Callable[[], None] = lambda: None) -> None:
    """Until a signal comes. Raises what kept the service from opening."""
    Server(app, on_start).run(sockets=[listening])
    failure: Exception | None = app.state.running.failure
    if failure is not None:
        raise failure
