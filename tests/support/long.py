"""A recording that takes long to go through and no room on the disk."""

from __future__ import annotations

import struct
from pathlib import Path

_RATE = 8000


def write_silence(path: Path, hours: float) -> None:
    """A sparse WAV of 16-bit mono."""
    size = round(hours * 3600) * _RATE * 2
    form = struct.pack("<HHIIHH", 1, 1, _RATE, 2 * _RATE, 2, 16)
    head = (
        struct.pack("<4sI4s4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16) + form + struct.pack("<4sI", b"data", size)
    )
    with path.open("wb") as out:
        out.write(head)
        out.truncate(len(head) + size)
