"""From a card to an installed version: fetch, build, look at, put in place. A killed process leaves nothing half there."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from lookhear.errors import InvalidCard, InvalidModel
from lookhear.models.card import Card, ModelFile
from lookhear.models.disk import check_room, sha256_of, writing
from lookhear.models.fetch import Fetcher, Watch
from lookhear.models.inspect import check_files
from lookhear.models.locks import locked
from lookhear.models.runtimes import check_loads
from lookhear.models.store import Installed, Store
from lookhear.models.sums import Sums


def pull(
    card: Card,
    store: Store,
    mirror: str | None = None,
    watch: Watch | None = None,
    *,
    waiting: Callable[[], None] | None = None,
    force: bool = False,
) -> Installed:
    """Install ``card`` and make it active; what is there already is only made active, unless by ``force``.

    ``watch`` is told of bytes, ``waiting`` is called if another process is fetching the same. Raises ModelUnavailable,
    InvalidModel; the version that was active before stays so.
    """
    if force or card.id not in store.all():
        with locked(store.lock(card), waiting):
            if force or card.id not in store.fresh():
                return _install(card, store, Fetcher(mirror, Sums(store.folder, store.staging(card)), watch))
    return store.activate(card.name, card.version)


def _install(card: Card, store: Store, fetcher: Fetcher) -> Installed:
    staging = store.staging(card)
    check_room(staging, (card.size or 0) - _there(staging))
    for file in card.files:
        fetcher.fetch(card, file, staging)
    one = finish(card, store, staging)
    fetcher.sums.keep()
    return one


def _there(staging: Path) -> int:
    return sum(path.stat().st_size for path in staging.rglob("*") if path.is_file()) if staging.exists() else 0


def finish(card: Card, store: Store, staging: Path) -> Installed:
    """Build what must be built, check all of it, and install it. What is no good is deleted. Raises InvalidModel.

    What could not be looked at stays for the next time: a full disk or a missing part is no fault of the files.
    """
    try:
        if card.build is not None:
            built = import_module(f"lookhear.models.builders.{card.build}").build(card, staging)
            card = _with(card, built)
        check_files(card, staging)
        check_loads(card, staging)
    except (InvalidModel, InvalidCard):
        shutil.rmtree(staging, ignore_errors=True)
        raise
    files = [dataclasses.replace(file, sha256=file.sha256 or sha256_of(staging / file.name)) for file in card.kept]
    _tidy(staging, {file.name for file in files})
    return store.put(dataclasses.replace(card, files=tuple(files)), staging)


def _with(card: Card, built: tuple[str, ...]) -> Card:
    return dataclasses.replace(card, files=(*card.kept, *(ModelFile(name) for name in built)))


def _tidy(staging: Path, keep: set[str]) -> None:
    """Only the model's own files go into its place."""
    with writing(staging):
        for path in sorted(staging.rglob("*"), reverse=True):
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif str(path.relative_to(staging)) not in keep:
                path.unlink()
