"""How large a body may be that is read as a whole, and how slow. Uploads stream, and have limits of their own."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookhear.errors import LimitExceeded, SlowUpload, Starting
from lookhear.serve.http.pace import Pace
from lookhear.serve.http.problems import Through, known

MAX_BODY = 1 << 20  # bytes
_SENTENCE = (
    f"The body is larger than the {MAX_BODY} bytes that one without files may have. Send files as multipart/form-data."
)


class BodyLimit:
    """For every body but multipart."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        if headers.get("content-type", "").lower().startswith("multipart/form-data"):
            return await self.app(scope, receive, send)
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > MAX_BODY:
            return await known(scope, LimitExceeded(_SENTENCE))(scope, receive, send)
        with Pace(scope, receive) as pace:
            await self.app(scope, _bounded(pace, receive), send)


def _bounded(pace: Pace, receive: Receive) -> Receive:
    """Until the body is there it is counted and timed; what comes after it takes as long as it takes."""
    taken, over = 0, False

    async def bounded() -> Message:
        nonlocal taken, over
        if over:
            return await receive()
        try:
            message = await pace.next()
        except (SlowUpload, Starting) as error:
            raise Through(error) from error
        over = not message.get("more_body", False)
        taken += len(message.get("body", b""))
        if taken > MAX_BODY:
            raise Through(LimitExceeded(_SENTENCE))
        return message

    return bounded
