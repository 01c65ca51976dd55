"""What there is to do: files below folders, objects below prefixes, as a stream of blocks."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lookhear.analysis.walk import below
from lookhear.media.objects import is_object, named
from lookhear.scale.rows import key_of


class Found(NamedTuple):
    """A file in the state it is in; ``version`` "" where that cannot be told."""

    path: bytes
    version: str


def found(sources: Sequence[str], index: int, out: str) -> Iterator[Found]:
    """All of one source, but for what an earlier one has already, and for what is written."""
    earlier = [*sources[:index], out]
    for one in _of(sources[index]):
        name = os.fsdecode(one.path)
        if not any(name == other or name.startswith(other.rstrip("/") + "/") for other in earlier):
            yield one


def _of(source: str) -> Iterator[Found]:
    if is_object(source) and not os.path.exists(source):
        for one in named(source):
            yield Found(one.url.encode("utf-8", "surrogateescape"), one.version)
    elif os.path.isdir(source):
        unread: list[OSError] = []
        for name in below(source, unread.append):
            yield _file(name)
        for error in unread:
            yield Found(os.fsencode(str(error.filename)), "")
    else:
        yield _file(source)


def _file(name: str) -> Found:
    try:
        facts = os.stat(name)
    except (OSError, ValueError):
        return Found(os.fsencode(name), "")  # the analysis says what is wrong with it
    return Found(os.fsencode(name), f"{facts.st_size}-{facts.st_mtime_ns}")


def absolute(source: str) -> str:
    """As every process finds it, wherever it runs."""
    return source if is_object(source) and not os.path.exists(source) else str(Path(source).absolute())


def to_do(
    sources: Sequence[str], index: int, known: Container[bytes], out: str, size: int
) -> Iterator[tuple[list[Found], int, int]]:
    """At most ``size`` files that are not known; how many of a source were seen so far; how many of them are known."""
    block: list[Found] = []
    seen = skipped = 0
    for one in found(sources, index, out):
        seen += 1
        if one.version and key_of(*one) in known:
            skipped += 1
            continue
        block.append(one)
        if len(block) == size:
            yield block, seen, skipped
            block = []
    yield block, seen, skipped
