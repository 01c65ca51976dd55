"""HEAD wherever GET is: the same answer, of which the server sends no body."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


def endless(path: str) -> bool:
    """Is it that of a stream?"""
    return path.endswith("/events")


class Heads:
    """To what lies behind it HEAD is GET, but for streams, which have no end."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or endless(scope["path"]):
            return await self.app(scope, receive, send)
        inner = {**scope, "method": "GET"}  # the server looks at its own
        try:
            await self.app(inner, receive, send)
        finally:
            scope["route"] = inner.get("route")
