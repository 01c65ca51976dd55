"""Where media come from by id, and where results of jobs go."""

from __future__ import annotations

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import httpx

from lookhear.errors import (
    InvalidId,
    LimitExceeded,
    MediaStoreUnavailable,
    MediumNotFound,
    OutletRefused,
)
from lookhear.models.disk import megabytes
from lookhear.outlets.settings import OutletSettings

_BUSY = (408, 425, 429)
_WAITS = (0.5, 2.0)  # s before the second and the third try
_SLOWEST = 16_384  # bytes/s on average, once the timeout is over: who is slower holds a worker for hours
_MOST_ID = 512
_SAID = 300  # bytes of a refusal that are told


_T = TypeVar("_T")


class Sink(Protocol):
    """What takes bytes: a file, a spool."""

    def write(self, data: bytes, /) -> Any:
        """All of them."""


class MediaStore(ABC):
    """Safe for threads."""

    @abstractmethod
    def fetch(self, media_id: str, to: Sink, limit: int) -> int:
        """The medium's bytes are in ``to``; how many.

        Raises MediumNotFound, LimitExceeded (more than ``limit``), InvalidId, MediaStoreUnavailable, OutletRefused.
        """

    @abstractmethod
    def deliver(self, media_id: str, job_id: str, result: Mapping[str, Any], crops: Sequence[bytes] = ()) -> None:
        """The result of a job and the JPEGs of faces are there, once even if this is called again. Raises as ``fetch``."""

    @abstractmethod
    def close(self) -> None:
        """Connections are closed."""


class MediaStoreClient(MediaStore):
    """A media store over HTTP: three tries each, with growing waits in between."""

    def __init__(
        self, settings: OutletSettings, waits: Sequence[float] = _WAITS, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        url = (settings.media_store_url or "").rstrip("/")
        token = {"Authorization": f"Bearer {settings.media_store_token}"} if settings.media_store_token else {}
        self._url, self._settings, self._waits, self._sleep = url, settings, waits, sleep
        self._client = httpx.Client(
            timeout=settings.media_store_timeout,
            headers={"Accept-Encoding": "identity", **token},
            follow_redirects=False,
        )

    def fetch(self, media_id: str, to: Sink, limit: int) -> int:
        url = self._at(self._settings.media_store_file_path, media_id)
        return self._tried(_Fetching(self, media_id, url, to, limit).attempt)

    def deliver(self, media_id: str, job_id: str, result: Mapping[str, Any], crops: Sequence[bytes] = ()) -> None:
        url = self._at(self._settings.media_store_result_path, media_id)
        text = json.dumps({"job_id": job_id, **result}, ensure_ascii=False, allow_nan=False)
        parts = [("result", ("result.json", text.encode(), "application/json"))]
        parts += [("faces", (f"{index}.jpg", crop, "image/jpeg")) for index, crop in enumerate(crops)]

        def attempt() -> None:
            with (
                self._telling(),
                self._client.stream("POST", url, files=parts, headers={"Idempotency-Key": job_id}) as answer,
            ):
                self.check(answer, media_id)

        self._tried(attempt)

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def reading(self, url: str) -> Iterator[httpx.Response]:
        """An answer whose body is yet to be read."""
        with self._telling(), self._client.stream("GET", url) as answer:
            yield answer

    @property
    def timeout(self) -> float:
        """s."""
        return self._settings.media_store_timeout

    def check(self, answer: httpx.Response, media_id: str) -> None:
        """Raises what a status stands for."""
        status = answer.status_code
        if 200 <= status < 300:
            return
        if status in (404, 410):
            raise MediumNotFound(f"The media store has no medium '{media_id}' (HTTP {status}).")
        said = f"HTTP {status}{_said(answer)}"
        if status >= 500 or status in _BUSY:
            raise MediaStoreUnavailable(f"The media store at {self._url} fails: {said}. It is tried again later.")
        cure = (
            "Check MEDIA_STORE_TOKEN." if status in (401, 403) else "Check MEDIA_STORE_URL and the paths set beside it."
        )
        raise OutletRefused(f"The media store at {self._url} refuses: {said}. {cure}")

    def _at(self, path: str, media_id: str) -> str:
        if not self._url:
            raise OutletRefused(
                "There is no media store. Set MEDIA_STORE_URL, or MEDIA_STORE_STUB=true to use a folder."
            )
        return self._url + path.replace("{id}", quote(check_media_id(media_id), safe=""))

    def _tried(self, attempt: Callable[[], _T]) -> _T:
        for wait in self._waits:
            try:
                return attempt()
            except MediaStoreUnavailable:
                self._sleep(wait)
        return attempt()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise MediaStoreUnavailable(
                f"The media store at {self._url} did not answer within {self.timeout:g} s. It is tried again later; "
                "MEDIA_STORE_TIMEOUT says how long to wait."
            ) from error
        except httpx.TransportError as error:
            raise MediaStoreUnavailable(
                f"The media store at {self._url} cannot be reached: {error or type(error).__name__}. It is tried again "
                "later; check MEDIA_STORE_URL."
            ) from error
        except (httpx.InvalidURL, httpx.HTTPError, UnicodeEncodeError) as error:
            raise OutletRefused(f"MEDIA_STORE_URL or its token cannot be used: {error}.") from error


class _Fetching:
    """One medium over several tries. What a broken try has handed on stays, and the next must begin with the same bytes."""

    def __init__(self, store: MediaStoreClient, media_id: str, url: str, to: Sink, limit: int) -> None:
        self._store, self._id, self._url, self._to, self._limit = store, media_id, url, to, limit
        self._done, self._hash = 0, hashlib.sha256()

    def attempt(self) -> int:
        """How many bytes there are."""
        started, seen, again = time.monotonic(), 0, hashlib.sha256()
        with self._store.reading(self._url) as answer:
            self._store.check(answer, self._id)
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise OutletRefused("The media store sends media packed, though asked not to. Switch that off there.")
            self._within(int(answer.headers.get("Content-Length") or 0))
            before = self._done
            for run in answer.iter_raw():  # as they come: gathering them would wait for one who drips
                self._in_time(started, seen)
                known = run[: max(0, before - seen)]
                again.update(known)
                seen += len(run)
                self._within(seen)
                if seen >= before and known:
                    self._same(again)
                self._hand_on(run[len(known) :])
        if seen < before:
            self._changed()
        return self._done

    def _hand_on(self, run: bytes) -> None:
        if run:
            self._to.write(run)
            self._hash.update(run)
            self._done += len(run)

    def _same(self, again: Any) -> None:
        if again.digest() != self._hash.digest():
            self._changed()

    def _changed(self) -> None:
        raise MediaStoreUnavailable(f"The medium '{self._id}' was changed while it was read. It is tried again later.")

    def _within(self, size: int) -> None:
        if size > self._limit:
            raise LimitExceeded(f"The medium '{self._id}' is over the limit of {megabytes(self._limit)}.")

    def _in_time(self, started: float, seen: int) -> None:
        late = time.monotonic() - started - self._store.timeout
        if late > 0 and seen < late * _SLOWEST:
            raise MediaStoreUnavailable(f"The media store sends '{self._id}' too slowly: {seen} bytes so far.")


def check_media_id(media_id: str) -> str:
    """An id that stands for one medium wherever it is quoted. Raises InvalidId."""
    odd = not media_id or len(media_id) > _MOST_ID or media_id in (".", "..") or not media_id.isprintable()
    if odd:
        raise InvalidId(f"{media_id[:80]!r} cannot be the id of a medium.")
    return media_id


def _said(answer: httpx.Response) -> str:
    """The beginning of a refusal; its body may have no end."""
    run = next(answer.iter_raw(), b"") if answer.headers.get("Content-Encoding", "") in ("", "identity") else b""
    text = " ".join(run[:_SAID].decode("utf-8", "replace").split())
    return f" ({text})" if text else ""
