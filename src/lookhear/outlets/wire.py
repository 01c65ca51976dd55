"""How processes that share a folder of vectors talk: frames of JSON and of float32 numbers, over a UNIX socket."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lookhear.errors import LimitExceeded

MOST = 64 << 20  #: bytes of the JSON, and of the numbers
PATIENCE = 30.0  #: s until the rest of a frame is there
_FIRST = 1 << 16  # bytes; most frames are whole with it
_HEAD = struct.Struct("!4sII")
_MAGIC = b"LHV1"  # changes with what the frames say
_MOST_PATH = 100  # bytes; addresses of sockets end at 108, elsewhere at 104
_SOCKET = ".socket"
_NUMBER = np.dtype("<f4")


class Gone(ConnectionError):
    """The other side is not there, or speaks otherwise."""


def send(peer: socket.socket, table: Mapping[str, Any], numbers: bytes = b"") -> None:
    """It is on its way. Raises LimitExceeded before anything is, and OSError."""
    text = json.dumps(table, separators=(",", ":")).encode()
    if len(text) > MOST or len(numbers) > MOST:
        raise LimitExceeded(f"More than {MOST >> 20} MiB cannot be put or asked for at once. Take less at a time.")
    peer.sendall(b"".join((_HEAD.pack(_MAGIC, len(text), len(numbers)), text, numbers)))


def receive(peer: socket.socket, patience: float | None) -> tuple[dict[str, Any], bytes]:
    """The next frame, which may be ``patience`` seconds away. Raises Gone, TimeoutError and other OSErrors."""
    peer.settimeout(patience)
    frame = peer.recv(_FIRST)
    if not frame:
        raise Gone("the other side is gone")
    peer.settimeout(PATIENCE)
    frame = _filled(peer, frame, _HEAD.size)
    magic, text, numbers = _HEAD.unpack_from(frame)
    if magic != _MAGIC or text > MOST or numbers > MOST:
        raise Gone("not a frame of ours")
    end = _HEAD.size + text
    frame = _filled(peer, frame, end + numbers)
    if len(frame) > end + numbers:  # whoever asks waits for the answer
        raise Gone("more than a frame of ours")
    try:
        return json.loads(frame[_HEAD.size : end]), frame[end:]
    except (ValueError, RecursionError) as error:
        raise Gone("not a frame of ours") from error


def packed(rows: Any) -> bytes:
    """Numbers as they go over the wire."""
    return np.asarray(rows, _NUMBER).tobytes()


def unpacked(numbers: bytes, rows: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Likewise back, in so many rows. Raises ValueError."""
    return np.frombuffer(numbers, _NUMBER).reshape(rows, -1) if rows else np.zeros((0, 0), _NUMBER)


def places(folder: Path) -> list[Path]:
    """Where the process that has ``folder`` open listens: there, or where that cannot be, in a folder of this user."""
    whole = folder.resolve()
    name = hashlib.sha256(os.fsencode(whole)).hexdigest()[:32]
    found = [whole / _SOCKET, _private() / name]
    return [place for place in found if len(os.fsencode(place)) <= _MOST_PATH]


def trust(place: Path) -> None:
    """Nobody else can have made what is there. Raises OSError."""
    if place.name == _SOCKET:
        return  # whoever can write there has the vectors anyway
    place.parent.mkdir(mode=0o700, exist_ok=True)
    found = place.parent.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise FileNotFoundError(f"{place.parent} is not private")


def _private() -> Path:
    return Path(tempfile.gettempdir()) / f"lookhear-{os.getuid()}"


def _filled(peer: socket.socket, begun: bytes, size: int) -> bytes:
    """What begins so, ``size`` bytes at least."""
    if len(begun) >= size:
        return begun
    whole = bytearray(size)
    whole[: len(begun)] = begun
    view = memoryview(whole)[len(begun) :]
    while view:
        got = peer.recv_into(view)
        if not got:
            raise Gone("the other side is gone")
        view = view[got:]
    return bytes(whole)
