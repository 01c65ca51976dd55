"""Models in one file, for machines without a network: a tar archive with a folder for each, its card among the files."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lookhear.errors import InvalidCard, InvalidModel
from lookhear.models.card import CARD, Card, from_plain
from lookhear.models.catalogue import check_card
from lookhear.models.disk import check_room, sha256_of, writing
from lookhear.models.install import finish
from lookhear.models.locks import locked
from lookhear.models.store import Installed, Store

_HEAD = "lookhear-models.json"
_FORMAT = 1
_ODD = (KeyError, TypeError, ValueError, AttributeError, RecursionError)  # it says something else than ours do


def write_bundle(models: Sequence[Installed], out: Path) -> int:
    """Write them to ``out``, all at once; gives its size in bytes. Raises StoreUnwritable."""
    fresh = out.with_name(f".{out.name}.{os.getpid()}.new")
    try:
        with writing(out.absolute().parent, "choose another --out"), tarfile.open(fresh, "w") as archive:
            _add(archive, _HEAD, {"format": _FORMAT, "models": [one.card.id for one in models]})
            for one in models:
                _add(archive, f"{one.card.id}/{CARD}", dataclasses.asdict(one.card))
                for file in one.card.kept:
                    archive.add(one.folder / file.name, f"{one.card.id}/{file.name}", recursive=False)
            archive.close()
            os.replace(fresh, out)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()
    return out.stat().st_size


def _add(archive: tarfile.TarFile, name: str, value: Any) -> None:
    data = json.dumps(value, indent=1, ensure_ascii=False).encode()
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def is_bundle(path: Path) -> bool:
    """Is it a file that ``write_bundle`` wrote?"""
    if not path.is_file() or not tarfile.is_tarfile(path):
        return False
    with tarfile.open(path) as archive:
        first = archive.next()
    return first is not None and first.name == _HEAD


def read_bundle(path: Path, store: Store) -> list[Installed]:
    """Install all that is in it. Raises InvalidModel; what came before the fault is installed."""
    try:
        with tarfile.open(path) as archive:
            head = _json(archive, _HEAD, path)
            if head.get("format") != _FORMAT:
                raise InvalidModel(f"{path} is a bundle of another version of Lookhear. Make it again with this one.")
            return [_unpack(archive, str(id), path, store) for id in head["models"]]
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, *_ODD) as error:
        raise InvalidModel(f"{path} is damaged or cut short ({error}). Copy it again.") from error


def _json(archive: tarfile.TarFile, name: str, path: Path) -> Any:
    file = archive.extractfile(name)
    if file is None:
        raise InvalidModel(f"{path} is damaged: {name} in it is no file.")
    return json.loads(file.read())


def _unpack(archive: tarfile.TarFile, id: str, path: Path, store: Store) -> Installed:
    card = from_plain(_json(archive, f"{id}/{CARD}", path))
    if card.id != id:
        raise InvalidModel(f"{path} is damaged: what it calls {id} says that it is {card.id}.")
    try:
        check_card(card, str(path))
    except InvalidCard as error:
        raise InvalidModel(f"{error.message} Nothing of it is installed.") from error
    with locked(store.lock(card)):
        staging = store.staging(card)
        check_room(staging, card.size or 0)
        shutil.rmtree(staging, ignore_errors=True)
        try:
            for file in card.kept:
                _extract(archive, f"{id}/{file.name}", staging / file.name)
                if file.sha256 is None or sha256_of(staging / file.name) != file.sha256:
                    raise InvalidModel(f"{path} is damaged: {file.name} of {id} is not what was put in. Copy it again.")
            return finish(_as_it_is(card), store, staging)
        except Exception:
            shutil.rmtree(staging, ignore_errors=True)
            raise


def _as_it_is(card: Card) -> Card:
    """Nothing is left to build."""
    return dataclasses.replace(card, build=None, files=card.kept)


def _extract(archive: tarfile.TarFile, name: str, target: Path) -> None:
    read = archive.extractfile(name)
    if read is None:
        raise KeyError(name)
    with writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        with read, target.open("wb") as write:
            shutil.copyfileobj(read, write)
