"""Files on the server that a request names: only those under MEDIA_ROOTS or the storage folder."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from lookhear.errors import InputError, MediumNotFound, MediumUnreadable, NotAMedium, PathRefused
from lookhear.settings import Settings


def roots(settings: Settings) -> tuple[Path, ...]:
    """The folders, as they are behind links."""
    return tuple(_real(folder.expanduser()) for folder in (*settings.roots, settings.storage_dir))


def resolve(named: str, settings: Settings) -> Path:
    """The file that ``named`` leads to, behind all links; a relative path is looked for in each root.

    Raises PathRefused for what lies elsewhere, be it there or not; MediumNotFound, NotAMedium, MediumUnreadable, and
    InputError for what is no path.
    """
    if not named or "\0" in named:
        raise InputError("The path is empty, or has a NUL in it. Name a file under one of the MEDIA_ROOTS.")
    allowed = roots(settings)
    try:
        found = [real for real in _candidates(named, allowed) if any(real.is_relative_to(root) for root in allowed)]
    except (OSError, ValueError) as error:  # too long, a loop of links, half a character
        raise MediumNotFound(_NOT_THERE) from error
    if not found:
        raise PathRefused(
            "The path leads out of the folders that requests may name. Add its folder to MEDIA_ROOTS, or upload the file."
        )
    path = next((one for one in found if os.path.exists(one)), found[0])
    _check(path)
    return path


def _candidates(named: str, allowed: Iterable[Path]) -> list[Path]:
    return [_real(Path(named))] if named.startswith("/") else [_real(root / named) for root in allowed]


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _check(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MediumNotFound(_NOT_THERE) from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise MediumNotFound(_NOT_THERE) from error
        raise MediumUnreadable("The file cannot be looked at. Check the permissions of its folder.") from error
    if not stat.S_ISREG(mode):
        raise NotAMedium("It is no file, but a folder, a pipe or a device. Name a file.")
    if not os.access(path, os.R_OK):
        raise MediumUnreadable("It may not be read. Check the permissions of the file.")


_NOT_THERE = "There is no such file. Check the path."
