"""How large a body may be that is read as a whole. Uploads stream, and have limits of their own."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookhear.errors import LimitExceeded
from lookhear.serve.http.problems import known

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
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MAX_BODY:
                raise HTTPException(413, _SENTENCE)  # FastAPI lets none but these through while it reads a body
            return message

        await self.app(scope, counted, send)
