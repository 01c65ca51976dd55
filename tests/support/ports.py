"""Ports for servers that are stopped and started again at the same one; whoever needs one only once asks for port 0."""

from __future__ import annotations

import os
import secrets
import socket

_FIRST, _EACH = 20_000, 700  # below those that the kernel gives away, so that nobody gets one while its server is down


def free_port() -> int:
    """Nobody listens there, and no other process of this run of the tests is given it."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 16
    while True:
        port = _FIRST + worker * _EACH + secrets.randbelow(_EACH)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
