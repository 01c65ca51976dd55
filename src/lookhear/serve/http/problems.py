"""Every failure becomes a problem (RFC 9457) with a sentence that says what to do; by class, in one place.

A failed validation keeps the shape that FastAPI gives it, since clients read that.
"""

from __future__ import annotations

import json
import logging
import math
import traceback
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from lookhear.errors import LookhearError, NotAllowed, ServiceBusy, SlowUpload, TokenRefused
from lookhear.serve.http.heads import endless
from lookhear.serve.http.ids import REQUEST_ID

MEDIA_TYPE = "application/problem+json"
CLIENT_GONE = 499  # as nginx has it; nobody gets to see it
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "limit_exceeded", 400: "bad_request"}
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_RETRY_AFTER = 5  # s
_log = logging.getLogger(__name__)


class Recast(Exception):
    """``error``, answered with the status that a contract wants."""

    def __init__(self, error: LookhearError, status: int) -> None:
        super().__init__(error.message)
        self.error = error
        self.status = status


class Through(HTTPException):
    """``error``, out of the reading of a body, where FastAPI lets none but its own kind through."""

    def __init__(self, error: LookhearError) -> None:
        super().__init__(error.http_status, error.message)
        self.error = error


def install(app: FastAPI) -> None:
    """Let ``app`` answer all its failures this way."""
    app.add_exception_handler(LookhearError, _known)
    app.add_exception_handler(Recast, _known)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ClientDisconnect, _gone)


def problem(scope: Scope, status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A problem about the request of ``scope``."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Failed",
        "status": status,
        "detail": detail,
        "code": code,
        "instance": scope.get("path", ""),
        "request_id": REQUEST_ID.get(),
    }
    return Response(_dumped(content), status, headers, MEDIA_TYPE)


def known(scope: Scope, error: LookhearError, status: int | None = None) -> Response:
    """The problem that ``error`` is."""
    status = status or error.http_status
    app = scope.get("app")
    if app is not None:
        app.state.metrics.errors.labels(error.code).inc()
        if app.state.service.settings.debug:
            cause = f" [{_cause(error)}]" if error.__cause__ is not None else ""
            return problem(scope, status, error.code, error.message + cause, _headers(error, status))
    if error.told:
        _log.warning("%s", error.message)
    return problem(scope, status, error.code, error.told or error.message, _headers(error, status))


def unexpected(scope: Scope, error: Exception) -> Response:
    """The problem for a bug; it is logged with its traceback."""
    _log.error("A request met a bug: %s", type(error).__name__, exc_info=error)
    detail = "Something went wrong inside. The log has the details under this request_id; please report it."
    app = scope.get("app")
    if app is not None:
        app.state.metrics.errors.labels("internal_error").inc()
        if app.state.service.settings.debug:
            detail = "".join(traceback.format_exception(error))
    return problem(scope, 500, "internal_error", detail)


def _cause(error: LookhearError) -> str:
    return f"{type(error.__cause__).__name__}: {error.__cause__}"


def _headers(error: LookhearError, status: int) -> dict[str, str]:
    if isinstance(error, TokenRefused):
        reason = f', error="{error.reason}", error_description="{_quoted(error.message)}"' if error.reason else ""
        return {"WWW-Authenticate": f'Bearer realm="lookhear"{reason}'}
    if isinstance(error, NotAllowed):
        wanted = f', scope="{error.permission}"' if error.permission else ""
        return {"WWW-Authenticate": f'Bearer realm="lookhear", error="insufficient_scope"{wanted}'}
    if isinstance(error, SlowUpload):
        return {"Connection": "close"}  # else the server waits for the rest
    if status == 429 or (status == 503 and error.retryable):
        return {"Retry-After": str(error.retry_after if isinstance(error, ServiceBusy) else _RETRY_AFTER)}
    return {}


def _quoted(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace("\\", "").replace('"', "'")


async def _known(request: Request, error: Exception) -> Response:
    if isinstance(error, Recast):
        return known(request.scope, error.error, error.status)
    assert isinstance(error, LookhearError)
    return known(request.scope, error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error, Through):
        return known(request.scope, error.error)
    status, headers = error.status_code, dict(error.headers or {})
    if status == 405:
        headers["Allow"] = ", ".join(allowed(request))
    if status < 200 or status in (204, 304):
        return Response(status_code=status, headers=headers)
    detail = str(error.detail)
    if status in HTTPStatus._value2member_map_ and detail == HTTPStatus(status).phrase:
        detail = _sentence(request, status, detail, headers)
    return problem(request.scope, status, _CODES.get(status, "error"), detail, headers)


def _sentence(request: Request, status: int, phrase: str, headers: dict[str, str]) -> str:
    if status == 404:
        return f"There is nothing at {request.url.path}. GET / says what there is."
    if status == 405:
        return f"{request.method} is not possible at {request.url.path}; it takes {headers.get('Allow', 'others')}."
    return f"{phrase}."


def allowed(request: Request) -> list[str]:
    """Methods of all doors at its path."""

    def taken(method: str) -> bool:
        scope = {**request.scope, "method": method}  # routes write into it
        return any(one.matches(scope)[0] is Match.FULL for one in request.app.routes)

    methods = set(filter(taken, _METHODS))
    return sorted(methods | ({"HEAD"} if "GET" in methods and not endless(request.url.path) else set()))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    request.app.state.metrics.errors.labels("invalid_request").inc()
    try:
        told = _dumped({"detail": _shown(error.errors())})
    except RecursionError:  # what came in is told, too, unless it is nested too deeply
        told = _dumped({"detail": [{name: one[name] for name in ("type", "loc", "msg")} for one in error.errors()]})
    return Response(told, 422, media_type="application/json")


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)


def _shown(errors: Any) -> Any:
    return jsonable_encoder(errors, custom_encoder={bytes: lambda raw: raw.decode("utf-8", "replace")})


def _dumped(content: Any) -> bytes:
    """JSON in ASCII: half of a surrogate pair, or a number that is none, came in with the request."""
    return json.dumps(_finite(content), separators=(",", ":")).encode("ascii")


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    return str(content) if isinstance(content, float) and not math.isfinite(content) else content
