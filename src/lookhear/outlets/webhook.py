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
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from lookhear.errors import InvalidSettings

_LOG = logging.getLogger(__name__)
_WAITS = (1.0, 5.0, 25.0)  # s before the tries after the first
_TIMEOUT = 10.0  # s
_CAPACITY = 1000
_BUSY = (408, 425, 429)
_PREFIX = "whsec_"


class Webhook:
    """Events wait in a bounded queue for a thread that sends them in order; nothing is ever raised into a job."""

    def __init__(
        self, url: str, secret: str | None = None, *, capacity: int = _CAPACITY, waits: Sequence[float] = _WAITS
    ) -> None:
        self._url, self._key, self._waits, self._capacity = url, _key(secret) if secret else None, waits, capacity
        self._waiting: deque[tuple[str, bytes]] = deque()  #: the first of them is being sent
        self._changed = threading.Condition()
        self._closing = self._given_up = False
        self._client = httpx.Client(timeout=_TIMEOUT, follow_redirects=False)
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self._thread.start()

    def tell(self, event: str, data: Mapping[str, Any], id: str | None = None) -> bool:
        """The event will be sent; False, and a warning, if too many wait already, or it is closed or cannot be written.

        ``id``: by which it is known should another process tell of it, too.
        """
        told = {"type": event, "timestamp": round(time.time() * 1000), "data": data}
        try:
            body = json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            _LOG.warning("The webhook is not told of %s: %s.", event, error)
            return False
        with self._changed:
            room = len(self._waiting) < self._capacity and not self._closing
            if room:
                self._waiting.append((f"msg_{id or uuid.uuid4().hex}", body))
                self._changed.notify_all()
        if not room:
            _LOG.warning("The webhook is not told of %s: it is closed, or %d events wait.", event, len(self._waiting))
        return room

    def close(self, seconds: float = 5.0) -> int:
        """What waits is sent, each tried once more, for so long; how many events were not even tried, or are under way."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(seconds)
        self._given_up = True
        left = len(self._waiting)
        if left:
            _LOG.warning("The webhook was closed with %d events unsent.", left)
        return left

    def _run(self) -> None:
        with self._client:
            while (first := self._first()) is not None:
                try:
                    self._send(*first)
                except Exception as error:  # whatever it is, the next event may get through
                    _LOG.warning("The webhook %s failed: %r.", self._url, error)
                if not self._given_up:
                    self._waiting.popleft()

    def _first(self) -> tuple[str, bytes] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return self._waiting[0] if self._waiting and not self._given_up else None

    def _send(self, id: str, body: bytes) -> None:
        refusal: str | None = None
        for wait in (0.0, *self._waits):
            with self._changed:
                last = self._changed.wait_for(lambda: self._closing, wait)
            again, refusal = self._attempt(id, body)
            if last or not again:
                break
        if refusal is not None:
            _LOG.warning("The webhook %s did not take event %s: %s.", self._url, id, refusal)

    def _attempt(self, id: str, body: bytes) -> tuple[bool, str | None]:
        """Is it worth another try, and why did it fail?"""
        try:
            with self._client.stream("POST", self._url, content=body, headers=self._headers(id, body)) as answer:
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return isinstance(error, httpx.TransportError), str(error) or type(error).__name__
        if 200 <= status < 300:
            return False, None
        return status >= 500 or status in _BUSY, f"HTTP {status}"

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
