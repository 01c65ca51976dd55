"""Log lines as JSON or text, one per event, whoever writes them: ours, the server's, a library's.

Fields: ``timestamp`` (ISO 8601, UTC), ``level``, ``message``, ``request_id`` inside a request, and what came as ``extra``.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from lookhear.serve.http.ids import REQUEST_ID

_FIRST = ("timestamp", "level", "message", "duration_ms", "request_id")
_DROPPED = ("color_message",)
_QUIET = {"uvicorn": logging.WARNING, "python_multipart": logging.ERROR, "alembic": logging.WARNING}


def configure(level: str = "INFO", form: str = "json", stream: TextIO | None = None) -> None:
    """Everything that is logged in this process goes to ``stream`` (standard error) in this form, and nowhere else."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter(form))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, logging.getLevelName(level)))
    logging.captureWarnings(True)


def formatter(form: str = "json") -> logging.Formatter:
    """What turns records into lines."""
    before: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        _in_request,
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("message"),
        _in_order,
    ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before, processors=[_cleared, _as_json if form == "json" else _as_text]
    )


def _in_request(_: Any, __: str, event: EventDict) -> EventDict:
    current = REQUEST_ID.get()
    if current is not None:
        event.setdefault("request_id", current)
    return event


def _in_order(_: Any, __: str, event: EventDict) -> EventDict:
    first = {key: event[key] for key in _FIRST if key in event}
    return {**first, **{key: value for key, value in event.items() if key not in first}}


def _cleared(_: Any, __: str, event: EventDict) -> EventDict:
    """Without what libraries add to every record for themselves."""
    return {key: value for key, value in event.items() if key not in _DROPPED and not key.startswith("_")}


def _as_json(_: Any, __: str, event: EventDict) -> str:
    return json.dumps(event, default=repr, separators=(",", ":"))


def _as_text(_: Any, __: str, event: EventDict) -> str:
    """One line; an exception's traceback follows below."""
    trace = event.pop("exception", None)
    facts = " ".join(f"{key}={_bare(value)}" for key, value in event.items() if key not in _FIRST[:3])
    line = f"{event['timestamp']} {event['level']:<7} {_bare(event['message'], spaces=True)} {facts}".rstrip()
    return f"{line}\n{trace}" if trace else line


def _bare(value: Any, spaces: bool = False) -> str:
    """As it is, unless it could be taken for more than one word or line."""
    text = str(value)
    plain = text.isprintable() and (spaces or (" " not in text and text != ""))
    return text if plain else json.dumps(text)
