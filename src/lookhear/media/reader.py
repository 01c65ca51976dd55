"""Byte readers for the decoder: they count, hash and time what flows through them."""

from __future__ import annotations

import hashlib
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import xxhash

from lookhear.errors import InputError, LimitExceeded, LookhearError, MediumUnreadable, NotAMedium
from lookhear.media.limits import Limits

_CHUNK = 1 << 20
_OPENING = 1 << 28  # bytes: what cannot be recognised by so much is no medium


@dataclass(frozen=True)
class Digest:
    """SHA-256 and xxHash64 (seed 0) of all bytes, in hex, and how many there were."""

    sha256: str
    xxh64: str
    size: int


class StreamReader:
    """Reads forward only, as from a pipe; hashes every byte once.

    Seekable files get SeekableReader. PyAV calls ``seek`` wherever it exists, hence two classes.
    ``owned``: opened here, so closed here. ``handle``: of a pipe nobody has read from; it may keep us waiting.
    """

    def __init__(self, raw: IO[bytes] | Any, limits: Limits, *, owned: bool = True, handle: int | None = None) -> None:
        self._raw = raw
        self._owned = owned
        self._handle = handle
        self._read = getattr(raw, "read1", raw.read)  # what is there now, rather than wait until so much is there
        self._limits = limits
        self._sha, self._xxh = hashlib.sha256(), xxhash.xxh64()
        self._hashed = 0  # bytes from the start that went into the digests
        self._deadline: float | None = None
        self._failed = False
        self.interrupted = False
        self._ahead = b""  # read by ``head``, and still to be handed out

    def start_clock(self) -> None:
        """From now on reads must keep the opening deadline."""
        self._deadline = time.monotonic() + self._limits.media_open_seconds

    def stop_clock(self) -> None:
        """The medium is recognised: no more hurry."""
        self._deadline = None

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes; none once reading has failed, for FFmpeg asks again.

        Raises LimitExceeded over the byte limit or the opening time, NotAMedium when too much was read to open it,
        InputError for text, and MediumUnreadable.
        """
        if self._failed:
            return b""
        if self._ahead:
            size = len(self._ahead) if size < 0 else size
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        try:
            if self._deadline is not None:
                self._hurry(self._deadline)
            return self._fetch(self._read, size)
        except BaseException as error:
            self._failed = True
            self.interrupted = isinstance(error, KeyboardInterrupt)  # FFmpeg would make an end of file of it
            raise

    def head(self, size: int) -> bytes:
        """The first bytes, which ``read`` gives again. Raises as ``read`` does. To be called before it."""
        found = b""
        while len(found) < size and (data := self.read(size - len(found))):
            found += data
        self._ahead = found
        return found

    def _hurry(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left > 0 and self._handle is not None:
            waiter = select.poll()
            waiter.register(self._handle, select.POLLIN)
            left = left if waiter.poll(left * 1000) else 0.0
        if left <= 0:
            raise LimitExceeded(
                f"It could not be recognised within {self._limits.media_open_seconds:g} s. "
                "If it is a slow source, raise MEDIA_OPEN_SECONDS."
            )
        if self._hashed > _OPENING:
            raise NotAMedium(f"It cannot be recognised by its first {_OPENING >> 20} MiB. Check the file.")

    def _fetch(self, read: Callable[[int], Any], size: int) -> bytes:
        """Read and hash; whatever a file object comes up with becomes an error of ours."""
        try:
            data = read(size)
        except LookhearError:
            raise
        except Exception as error:
            raise MediumUnreadable(f"Reading failed: {getattr(error, 'strerror', None) or error}.") from error
        if not isinstance(data, bytes):
            raise InputError(f"Reading it gives {type(data).__name__}, not bytes. Open it in binary mode ('rb').")
        self._take(data)
        return data

    def _take(self, data: bytes) -> None:
        self._sha.update(data)
        self._xxh.update(data)
        self._hashed += len(data)
        if self._hashed > self._limits.max_media_bytes:
            raise LimitExceeded(
                f"It is larger than {self._limits.max_media_bytes} bytes. Raise MAX_MEDIA_BYTES if that is meant to be."
            )

    @property
    def empty(self) -> bool:
        """Has not a single byte come so far?"""
        return not self._hashed

    def digest(self) -> Digest:
        """Digests of the whole source; reads what the decoder left."""
        while self._fetch(self._raw.read, _CHUNK):
            pass
        return Digest(self._sha.hexdigest(), self._xxh.hexdigest(), self._hashed)

    def close(self) -> None:
        """Let go of the source; a file object that was handed in stays open."""
        if self._owned:
            self._raw.close()


class SeekableReader(StreamReader):
    """A file the decoder may jump about in. Bytes are hashed as the front of reading passes over them."""

    def __init__(self, raw: IO[bytes] | Any, limits: Limits, *, owned: bool = True) -> None:
        super().__init__(raw, limits, owned=owned)
        self._read = raw.read
        raw.seek(0)
        self._at = 0

    def _take(self, data: bytes) -> None:
        start, self._at = self._at, self._at + len(data)
        if start <= self._hashed < self._at:
            super()._take(data[self._hashed - start :])

    def seek(self, offset: int, whence: int = 0) -> int:
        """As io.IOBase.seek."""
        self._at = int(self._raw.seek(offset, whence))
        return self._at

    def tell(self) -> int:
        """As io.IOBase.tell."""
        return self._at

    def peek(self, offset: int, size: int) -> bytes:
        """Bytes from anywhere, without moving."""
        back = self._at
        self.seek(offset)
        data = self.read(size)
        self.seek(back)
        return data

    def digest(self) -> Digest:
        """Digests of the whole file, whatever the decoder skipped."""
        back = self._at
        self.seek(self._hashed)
        result = super().digest()
        self.seek(back)
        return result
