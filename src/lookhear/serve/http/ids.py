"""Ids of requests: taken from who asks if they are harmless, else made; in every answer and log line."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

HEADER = "X-Request-ID"
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
_HARMLESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")


def request_id(given: list[str]) -> str:
    """The one that came with the request, if it is the only one and fit for a log; else a new one."""
    if len(given) == 1 and _HARMLESS.fullmatch(given[0]):
        return given[0]
    return uuid.uuid4().hex
