"""Checksums that no card knows, learned at the first fetch: what comes later must be the same."""

from __future__ import annotations

from pathlib import Path

from lookhear.models.card import Card, ModelFile
from lookhear.models.disk import read_table, write_json
from lookhear.models.locks import locked

LOCK_FILE = "models.lock.json"
_PENDING = ".sums.json"


class Sums:
    """The lock file of the store in ``folder``; until a model proved good, what is learned of it is in ``staging``."""

    def __init__(self, folder: Path, staging: Path) -> None:
        self._path, self._pending = folder / LOCK_FILE, staging / _PENDING
        self._learned: dict[str, str] = read_table(self._pending)

    def of(self, card: Card, file: ModelFile) -> str | None:
        """The SHA-256 that ``file`` must have; None before its first fetch."""
        key = _key(card, file)
        return file.sha256 or read_table(self._path).get(key) or self._learned.get(key)

    def learn(self, card: Card, file: ModelFile, sha256: str) -> None:
        """Remember it for now, unless it is known."""
        if self.of(card, file) is None:
            self._learned[_key(card, file)] = sha256
            write_json(self._pending, self._learned)

    def keep(self) -> None:
        """What was learned is the truth from now on."""
        if self._learned:
            with locked(self._path.with_suffix(".guard")):
                write_json(self._path, {**read_table(self._path), **self._learned})


def _key(card: Card, file: ModelFile) -> str:
    return f"{card.id}/{file.name}"
