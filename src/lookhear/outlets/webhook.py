"""Tells a URL of every job that ends, signed as standardwebhooks.com has it.

Whoever receives one checks it so: join the header ``webhook-id``, the header ``webhook-timestamp`` (s since 1970) and the
body as it came with full stops, take HMAC-SHA256 of that with the secret, and compare its base64, after ``v1,``, with
``webhook-signature``, in constant time. Refuse timestamps more than five minutes off, and ids that were seen before: an
event whose answer got lost is sent again, with the same id. A secret that begins with ``whsec_`` is base64 after it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

import httpx

from lookhear.errors import InvalidSettings, OutletFailed, OutletRefused

_TIMEOUT = 10.0  # s
_REFUSALS = (400, 409, 410, 413, 415, 422)  # of the event itself; others may be the receiver's trouble
_PREFIX = "whsec_"


class Webhook:
    """One event at a time; whoever tells them tries again what could not be told."""

    def __init__(self, url: str, secret: str | None = None) -> None:
        self._url, self._key = url, _key(secret) if secret else None
        self._client = httpx.Client(timeout=_TIMEOUT, follow_redirects=False)

    def send(self, event: str, data: Mapping[str, Any], id: str | None = None) -> None:
        """Told. ``id``: by which it is known, should it be told again.

        Raises OutletFailed for what may go well later, OutletRefused for what would not.
        """
        name = f"msg_{id or uuid.uuid4().hex}"
        told = {"type": event, "timestamp": round(time.time() * 1000), "data": data}
        try:
            body = json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise OutletRefused(f"The webhook cannot be told of {event}: {error}.") from error
        status = self._status(name, body)
        if 200 <= status < 300:
            return
        said = f"The webhook {self._url} did not take event {name}: HTTP {status}."
        raise OutletRefused(said) if status in _REFUSALS else OutletFailed(said)

    def close(self) -> None:
        """No more."""
        self._client.close()

    def _status(self, id: str, body: bytes) -> int:
        try:
            with self._client.stream("POST", self._url, content=body, headers=self._headers(id, body)) as answer:
                return answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:  # the last: it was closed
            why = str(error) or type(error).__name__
            raise OutletFailed(f"The webhook {self._url} cannot be told: {why}. Check WEBHOOK_URL.") from error

    def _headers(self, id: str, body: bytes) -> dict[str, str]:
        timestamp = str(int(time.time()))
        headers = {"Content-Type": "application/json", "webhook-id": id, "webhook-timestamp": timestamp}
        if self._key is not None:
            headers["webhook-signature"] = sign(self._key, id, timestamp, body)
        return headers


def sign(key: bytes, id: str, timestamp: str, body: bytes) -> str:
    """What ``webhook-signature`` says."""
    digest = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise InvalidSettings("WEBHOOK_SECRET begins with whsec_, but what follows is not base64.") from error
