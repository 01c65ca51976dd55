"""Messages that ask the analyzer for an analysis, in either of the forms that producers send.

One tells ``analysis_options`` and ``priority``; the other is an event of a file watcher, with ``sha256_hash`` and
``media_metadata``. Only ``file_path`` is required. What is missing is made from the message itself, so that the same
message, delivered twice, has the same ids.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from lookhear.errors import BadMessage

Kind = Literal["audio", "video"]
PRIORITIES = {"low": 2, "normal": 5, "high": 8, "critical": 10}
OPTIONS = (
    "extract_spectral",
    "extract_mir",
    "extract_perceptual",
    "similarity_analysis",
    "quality_assessment",
)  #: all on unless told otherwise
MOST = 1 << 20  #: bytes of a message
_FILMS = frozenset({"mp4", "avi", "mov", "mkv", "webm", "m4v", "mpg", "mpeg", "wmv", "flv", "ts", "3gp", "ogv"})
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Message:
    """What is to be analysed. ``kind``: as far as the message tells; the bytes of the file decide."""

    message_id: str
    media_id: str
    file_path: str
    priority: int = PRIORITIES["normal"]  #: 0..10
    options: frozenset[str] = frozenset(OPTIONS)  #: those that are on
    kind: Kind = "audio"
    metadata: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    sha256: str | None = None  #: of the file, as the producer says
    timestamp: str | None = None


def read(body: bytes, id: str | None = None) -> Message:
    """The message in ``body``; ``id``: its own where the body has none. Raises BadMessage, which says what is wrong."""
    data = _parsed(body)
    path = data.get("file_path")
    if not isinstance(path, str) or not path.strip() or "\0" in path:
        raise BadMessage("The message has no file_path, the one field it needs: a file on this machine, as text.")
    about = _table(data, "media_metadata")
    digest = _text(data, "sha256_hash")
    return Message(
        message_id=_text(data, "message_id") or id or message_id(body),
        media_id=_text(data, "media_id") or digest or str(uuid.uuid5(uuid.NAMESPACE_URL, f"file://{path}")),
        file_path=path,
        priority=_priority(data.get("priority")),
        options=_options(_table(data, "analysis_options")),
        kind=_kind(path, data, about),
        metadata=MappingProxyType({**about, **_table(data, "metadata")}),
        sha256=digest,
        timestamp=_text(data, "timestamp"),
    )


def message_id(body: bytes) -> str:
    """An id for a message that has none: the same for the same bytes."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, body.hex()))


def known_id(body: bytes, id: str | None = None) -> str:
    """The id of a message, as ``read`` has it, even if nothing else of it can be read."""
    try:
        return _text(_parsed(body), "message_id") or id or message_id(body)
    except BadMessage:
        return id or message_id(body)


def _parsed(body: bytes) -> dict[str, Any]:
    if len(body) > MOST:
        raise BadMessage(f"The message has {len(body)} bytes, and {MOST} are the most. Name the file, do not send it.")
    try:
        data = json.loads(body)
        json.dumps(data, ensure_ascii=False).encode()  # halves of characters that are written as \\u can be no path
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"The message is not JSON in UTF-8: {str(error)[:200]}.") from error
    if not isinstance(data, dict):
        raise BadMessage(f"The message must be a JSON object, not {type(data).__name__}.")
    return data


def _text(data: Mapping[str, Any], name: str) -> str | None:
    """Ids may be numbers, too."""
    value = data.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise BadMessage(f"{name} must be text, not {type(value).__name__}.")
    return str(value)


def _table(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadMessage(f"{name} must be an object, not {type(value).__name__}.")
    return value


def _options(given: Mapping[str, Any]) -> frozenset[str]:
    for name in OPTIONS:
        if not isinstance(given.get(name, True), (bool, type(None))):
            raise BadMessage(f"analysis_options.{name} must be true or false.")
    return frozenset(name for name in OPTIONS if given.get(name) is not False)


def _priority(value: Any) -> int:
    if value is None:
        return PRIORITIES["normal"]
    if isinstance(value, str) and value.strip().lower() in PRIORITIES:
        return PRIORITIES[value.strip().lower()]
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not (0 <= number <= 10 and number == int(number)):
        raise BadMessage(f"priority must be {', '.join(PRIORITIES)}, or a whole number from 0 to 10.")
    return int(number)


def _kind(path: str, data: Mapping[str, Any], about: Mapping[str, Any]) -> Kind:
    told = f"{about.get('media_type') or ''} {about.get('mime_type') or ''}".lower()
    if "video" in told or "audio" in told:
        return "video" if "video" in told else "audio"
    ending = str(data.get("file_format") or about.get("extension") or path.rpartition(".")[2])
    return "video" if ending.lower().lstrip(".") in _FILMS else "audio"
