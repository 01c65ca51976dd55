"""Listens, and leaves in good order."""

from __future__ import annotations

import errno
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI

from lookhear.errors import InvalidSettings
from lookhear.serve.http.running import Running

_BACKLOG = 2048
_KEEP_ALIVE = 75  # s that an idle connection stays; longer than most proxies keep theirs


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on; they wait until someone serves. Raises InvalidSettings."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=_PASSIVE)[0]
        found = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise InvalidSettings(f"HOST={host} is no address of this machine: {error}.") from error
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        raise InvalidSettings(_why(error, host, port)) from error
    found.setblocking(False)
    return found


class Server(uvicorn.Server):
    """Tells the app that it stops before it waits for connections to end, so that those that wait end, too."""

    def __init__(self, app: FastAPI) -> None:
        settings = app.state.service.settings
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="on",
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=max(1, round(settings.shutdown_seconds)),
            )
        )
        self._running: Running = app.state.running
        self._running.on_failure = self.leave

    def leave(self) -> None:
        """Stop serving soon."""
        self.should_exit = True
        self._running.stop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal asks, a second insists. Being told to stop is no failure: the signal is not raised again."""
        if self.should_exit:
            self.force_exit = True
        self.leave()


def serve(app: FastAPI, listening: socket.socket) -> None:
    """Until a signal comes. Raises what kept the service from opening."""
    Server(app).run(sockets=[listening])
    failure: Exception | None = app.state.running.failure
    if failure is not None:
        raise failure


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is taken. Choose another with --port or PORT, or stop what listens there."
    if error.errno == errno.EACCES:
        return f"Port {port} takes more rights than this user has. Choose one above 1023 with --port or PORT."
    return f"Nothing can listen at {host}:{port}: {error.strerror}. Check --host and --port."


_PASSIVE = socket.AI_PASSIVE
