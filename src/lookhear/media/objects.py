"""Objects in S3, and in what speaks like it: each as a stream of bytes, a prefix as a stream of names.

Credentials, region and endpoint are those that every program takes: AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_ENDPOINT_URL and
the like; without any, requests are not signed, as public buckets have it. The part of a URL after the bucket is the key
as it is, nothing in it is escaped.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import util
from typing import IO, Any

from lookhear.errors import (
    InputError,
    LimitExceeded,
    LookhearError,
    MediumNotFound,
    MediumUnreadable,
    NotAMedium,
    ObjectsUnreachable,
    SourceRefused,
    Unsupported,
)
from lookhear.media.limits import Limits

EVERY = "s3://"  #: as the prefixes that may be named: all
_RUN = 1 << 20  # bytes
_DENIED = {"AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "AllAccessDisabled"}
_GONE = {"NoSuchKey", "404", "NotFound"}
_BUSY = {"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "503"}


@dataclass(frozen=True)
class Listed:
    """One object below a prefix. ``version`` changes when its bytes do."""

    url: str
    size: int
    version: str


def is_object(text: str) -> bool:
    """Does it name an object, or a prefix of them?"""
    return text[: len(EVERY)].lower() == EVERY


def parts(url: str) -> tuple[str, str]:
    """Bucket and key. Raises InputError."""
    bucket, _, key = url[len(EVERY) :].partition("/")
    if not bucket:
        raise InputError(f"'{url}' names no bucket. Write it as s3://bucket/key.")
    return bucket, key


def check_allowed(url: str, limits: Limits) -> None:
    """Raises SourceRefused for what does not lie below one of the OBJECT_PREFIXES."""
    allowed = [one.strip() for one in limits.object_prefixes.split(",") if one.strip()]
    if EVERY in allowed:
        return
    bucket, key = parts(url)
    plain = f"{EVERY}{bucket}/{key}"
    below = any(plain.startswith(prefix.rstrip("/") + "/") for prefix in allowed if is_object(prefix))
    if not below or {".", ".."} & set(key.split("/")):
        raise SourceRefused("It lies below none of the OBJECT_PREFIXES. Add its prefix there if it may be read.")


class Body:
    """What the store sends of one object; an end before the promised length is no end."""

    def __init__(self, url: str, answer: Any) -> None:
        self._url, self._body = url, answer["Body"]
        self.size: int = answer["ContentLength"]

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes. Raises ObjectsUnreachable when the connection broke off."""
        with _told(self._url):
            data: bytes = self._body.read(None if size < 0 else size)
            return data

    def close(self) -> None:
        """Hang up."""
        self._body.close()


def open_object(url: str, limits: Limits) -> Body:
    """The bytes of ``url``.

    Raises SourceRefused, MediumNotFound (no such object or bucket), MediumUnreadable (denied), ObjectsUnreachable,
    NotAMedium (a prefix), LimitExceeded, and Unsupported without boto3.
    """
    check_allowed(url, limits)
    bucket, key = parts(url)
    if not key or key.endswith("/"):
        next(listing(url), None)  # says what is wrong with it
        raise NotAMedium("It is no object but a prefix whose listing broke off, or with nothing below it. Run again.")
    with _told(url):
        body = Body(url, client().get_object(Bucket=bucket, Key=key))
    if body.size > limits.max_media_bytes:
        body.close()
        raise LimitExceeded(
            f"It holds {body.size} bytes, more than the {limits.max_media_bytes} allowed. "
            "Raise MAX_MEDIA_BYTES if that is meant to be."
        )
    return body


def fetch(url: str, limits: Limits) -> tuple[IO[bytes], int]:
    """The object as a file without a name, which is gone when it is closed, be it by a kill; and its size.

    Raises as ``open_object`` does, and MediumUnreadable where the disk is full.
    """
    with closing(open_object(url, limits)) as body, ExitStack() as undo:
        try:
            file = undo.enter_context(tempfile.TemporaryFile(prefix="lookhear-"))
            while data := body.read(_RUN):
                file.write(data)
            file.seek(0)
        except OSError as error:
            place = tempfile.gettempdir()
            raise MediumUnreadable(f"It does not fit into {place} ({error.strerror}). Set TMPDIR.") from error
        undo.pop_all()
        return file, body.size


def listing(url: str) -> Iterator[Listed]:
    """Objects below a prefix that are not hidden, in the order of their names, a page at a time.

    Raises what ``open_object`` does of the bucket.
    """
    bucket, key = parts(url)
    prefix = key if not key or key.endswith("/") else key + "/"
    with _told(url):
        for page in client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for one in page.get("Contents", ()):
                below = one["Key"][len(prefix) :]
                if below and not below.endswith("/") and not any(part.startswith(".") for part in below.split("/")):
                    yield Listed(f"{EVERY}{bucket}/{one['Key']}", one["Size"], one["ETag"].strip('"'))


def named(url: str) -> Iterator[Listed]:
    """The object of that name, or all below it as a prefix. What cannot be listed is named itself, to be told of later."""
    bucket, key = parts(url)
    if key and not key.endswith("/"):
        try:
            with _told(url):
                facts = client().head_object(Bucket=bucket, Key=key)
            yield Listed(url, facts["ContentLength"], facts["ETag"].strip('"'))
            return
        except MediumNotFound:
            pass
        except InputError:
            yield Listed(url, 0, "")
            return
    found = False
    with suppress(InputError):
        for one in listing(url):
            found = True
            yield one
        if found:
            return
    yield Listed(url, 0, "")


def put(url: str, data: bytes) -> None:
    """Keep an object, whole at once. Raises as ``open_object`` does."""
    bucket, key = parts(url)
    with _told(url):
        client().put_object(Bucket=bucket, Key=key, Body=data)


def remove(url: str) -> None:
    """An object is gone. Raises as ``open_object`` does."""
    bucket, key = parts(url)
    with _told(url):
        client().delete_object(Bucket=bucket, Key=key)


class Ranged(io.RawIOBase):
    """An object as a file that is read a range at a time."""

    def __init__(self, url: str, size: int) -> None:
        self._url, self._size, self._at = url, size, 0

    @classmethod
    def find(cls, url: str) -> Ranged | None:
        """None: there is no such object. Raises as ``open_object`` does."""
        bucket, key = parts(url)
        try:
            with _told(url):
                return cls(url, client().head_object(Bucket=bucket, Key=key)["ContentLength"])
        except MediumNotFound:
            return None

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """As io.IOBase.seek."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        """As io.IOBase.tell."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """As io.RawIOBase.readinto."""
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        bucket, key = parts(self._url)
        with _told(self._url):
            answer = client().get_object(Bucket=bucket, Key=key, Range=f"bytes={self._at}-{end - 1}")
            data: bytes = answer["Body"].read()
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def client() -> Any:
    """Speaks to the store; made once, any thread may call it. Raises Unsupported without boto3."""
    return _client(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"))


@lru_cache(maxsize=4)
def _client(endpoint: str | None) -> Any:
    if util.find_spec("boto3") is None:
        raise Unsupported("Objects in S3 take boto3. Install it with: pip install 'lookhear[s3]'.")
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    session = boto3.session.Session()
    config = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 4},
        request_checksum_calculation="when_required",  # not every store knows the newer sums
        response_checksum_validation="when_required",
        signature_version=None if session.get_credentials() else UNSIGNED,
    )
    return session.client("s3", endpoint_url=endpoint, region_name=session.region_name or "us-east-1", config=config)


@contextmanager
def _told(url: str) -> Iterator[None]:
    """What the store says, as an error of ours."""
    try:
        yield
    except LookhearError:
        raise
    except Exception as error:
        raise _ours(url, error) from error


def _ours(url: str, error: Exception) -> LookhearError:
    from botocore.exceptions import ClientError, ParamValidationError

    if isinstance(error, ParamValidationError):
        return InputError(f"'{url}' can be no object: {str(error).splitlines()[-1].strip()}. Write s3://bucket/key.")
    if not isinstance(error, ClientError):
        return ObjectsUnreachable(
            f"The object store does not answer as it should ({type(error).__name__}). "
            "Check AWS_ENDPOINT_URL and the network, and run again."
        )
    said = error.response.get("Error", {})
    code, bucket = str(said.get("Code", "")), parts(url)[0]
    if code == "NoSuchBucket":
        return MediumNotFound(f"There is no bucket '{bucket}'. Check its name and AWS_ENDPOINT_URL.")
    if code in _GONE:
        return MediumNotFound("There is no such object. Check its name; it may have been deleted meanwhile.")
    if code in _DENIED:
        return MediumUnreadable(f"The object store denies it ({code}). Check credentials and permissions.")
    kind = ObjectsUnreachable if code in _BUSY else MediumUnreadable
    return kind(f"The object store answers {code}: {said.get('Message', 'no more is said')}. Run again later.")
