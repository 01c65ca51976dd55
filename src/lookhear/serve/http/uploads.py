"""Uploads of any size: the body streams to the spool by way of a thread, and is never held in memory.

A door has ``form`` as a constant or makes it from the settings, documents it by ``body``, and reads by ``read``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
from anyio import to_thread
from fastapi.exceptions import RequestValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from lookhear.serve.http.multipart import Form, Reader, Upload, Uploads, too_large
from lookhear.serve.http.pace import Pace
from lookhear.serve.http.parts import Spool

__all__ = ["Form", "Upload", "Uploads", "body", "is_multipart", "read"]

_RUN = 1 << 19  # bytes that make a trip to a thread worth while


def is_multipart(request: Request) -> bool:
    """Does the body say that it is a form with files?"""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


async def read(request: Request, form: Form, spool: Spool, *, required: bool = True) -> Uploads:
    """What the body holds, on the disk. ``required``: every file of the form must be there.

    Raises LimitExceeded, BadUpload, SlowUpload, Starting; ClientDisconnect; RequestValidationError for a part that is
    missing.
    """
    if not is_multipart(request):
        raise _missing(next(iter(form.files)), ())
    if _length(request) > form.max_body:
        raise too_large(form)
    uploads = await _received(request, form, spool)
    missing = [name for name in form.files if required and name not in uploads.files]
    if missing:
        raise _missing(missing[0], uploads.unknown)
    return uploads


def body(form: Form, fields: Mapping[str, Any] | None = None, json: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """``openapi_extra`` of a door that reads this form. ``fields``: schemas of the others; ``json``: the schema of a
    body that may come instead."""
    one: dict[str, Any] = {"type": "string", "format": "binary"}
    files = {
        name: one if most == 1 else {"type": "array", "items": one, "maxItems": most}
        for name, most in form.files.items()
    }
    properties = {**files, **(fields or {})}
    schema = {"type": "object", "required": list(files), "properties": properties}
    content: dict[str, Any] = {"multipart/form-data": {"schema": schema}}
    if json is not None:
        content["application/json"] = {"schema": json}
    return {"requestBody": {"required": True, "content": content}}


async def _received(request: Request, form: Form, spool: Spool) -> Uploads:
    reader = Reader(request.headers["content-type"], form, spool)
    try:
        waiting: list[bytes] = []
        held, more = 0, True
        with Pace(request.scope, request.receive) as pace:
            while more:
                chunk, more = _piece(await pace.next())
                waiting.append(chunk)
                held += len(chunk)
                if held >= _RUN or (held and not more):
                    await to_thread.run_sync(reader.feed, b"".join(waiting))
                    waiting, held = [], 0
        return reader.finish()
    finally:
        if not reader.ended:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(reader.close)


def _piece(message: Message) -> tuple[bytes, bool]:
    """The bytes, and whether more follow. Raises ClientDisconnect."""
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), message.get("more_body", False)


def _length(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


def _missing(name: str, unknown: tuple[str, ...]) -> RequestValidationError:
    """In the shape that clients know."""
    found = f" What came is named {', '.join(repr(one) for one in unknown[:5])}." if unknown else ""
    sentence = f"Send multipart/form-data with a file as the part '{name}'.{found}"
    return RequestValidationError([{"type": "missing", "loc": ("body", name), "msg": sentence, "input": None}])
