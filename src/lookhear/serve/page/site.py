"""Serves the page at /ui/. What may be asked for is a table of names: no path is ever made from a request."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.responses import RedirectResponse

from lookhear.serve.page import PREFIX
from lookhear.tasks.catalogue import PAGE

router = APIRouter(prefix=PREFIX, include_in_schema=False)

_HERE, _REPORTS = "lookhear.serve.page", "lookhear.page"
_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
}
_SCRIPTS: Final = (
    "page",
    "api",
    "dom",
    "live",
    "row",
    "report",
    "list",
    "uploads",
    "tasks",
    "search",
    "status",
    "token",
    "view",  # of the frame
)
#: By the name asked for: the package and the file.
FILES: Final[dict[str, tuple[str, str]]] = {
    "look.css": (_REPORTS, "page.css"),  # the look of reports is the look of the page
    "index.html": (_HERE, "index.html"),
    "view.html": (_HERE, "view.html"),
    "page.css": (_HERE, "page.css"),
    "icon.svg": (_HERE, "icon.svg"),
    **{name: (_HERE, name) for name in (f"{stem}.js" for stem in _SCRIPTS)},
}
USUAL: Final = "usual.json"  #: what to ask for, so that a report can be drawn in full
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: A report brings its style and script along. It is shown in a frame without an origin: out of reach of the page, its
#: token and the service.
_FRAME_POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)


@dataclass(frozen=True)
class _File:
    content: bytes
    headers: dict[str, str]


@cache
def _file(name: str) -> _File:
    content = _content(name)
    return _File(
        content,
        {
            "Content-Type": _TYPES[name.rpartition(".")[2]],
            "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
            "Cache-Control": "no-cache",  # keep it, but ask whether it is still the same
            "Content-Security-Policy": _FRAME_POLICY if name == "view.html" else _POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        },
    )


def _content(name: str) -> bytes:
    if name == USUAL:
        from lookhear.page import OPTIONS  # takes half a second to import, and the service is to start at once

        return json.dumps({"tasks": [PAGE], "options": OPTIONS}).encode()
    package, file = FILES[name]
    return (files(package) / file).read_bytes()


def _matches(asked: str, tag: str) -> bool:
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in asked.split(","))


@router.get("")
async def without_slash(request: Request) -> Response:
    """The page's own links are relative, so it takes the slash."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}{PREFIX}/", 308)


@router.api_route("/", methods=["GET", "HEAD"], name="page")
async def index(request: Request) -> Response:
    """The page."""
    return await named(request, "index.html")


@router.api_route("/{name}", methods=["GET", "HEAD"])
async def named(request: Request, name: str) -> Response:
    """One of its files."""
    if name not in FILES and name != USUAL:
        raise HTTPException(404)
    file = _file(name)
    if _matches(request.headers.get("if-none-match", ""), file.headers["ETag"]):
        return Response(status_code=304, headers=file.headers)
    return Response(file.content, headers=file.headers)
