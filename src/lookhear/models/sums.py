"""Checksums that no card knows, learned at the first fetch: what comes later must be the same."""

from __future__ import annotations

from pathlib import Path

from lookhear.models.card import Card, ModelFile
from lookhear.models.disk import read_json, write_json
from lookhear.models.locks import locked


class Sums:
    """The lock file of a store."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "models.lock.json"

    def of(self, card: Card, file: ModelFile) -> str | None:
        """The SHA-256 that ``file`` must have; None before its first fetch."""
        return file.sha256 or (read_json(self._path) or {}).get(_key(card, file))

    def learn(self, card: Card, file: ModelFile, sha256: str) -> None:
        """Remember it, unless the card says it."""
        if file.sha256 is not None:
            return
        with locked(self._path.with_suffix(".guard")):
            write_json(self._path, {**(read_json(self._path) or {}), _key(card, file): sha256})


def _key(card: Card, file: ModelFile) -> str:
    return f"{card.id}/{file.name}"
