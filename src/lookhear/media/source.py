"""From whatever the user names to a reader: path, bytes, file object, standard input, URL."""

from __future__ import annotations

import io
import os
import select
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lookhear.errors import EmptyMedium, InputError, LimitExceeded, MediumNotFound, MediumUnreadable, NotAMedium
from lookhear.media.limits import Limits
from lookhear.media.objects import fetch, is_object
from lookhear.media.reader import SeekableReader, StreamReader

Named = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]


@dataclass(frozen=True)
class Source:
    """An opened source. ``size`` is None where it has no known end."""

    name: str
    reader: StreamReader
    size: int | None


def open_source(named: Named, limits: Limits) -> Source:
    """Open ``named``: a path, "-" for standard input, a URL (http, https, s3), bytes, or a binary file object.

    Raises MediumNotFound, NotAMedium (folder, device), EmptyMedium, MediumUnreadable, LimitExceeded, SourceRefused.
    """
    if isinstance(named, (bytes, bytearray, memoryview)):
        return _seekable(io.BytesIO(named), "<bytes>", memoryview(named).nbytes, limits)
    if isinstance(named, (str, os.PathLike)):
        text = os.fspath(named)
        if text == "-":
            return _from_file(sys.stdin.buffer, "<stdin>", limits, _pipe_handle(sys.stdin.buffer))
        if is_object(text):
            raw, size = fetch(text, limits)
            return _opened(raw, text, size, limits)
        if "://" in text and not Path(text).exists():
            from lookhear.media.url import open_url  # drags in TLS

            return Source(text, StreamReader(open_url(text, limits), limits), None)
        return _from_path(Path(text), limits)
    if hasattr(named, "read"):
        return _from_file(named, str(getattr(named, "name", "<file>")), limits)
    raise InputError(f"A {type(named).__name__} is no medium. Give a path, bytes, a binary file object, '-' or a URL.")


def local(named: Named) -> Named:
    """A file:// URL as the path that it means; else what it was. Not for what others ask for: it reads any file."""
    if not isinstance(named, str) or not named.lower().startswith("file://"):
        return named
    from urllib.parse import unquote, urlsplit

    url = urlsplit(named)
    if url.netloc not in {"", "localhost"}:
        raise InputError(f"'{named}' names another machine. Write file:///folder/file.")
    return unquote(named[len("file://") + len(url.netloc) :])


def _from_path(path: Path, limits: Limits) -> Source:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise NotAMedium("It is a folder. Name a file in it, or give the folder to 'lookhear analyze'.")
        if stat.S_ISFIFO(mode):
            pipe = _open_pipe(path, limits)
            return Source(str(path), StreamReader(pipe, limits, handle=pipe.fileno()), None)
        if not stat.S_ISREG(mode):
            raise NotAMedium("It is a device or socket, not a file. Pipe its sound in through standard input.")
        raw = path.open("rb")
    except FileNotFoundError as error:
        raise MediumNotFound("There is no such file. Check the path.") from error
    except PermissionError as error:
        raise MediumUnreadable("It may not be read. Check the permissions of the file and its folder.") from error
    except (OSError, ValueError) as error:  # name too long, NUL in the name, loops of links
        raise MediumUnreadable(f"It cannot be opened: {getattr(error, 'strerror', None) or error}.") from error
    return _opened(raw, str(path), os.fstat(raw.fileno()).st_size, limits)


def _opened(raw: IO[bytes], name: str, size: int, limits: Limits) -> Source:
    """What was opened here, and is closed here where it is refused."""
    try:
        return _seekable(raw, name, size, limits, owned=True)
    except InputError:
        raw.close()
        raise


def _open_pipe(path: Path, limits: Limits) -> IO[bytes]:
    """A named pipe nobody writes to must not hang us."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    waiter = select.poll()
    waiter.register(handle, select.POLLIN)
    if not waiter.poll(limits.media_open_seconds * 1000):
        os.close(handle)
        raise MediumUnreadable(f"Nothing came through the pipe within {limits.media_open_seconds:g} s.")
    os.set_blocking(handle, True)
    return os.fdopen(handle, "rb")


def _pipe_handle(raw: IO[bytes]) -> int | None:
    """The descriptor, where it is one that can keep us waiting."""
    try:
        handle = raw.fileno()
        return handle if stat.S_ISFIFO(os.fstat(handle).st_mode) or stat.S_ISSOCK(os.fstat(handle).st_mode) else None
    except (OSError, AttributeError, ValueError):
        return None


def _from_file(raw: IO[bytes] | Any, name: str, limits: Limits, handle: int | None = None) -> Source:
    try:
        if raw.seekable():
            return _seekable(raw, name, raw.seek(0, io.SEEK_END), limits)
    except (OSError, AttributeError):
        pass  # it says it can seek, or does not know; read it forward
    except ValueError as error:
        raise MediumUnreadable(f"Reading failed: {error}.") from error
    return Source(name, StreamReader(raw, limits, owned=False, handle=handle), None)


def _seekable(raw: IO[bytes], name: str, size: int, limits: Limits, *, owned: bool = False) -> Source:
    if size == 0:
        raise EmptyMedium("It is empty: it holds not a single byte.")
    if size > limits.max_media_bytes:
        raise LimitExceeded(
            f"It holds {size} bytes, more than the {limits.max_media_bytes} allowed. "
            "Raise MAX_MEDIA_BYTES if that is meant to be."
        )
    return Source(name, SeekableReader(raw, limits, owned=owned), size)
