"""Around every request: its id, one log line, figures; and nothing that goes wrong inside gets past it."""

from __future__ import annotations

import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookhear.serve.http.ids import HEADER, REQUEST_ID, request_id
from lookhear.serve.http.metrics import Metrics
from lookhear.serve.http.problems import unexpected
from lookhear.serve.http.running import HEALTH

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_UNTOLD = HEALTH | {"/metrics"}  # asked every few seconds for ever
_log = logging.getLogger("lookhear.requests")


class Journal:
    """The outermost: tells of the request after its last byte."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        own = request_id(Headers(scope=scope).getlist(HEADER))
        REQUEST_ID.set(own)  # each request is a task with a context of its own
        started, status = time.perf_counter(), 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = own
            await send(message)

        try:
            with self.metrics.in_flight.track_inprogress():
                await self.app(scope, receive, told)
        finally:
            self._tell(scope, status, time.perf_counter() - started)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = getattr(scope.get("route"), "path", "unmatched")
        self.metrics.requests.labels(method, route, status).inc()
        self.metrics.seconds.labels(method, route).observe(seconds)
        level = logging.DEBUG if scope["path"] in _UNTOLD and status < 500 else logging.INFO
        if not _log.isEnabledFor(level):
            return
        facts = {
            "duration_ms": round(seconds * 1000, 3),
            "method": scope["method"],
            "path": scope["path"],
            "route": route,
            "status": status,
            "client": (scope.get("client") or ("",))[0],
        }
        _log.log(level, "%s %s %d", scope["method"], scope["path"], status, extra=facts)


class Net:
    """Catches bugs: the answer is a problem, and the log has the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception as error:
            if begun:
                raise  # the server logs it, and cuts the connection so that nobody takes a half for the whole
            await unexpected(scope, error)(scope, receive, send)
