"""The journal of a batch: JSON lines, and what in them need not be done again.

A report counts for the same bytes, task, version and options, whatever the file is called. A line is written whole and
flushed at once, so an interruption loses the file in hand and nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from lookhear.errors import InvalidReport, LimitExceeded, MediumUnreadable

_ESCAPED = "backslashreplace"  # file names need not be UTF-8: what cannot be written becomes an escape of JSON


@dataclass
class _Entry:
    offset: int
    done: frozenset[tuple[str, str]]  #: (task, config hash); empty for a refusal
    refused: bool
    kind: str | None
    silent: bool  #: a film without sound


class Ledger:
    """An open journal. ``lookup`` what is there, ``write`` what is new; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._names: dict[tuple[str, str], _Entry] = {}
        self._digests: dict[str, _Entry] = {}
        self._lines = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = path.open("a+b")
        except OSError as error:
            raise MediumUnreadable(f"Cannot write to {path}: {error.strerror}. Choose another --out.") from error
        self._lock()
        self._index()

    def _lock(self) -> None:
        """Two runs into one journal would do everything twice. Where there are no such locks, none is held."""
        try:
            import fcntl
        except ImportError:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise MediumUnreadable(
                f"Another run is writing to {self.path}. Wait for it, or choose another --out."
            ) from error
        except OSError:
            return

    def _index(self) -> None:
        self._file.seek(0)
        offset = 0
        for line in self._file:
            if not line.endswith(b"\n"):  # the last run was cut off here
                self._file.truncate(offset)
                break
            self._note(_parse(line, self.path), offset)
            offset += len(line)
        self._file.seek(0, os.SEEK_END)

    def _note(self, data: dict[str, Any], offset: int) -> None:
        name, sha256 = _identity(data)
        done = frozenset(
            (finding["task"], finding["provenance"]["config_hash"]) for finding in data.get("findings", ())
        )
        medium = data.get("medium", {})
        kind, probe = medium.get("kind"), medium.get("probe", {})
        # with a limit raised it may be answered
        refused = "error" in data and data["error"]["code"] != LimitExceeded.code
        entry = _Entry(offset, done, refused, kind, kind == "video" and probe.get("audio_index") is None)
        self._lines += 1
        if sha256 is not None:
            self._names[name, sha256] = entry
            self._digests[sha256] = entry

    @property
    def known(self) -> bool:
        """Is there any answer to find?"""
        return bool(self._digests)

    def kind(self, sha256: str) -> str | None:
        """What an earlier run found these bytes to be."""
        entry = self._digests.get(sha256)
        return entry.kind if entry else None

    def silent(self, sha256: str) -> bool:
        """Did an earlier run find these bytes to be a film without sound?"""
        entry = self._digests.get(sha256)
        return entry is not None and entry.silent

    def lookup(self, name: str, sha256: str, wanted: frozenset[tuple[str, str]]) -> tuple[dict[str, Any], bool] | None:
        """An earlier answer that covers ``wanted``, and whether it stands under this very name. None: do it."""
        own = self._names.get((name, sha256))
        for entry, same in ((own, True), (self._digests.get(sha256), False)):
            if entry is not None and (entry.refused or wanted <= entry.done):
                return self._read(entry.offset), same
        return None

    def _read(self, offset: int) -> dict[str, Any]:
        with self.path.open("rb") as file:
            file.seek(offset)
            return _parse(file.readline(), self.path)

    def write(self, line: str) -> None:
        """Append one answer and flush it."""
        offset = self._file.tell()
        self._file.write(line.encode("utf-8", _ESCAPED) + b"\n")
        self._file.flush()
        self._note(json.loads(line), offset)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The newest answer of each name, in the order in which the names first came."""
        newest: dict[str, int] = {}
        offset = 0
        with self.path.open("rb") as file:
            for line in file:
                newest[_identity(_parse(line, self.path))[0]] = offset
                offset += len(line)
            for offset in newest.values():
                file.seek(offset)
                yield _parse(file.readline(), self.path)

    def compact(self) -> None:
        """Drop answers that newer ones replaced; the file is exchanged at once, never half written."""
        rows = list(self.rows())
        if len(rows) == self._lines:
            return
        fresh = self.path.with_name(f".{self.path.name}.new")
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        fresh.write_text(lines, encoding="utf-8", errors=_ESCAPED)
        os.replace(fresh, self.path)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _identity(data: dict[str, Any]) -> tuple[str, str | None]:
    medium = data.get("medium", data)
    return medium["name"], medium["sha256"]


def _parse(line: bytes, path: Path) -> dict[str, Any]:
    try:
        data = json.loads(line)
        _identity(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path} holds lines that are not Lookhear reports. Choose another --out, or move that file away."
        raise InvalidReport(message) from error
    return data  # type: ignore[no-any-return]


def renamed(data: dict[str, Any], name: str) -> str:
    """An answer about the same bytes, under another name."""
    copy = json.loads(json.dumps(data))
    copy.get("medium", copy)["name"] = name
    return json.dumps(copy, ensure_ascii=False)
