"""Labels to choose from, a line each, from a file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lookhear.errors import InvalidOptions

_OURS = Path(__file__).parent / "vocabularies"
_MOST = 20_000  # labels
_LONGEST = 300  # letters


@dataclass(frozen=True)
class Vocabulary:
    """``groups``: of each label, None where it has none."""

    labels: tuple[str, ...]
    groups: tuple[str | None, ...]


def sum_of(name: str) -> str:
    """Another for other contents. Raises InvalidOptions."""
    return hashlib.sha256(_bytes(name)).hexdigest()


@lru_cache(8)
def read_vocabulary(name: str, digest: str) -> Vocabulary:
    """A file, or one of ours: a label per line; a line that begins with # names the group of those after it.

    ``digest``: its ``sum_of``. Raises InvalidOptions.
    """
    try:
        lines = [line.strip() for line in _bytes(name).decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise InvalidOptions(f"The vocabulary {name} is no text in UTF-8.") from error
    found: dict[str, str | None] = {}
    group: str | None = None
    for line in lines:
        if line.startswith("#"):
            group = line.lstrip("# ") or None
        elif line:
            found.setdefault(line, group)
    if not 1 <= len(found) <= _MOST or max(map(len, found)) > _LONGEST:
        raise InvalidOptions(
            f"The vocabulary {name} must hold 1 to {_MOST} labels of at most {_LONGEST} letters, one per line."
        )
    return Vocabulary(tuple(found), tuple(found.values()))


def _bytes(name: str) -> bytes:
    ours = _OURS / f"{name}.txt"
    path = ours if "/" not in name and ours.is_file() else Path(name).expanduser()
    try:
        return path.read_bytes()
    except OSError as error:
        known = ", ".join(sorted(file.stem for file in _OURS.glob("*.txt")))
        raise InvalidOptions(
            f"The vocabulary {name} cannot be read ({error.strerror}). Give a file with a label per line, or: {known}."
        ) from error
