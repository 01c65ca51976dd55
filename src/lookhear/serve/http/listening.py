"""The socket that the service listens at; no server is imported for it."""

from __future__ import annotations

import errno
import socket

from lookhear.errors import InvalidSettings

BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on; they wait until someone serves. Raises InvalidSettings."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise InvalidSettings(f"HOST={host} is no address of this machine: {error}.") from error
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise InvalidSettings(_why(error, host, port)) from error
    found.setblocking(False)
    return found


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is taken. Choose another with --port or PORT, or stop what listens there."
    if error.errno == errno.EACCES:
        return f"Port {port} takes more rights than this user has. Choose one above 1023 with --port or PORT."
    return f"Nothing can listen at {host}:{port}: {error.strerror}. Check --host and --port."
