"""A file over HTTP: taken up again where it broke off, tried again when the line fails."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

from lookhear.errors import ModelUnavailable
from lookhear.models.card import Source
from lookhear.models.disk import Counted, read_table, write_json, writing

_RUN = 1 << 18
_TRIES = 5  # without a byte more
_BUSY = (429, 500, 502, 503, 504)
_FIRST_WAIT = 0.5  # s; doubled each time
_TIMEOUT = (10.0, 30.0)  # s to connect, and between two runs of bytes


class NoConnection(ModelUnavailable):
    """The server cannot be reached, whatever is asked of it."""


def hub_url(source: Source) -> str:
    """Where the hub serves a file; HF_ENDPOINT names another hub that speaks the same way."""
    hub = os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"
    return f"{hub}/{source.hub}/resolve/{source.revision}/{source.path}"


def download(url: str, target: Path, counted: Counted, *, token: str | None = None) -> None:
    """Get ``url`` into ``target``; what an interrupted call left there is continued.

    Raises ModelUnavailable with the reason, FileNotFoundError if there is no such file there.
    """
    import requests

    tries = 0
    while True:
        before = _size(target)
        try:
            return _attempt(requests, url, target, counted, token)
        except requests.RequestException as error:
            tries = 1 if _size(target) > before else tries + 1  # a line that moves on gets there
            refusal = _refusal(requests, error, url, tries)
            if refusal is not None:
                raise refusal from error
        time.sleep(_FIRST_WAIT * 2 ** (tries - 1))


def tag_of(target: Path) -> Path:
    """Beside what is being downloaded: of which state of which address it is a part."""
    return target.with_name(f"{target.name}.tag")


def _attempt(requests: Any, url: str, target: Path, counted: Counted, token: str | None) -> None:
    """One try. A part is continued only if the server says that the file is still the same."""
    tag = str(read_table(tag_of(target)).get(url, ""))
    done = _size(target) if tag else 0
    headers = {"Accept-Encoding": "identity"}  # lengths are of the file itself
    if done:
        headers |= {"Range": f"bytes={done}-", "If-Range": tag}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == 416 and done and response.headers.get("Content-Range") == f"bytes */{done}":
            return counted(done)  # nothing is left to send
        if response.status_code == 416 or (response.status_code == 206 and not _continues(response, tag, done)):
            if not done:
                raise requests.ConnectionError(f"its answer makes no sense (HTTP {response.status_code})")
            target.unlink()
            return _attempt(requests, url, target, counted, token)
        response.raise_for_status()
        done = done if response.status_code == 206 else 0
        whole = _whole(response, done)
        _note_tag(response, url, target)
        done = _receive(response, target, done, counted)
    if whole is not None and done < whole:
        raise requests.ConnectionError(f"the connection broke off after {done} of {whole} bytes")


def _continues(response: Any, tag: str, done: int) -> bool:
    """Is it the rest of the same file? Not every server heeds If-Range."""
    same = response.headers.get("ETag", tag) == tag and not _coded(response)
    return same and response.headers.get("Content-Range", "").startswith(f"bytes {done}-")


def _coded(response: Any) -> bool:
    """Is it compressed though nobody asked? Then lengths and ranges are not those of the file."""
    return response.headers.get("Content-Encoding", "").lower() not in ("", "identity")


def _whole(response: Any, done: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return done + int(length) if length.isdecimal() and not _coded(response) else None


def _note_tag(response: Any, url: str, target: Path) -> None:
    found = response.headers.get("ETag", "")
    if found and not found.startswith("W/") and not _coded(response):
        write_json(tag_of(target), {url: found})
    else:
        tag_of(target).unlink(missing_ok=True)


def _receive(response: Any, target: Path, done: int, counted: Counted) -> int:
    with writing(target.parent), target.open("ab" if done else "wb") as file:  # closing it writes, too
        for run in response.iter_content(_RUN):
            file.write(run)
            done += len(run)
            counted(done)
    return done


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _refusal(requests: Any, error: Any, url: str, tries: int) -> Exception | None:
    """What there is to say; None: it is worth another try."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        status = error.response.status_code
        return None if status in _BUSY and tries < _TRIES else _refused(url, status)
    if isinstance(error, requests.exceptions.InvalidHeader):
        return ModelUnavailable("HF_TOKEN holds what no token does: a line break, perhaps")
    if isinstance(error, ValueError):
        return ModelUnavailable(f"its address '{url}' is none ({error})")
    hopeless = isinstance(error, (requests.exceptions.SSLError, requests.TooManyRedirects)) or _unknown_host(error)
    return NoConnection(_why(error)) if hopeless or tries >= _TRIES else None


def _refused(url: str, status: int) -> Exception:
    if status == 404:
        return FileNotFoundError("there is no such file")
    if status in (401, 403):
        return ModelUnavailable(
            f"access is refused (HTTP {status}): accept its terms on the model's page and set HF_TOKEN"
        )
    return ModelUnavailable(f"the server answers HTTP {status}")


def _innermost(error: BaseException) -> BaseException:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return error


def _unknown_host(error: Exception) -> bool:
    return isinstance(_innermost(error), socket.gaierror)


def _why(error: Exception) -> str:
    """In a few words: the innermost reason."""
    inner = _innermost(error)
    reason = getattr(inner, "strerror", None) or str(inner)
    return f"no connection ({reason})"
