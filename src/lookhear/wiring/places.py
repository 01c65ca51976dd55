"""Vectors at a place that a person names: a folder, or the URL of a Qdrant server."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from lookhear.errors import FilesUnwritable, InvalidOptions
from lookhear.outlets.vectors import Held, Vectors
from lookhear.settings import Settings

_URL = re.compile(r"https?://[^/]+", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_HOST = re.compile(r"[\w.-]+:\d{1,5}(/.*)?")
_OWN = "vectors"  # the name of the folder in STORAGE_DIR
_NUMBER, _PAYLOAD = 6, 2048  # bytes of a vector's number with its code and in the log; of a point besides
_EMPTY = 96 << 20  # bytes of a collection without points


def vectors_at(place: str, settings: Settings) -> Vectors:
    """What keeps vectors there. Raises InvalidOptions."""
    if _URL.match(place):
        from lookhear.outlets.server import connect

        return connect(place, settings.qdrant_api_key)
    from lookhear.outlets.shared import SharedVectors

    return SharedVectors(_folder(place))


def own_place(settings: Settings) -> str:
    """The one that the settings name."""
    return settings.qdrant_url or str(settings.storage_dir / _OWN)


def is_same(one: str, other: str) -> bool:
    """Both name one place."""
    if _URL.match(one) or _URL.match(other):
        return one.rstrip("/").lower() == other.rstrip("/").lower()
    return Path(one).expanduser().resolve() == Path(other).expanduser().resolve()


def check_room(place: str, helds: Sequence[Held]) -> None:
    """A folder's disk has room for all of them. Raises FilesUnwritable. What a server has cannot be asked."""
    if _URL.match(place):
        return
    folder = Path(place).expanduser().resolve()
    needed = sum(_EMPTY + held.count * (held.size * _NUMBER + _PAYLOAD) for held in helds)
    there = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise FilesUnwritable(
            f"{_mib(needed)} may be needed in {folder}, but its disk has {_mib(free)} free. Free some, or name a folder "
            "elsewhere."
        )


def _folder(place: str) -> Path:
    folder = Path(place).expanduser()
    if _SCHEME.match(place):
        raise InvalidOptions(f"'{place}' is neither a folder nor an http or https URL.")
    if not folder.exists() and _HOST.fullmatch(place):
        raise InvalidOptions(f"'{place}' is no folder. If you mean a server, say http://{place} or https://{place}.")
    if folder.exists() and not folder.is_dir():
        raise InvalidOptions(f"'{place}' is a file, not a folder.")
    if (folder / _OWN).is_dir():
        raise InvalidOptions(f"'{place}' is a storage folder. Name the vectors in it: {folder / _OWN}")
    return folder


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
