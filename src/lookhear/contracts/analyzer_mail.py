"""A message to the analyzer as it came, in a form that a job can keep until it is answered."""

from __future__ import annotations

import json
import struct
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lookhear.contracts.analyzer_messages import Message, known_id, read

_HEADERS = 16_384  # bytes of headers that are kept; with more they are left out


@dataclass(frozen=True)
class Mail:
    """``message_id``: as the broker knows it."""

    body: bytes
    message_id: str | None = None
    exchange: str = ""
    routing_key: str = ""
    content_type: str | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """By which it is answered."""
        return known_id(self.body, self.message_id)

    def read(self) -> Message:
        """What it asks for. Raises BadMessage."""
        return read(self.body, self.message_id)

    def packed(self) -> dict[str, Any]:
        """As JSON, byte for byte."""
        headers = {name: _plain(value) for name, value in self.headers.items()}
        text = self.body.isascii()
        return {
            ("body" if text else "base64"): (self.body if text else b64encode(self.body)).decode("ascii"),
            "message_id": self.message_id,
            "exchange": self.exchange,
            "routing_key": self.routing_key,
            "content_type": self.content_type,
            "headers": headers if len(json.dumps(headers)) < _HEADERS else {},
        }

    @classmethod
    def of(cls, packed: Mapping[str, Any]) -> Mail:
        """What ``packed`` made."""
        told = dict(packed)
        coded = told.pop("base64", None)
        return cls(**{**told, "body": b64decode(coded) if coded is not None else told["body"].encode("latin-1")})


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, type(None))) or _short(value) else str(value)


def _short(value: Any) -> bool:
    """A number of four bytes, as which fractions are put aside."""
    try:
        return isinstance(value, float) and struct.unpack("f", struct.pack("f", value))[0] == value
    except OverflowError:
        return False
