"""Sums of a file that a request names, which stop being taken when nobody waits for them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import xxhash

from lookhear.media.limits import Limits
from lookhear.media.reader import Digest
from lookhear.serve.http.gate import still_wanted

_RUN = 1 << 20


def digest(path: Path, limits: Limits) -> Digest | None:
    """Of all bytes; None for what the engine would not read either, as it will say. Runs behind the gate."""
    sha256, xxh64, size = hashlib.sha256(), xxhash.xxh64(), 0
    try:
        with path.open("rb", 0) as file:
            while size <= limits.max_media_bytes and (data := file.read(_RUN)):
                still_wanted()
                sha256.update(data)
                xxh64.update(data)
                size += len(data)
    except OSError:
        return None
    return Digest(sha256.hexdigest(), xxh64.hexdigest(), size) if size <= limits.max_media_bytes else None
