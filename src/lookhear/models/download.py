"""A file over HTTP: taken up again where it broke off, tried again when the line fails."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

from lookhear.errors import ModelUnavailable
from lookhear.models.card import Source
from lookhear.models.disk import Counted, read_json, write_json, writing

_RUN = 1 << 18
_TRIES = 5
_FIRST_WAIT = 0.5  # s; doubled each time
_TIMEOUT = (10.0, 30.0)  # s to connect, and between two runs of bytes


def hub_url(source: Source) -> str:
    """Where the hub serves a file; HF_ENDPOINT names another hub that speaks the same way."""
    hub = os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"
    return f"{hub}/{source.hub}/resolve/{source.revision}/{source.path}"


def download(url: str, target: Path, counted: Counted, *, token: str | None = None) -> None:
    """Get ``url`` into ``target``; what an interrupted call left there is continued.

    Raises ModelUnavailable with the reason, FileNotFoundError if there is no such file there.
    """
    import requests

    for attempt in range(_TRIES):
        try:
            return _attempt(requests, url, target, counted, token)
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if status not in (429, 500, 502, 503, 504) or attempt == _TRIES - 1:
                raise _refused(url, status) from error
        except requests.RequestException as error:
            if attempt == _TRIES - 1 or isinstance(
                error, (requests.exceptions.InvalidURL, requests.exceptions.SSLError)
            ):
                raise ModelUnavailable(_why(error)) from error
        time.sleep(_FIRST_WAIT * 2**attempt)


def _attempt(requests: Any, url: str, target: Path, counted: Counted, token: str | None) -> None:
    """One try. A part is continued only if the server says that the file is still the same."""
    tag_file = target.with_name(f"{target.name}.tag")
    tag = (read_json(tag_file) or {}).get(url)
    done = target.stat().st_size if tag and target.exists() else 0
    headers = {"Accept-Encoding": "identity"}  # lengths are of the file itself
    if tag and done:
        headers |= {"Range": f"bytes={done}-", "If-Range": tag}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == 416:  # nothing is left to send, or the part is no part of it
            target.unlink()
            return _attempt(requests, url, target, counted, token)
        response.raise_for_status()
        done = done if response.status_code == 206 else 0
        length = response.headers.get("Content-Length")
        whole = done + int(length) if length else None
        found = response.headers.get("ETag", "")
        if found and not found.startswith("W/"):
            write_json(tag_file, {url: found})
        else:
            tag_file.unlink(missing_ok=True)
        done = _receive(response, target, done, counted)
    if whole is not None and done < whole:
        raise requests.ConnectionError(f"the connection broke off after {done} of {whole} bytes")
    tag_file.unlink(missing_ok=True)


def _receive(response: Any, target: Path, done: int, counted: Counted) -> int:
    with writing(target.parent):
        file = target.open("ab" if done else "wb")
    with file:
        for run in response.iter_content(_RUN):
            with writing(target.parent):
                file.write(run)
            done += len(run)
            counted(done)
    return done


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
