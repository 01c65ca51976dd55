"""The OpenAPI schema, completed by what every door may answer: problems, and those that come with a kind of body."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from lookhear.serve.http.problems import MEDIA_TYPE

_NAME = "Problem"
_PROBLEM: dict[str, Any] = {
    "title": _NAME,
    "description": "RFC 9457; `detail` says what to do, `code` is for machines, and the log knows the `request_id`.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "instance", "request_id"],
    "properties": {
        "status": {"type": "integer"},
        **{name: {"type": "string"} for name in ("type", "title", "detail", "code", "instance", "request_id")},
    },
}
_LIST = {"$ref": "#/components/schemas/HTTPValidationError"}
_ANY = {"503": "The service is starting, stops, or takes no more now; Retry-After says when to come again."}
_BODY = {
    "408": "The body came too slowly.",
    "413": "The body is over a limit.",
    "422": "Something is missing, or of a wrong value.",
}
_UPLOAD = {**_BODY, "400": "The body is no multipart/form-data, or breaks off."}
_METHODS = {"get", "post", "put", "patch", "delete"}


class App(FastAPI):
    """One whose schema tells of problems."""

    def openapi(self) -> dict[str, Any]:
        """Made once."""
        if self.openapi_schema is None:
            _complete(super().openapi())
        return super().openapi()


def _complete(schema: dict[str, Any]) -> None:
    schema.setdefault("components", {}).setdefault("schemas", {})[_NAME] = _PROBLEM
    for path in schema["paths"].values():
        for method, operation in path.items():
            if method in _METHODS:
                _add(operation, "HTTPValidationError" in schema["components"]["schemas"])


def _add(operation: dict[str, Any], listed: bool) -> None:
    answers = operation["responses"]
    for status, about in _general(operation).items():
        answers.setdefault(status, {"description": about})
    for status, answer in answers.items():
        if status.isdigit() and int(status) >= 400:
            answer.setdefault("content", {})[MEDIA_TYPE] = {"schema": {"$ref": f"#/components/schemas/{_NAME}"}}
    if "422" in answers and listed:
        answers["422"]["content"].setdefault("application/json", {"schema": _LIST})


def _general(operation: dict[str, Any]) -> dict[str, str]:
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return _ANY
    return {**_ANY, **(_UPLOAD if "multipart/form-data" in content else _BODY)}
