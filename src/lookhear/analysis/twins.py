"""Which paths lead to one file, and which files hold the same bytes. Nothing is decoded.

Files of the same size are read and hashed; no others.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from lookhear.analysis.batch import file_digest
from lookhear.analysis.report import Refusal
from lookhear.analysis.walk import below
from lookhear.errors import LookhearError, MediumUnreadable, NotAMedium, SourceRefused
from lookhear.media.limits import Limits
from lookhear.media.source import open_source

SAME_BYTES = "same bytes"


@dataclass(frozen=True)
class Twin:
    """A path beside another that leads to the same bytes. ``spare``: bytes that it takes itself; links take none."""

    path: str
    of: str
    how: str  #: "same bytes", "hard link", "symbolic link"
    spare: int


@dataclass
class Survey:
    """One path for each content, and what else leads there."""

    sizes: dict[str, int] = field(default_factory=dict)  #: bytes, of one path for each content
    twins: dict[str, list[Twin]] = field(default_factory=lambda: defaultdict(list))  #: by that path
    refused: list[Refusal] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Paths that lead to files, and those that were refused."""
        return len(self.sizes) + sum(map(len, self.twins.values())) + len(self.refused)


def survey(
    paths: Iterable[str | os.PathLike[str]], limits: Limits, leave: str | os.PathLike[str] | None = None
) -> Survey:
    """Walk folders, and sort out what needs no decoding. What cannot be read is refused, and costs nothing else.

    ``leave``: a file to leave out.
    """
    found = Survey()
    left = None if leave is None else os.path.realpath(leave)
    owners: dict[tuple[int, int], list[str]] = {}
    for path in _expanded([os.fspath(path) for path in paths], found):
        if left is not None and os.path.realpath(path) == left:
            continue
        try:
            facts = _checked(path, limits)
        except LookhearError as error:
            found.refused.append(Refusal.of(path, error))
        else:
            owners.setdefault((facts.st_dev, facts.st_ino), []).append(path)
            found.sizes[path] = facts.st_size
    for names in owners.values():
        _join_links(names, found)
    _join_bytes(found, limits)
    return found


def _expanded(paths: Iterable[str], found: Survey) -> Iterable[str]:
    def failed(error: OSError) -> None:
        problem = MediumUnreadable(f"This folder cannot be read: {error.strerror or error}. Check its permissions.")
        found.refused.append(Refusal.of(str(error.filename), problem))

    seen: set[str] = set()
    for path in paths:
        for name in below(path, failed) if os.path.isdir(path) else (path,):
            plain = os.path.abspath(name)
            if plain not in seen:
                seen.add(plain)
                yield name


def _checked(path: str, limits: Limits) -> os.stat_result:
    if path == "-" or ("://" in path and not os.path.exists(path)):
        raise SourceRefused("Copies are looked for among files. Save it as a file first.")
    try:
        facts = os.stat(path)
    except (OSError, ValueError):
        facts = None
    if facts is not None and stat.S_ISFIFO(facts.st_mode):
        raise NotAMedium("It is a pipe. Copies are looked for among files.")
    open_source(path, limits).reader.close()  # it says what is wrong with a path
    return facts or os.stat(path)


def _join_links(names: list[str], found: Survey) -> None:
    """Leave the path that is no link; the others are its twins."""
    chief = next((name for name in names if os.path.realpath(name) == os.path.abspath(name)), names[0])
    for name in names:
        if name != chief:
            soft = os.path.realpath(name) == os.path.realpath(chief)
            found.twins[chief].append(Twin(name, chief, "symbolic link" if soft else "hard link", 0))
            del found.sizes[name]


def _join_bytes(found: Survey, limits: Limits) -> None:
    alike: dict[int, list[str]] = defaultdict(list)
    for path, size in found.sizes.items():
        alike[size].append(path)
    for size, paths in alike.items():
        chiefs: dict[str, str] = {}
        for path in paths if len(paths) > 1 else ():
            digest = file_digest(path, limits)
            if digest is None or digest.sha256 is None:
                continue  # reading it again, the analysis will say why
            chief = chiefs.setdefault(digest.sha256, path)
            if chief != path:
                found.twins[chief] += [Twin(path, chief, SAME_BYTES, size), *found.twins.pop(path, [])]
                del found.sizes[path]
