"""Models of the user's own: recognised by checksum, or by the tensors that a family has."""

from __future__ import annotations

import ast
import dataclasses
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookhear.errors import InvalidModel
from lookhear.models.card import CARD, Card, ModelFile
from lookhear.models.catalogue import Catalogue, read_labels, shared, validated
from lookhear.models.disk import copy_file, sha256_of, writing
from lookhear.models.inspect import is_pickle
from lookhear.models.install import finish
from lookhear.models.locks import locked
from lookhear.models.runtimes import onnx, transformers
from lookhear.models.shelf import Shelf
from lookhear.models.store import Installed


@dataclass(frozen=True)
class Description:
    """What the user says of it."""

    name: str | None = None
    version: str = "1"
    family: str | None = None
    labels: Path | None = None
    licence: str = "unknown"
    commercial: bool | None = None


def import_file(path: Path, shelf: Shelf, said: Description) -> Installed:
    """Install an ONNX file, or a folder with the files of a model. Raises InvalidModel, with what to say beside it."""
    if not (path.is_file() or path.is_dir()):
        raise InvalidModel(f"{path} is no file." if path.exists() else f"There is no {path}.")
    files = _files(path)
    for file in files.values():
        if is_pickle(file):
            raise InvalidModel(
                f"{file} is a Python pickle, which can run anything when read; it is refused. Export it to ONNX."
            )
    found = _known(files, shelf.catalogue)
    card, files = found if found else (_described(path, files, shelf.catalogue, said), files)
    with locked(shelf.store.lock(card)):
        staging = shelf.store.staging(card)
        shutil.rmtree(staging, ignore_errors=True)
        for kept in card.kept:
            with writing(staging):
                (staging / kept.name).parent.mkdir(parents=True, exist_ok=True)
            copy_file(files[kept.name], staging / kept.name)
        return finish(card, shelf.store, staging)


def _files(path: Path) -> dict[str, Path]:
    """By name. An ONNX file brings the files with its weights that lie beside it and are called after it."""
    if path.is_dir():
        found = {str(file.relative_to(path)): file for file in sorted(path.rglob("*")) if file.is_file()}
        hidden = {name for name in found if any(part.startswith(".") for part in Path(name).parts)}
        return transformers.read_of({name: file for name, file in found.items() if name not in hidden | {CARD}})
    beside = [file for ending in (".data", "_data") if (file := path.with_name(path.name + ending)).is_file()]
    return {file.name: file for file in (path, *beside)}


def _known(files: Mapping[str, Path], catalogue: Catalogue) -> tuple[Card, dict[str, Path]] | None:
    """The card all of whose files these are, by what they hold, whatever they are called; and where its files lie."""
    there = {sha256_of(file): file for file in files.values()}
    for card in catalogue.cards:
        if len(card.files) != len(card.kept) or not all(file.sha256 in there for file in card.kept):
            continue
        paths = {file.name: there[file.sha256 or ""] for file in card.kept}
        if len(paths) > 1 or len(files) == 1:
            return card, paths
    return None


def _described(path: Path, files: Mapping[str, Path], catalogue: Catalogue, said: Description) -> Card:
    found = {name: onnx.describe(file) for name, file in files.items() if name.endswith(".onnx")}
    tensors = next(iter(found.values()), None)
    family = said.family or _family(path, found, catalogue)
    facts = catalogue.families.get(family)
    if facts is None:
        known = ", ".join(catalogue.families)
        raise InvalidModel(f"There is no family '{family}'. Known: {known}; see: lookhear models families")
    graphs = facts.get("graphs") or {}
    several = _assigned(graphs, found, forced=said.family is not None)
    if several is None:
        raise InvalidModel(
            f"{path} is no {family}: one file each is needed for {', '.join(graphs)}. {_all_told(found)}"
        )
    values = {
        **shared(facts),
        "name": said.name or _name(path),
        "version": said.version,
        "family": family,
        "licence": said.licence,
        "commercial": said.commercial,
        "summary": f"imported from {path.name}",
        "facts": {**(facts.get("facts") or {}), **({} if graphs else _size(tensors))},
        "graphs": {name: {**graphs[name], "file": file} for name, file in several.items()},
        "batch": all(map(_batches, [graphs[name] for name in several] or [facts], _parts(several, found))),
        "labels": _labels(said, tensors, facts, catalogue),
        "files": [
            dataclasses.asdict(ModelFile(name, (), sha256_of(file), file.stat().st_size))
            for name, file in files.items()
        ],
    }
    return validated(values, f"The model of {path}")


def _name(path: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem if path.is_file() else path.name).strip(".-").lower() or "own"


def _family(path: Path, found: Mapping[str, onnx.Tensors], catalogue: Catalogue) -> str:
    """The one family whose tensors it has. Of those that tell no outputs it may always be one: they must be said."""
    fit = [name for name, facts in catalogue.families.items() if _fits(path, found, facts)]
    if len(fit) == 1:
        return fit[0]
    which = f"It could be {', '.join(fit)}." if fit else "No family is known by such tensors."
    if not found and (named := transformers.architectures(path)):
        which = f"Its config.json says {', '.join(named)}, which no family has."
    raise InvalidModel(
        f"What {path} is cannot be told. {_all_told(found)} {which} Say --family; see: lookhear models families"
    )


def _fits(path: Path, found: Mapping[str, onnx.Tensors], facts: Mapping[str, Any]) -> bool:
    if facts["runtime"] == "transformers":
        return path.is_dir() and transformers.fits(path, facts)
    if facts["runtime"] != "onnx":
        return not found and path.is_dir() and bool(facts.get("mark")) and (path / facts["mark"]).exists()
    if facts.get("graphs"):
        return bool(_assigned(facts["graphs"], found))
    return bool(facts.get("outputs")) and bool(found) and onnx.fits(facts, next(iter(found.values())))


def _assigned(
    graphs: Mapping[str, Any], found: Mapping[str, onnx.Tensors], *, forced: bool = False
) -> dict[str, str] | None:
    """The file of each graph; None where one has none or several that fit. ``forced``: a single file is the first."""
    if forced and graphs and len(found) == 1:
        return {next(iter(graphs)): next(iter(found))}
    fit = {
        graph: [name for name, tensors in found.items() if onnx.fits(part, tensors)] for graph, part in graphs.items()
    }
    lacking = [graph for graph, names in fit.items() if not names and not graphs[graph].get("optional")]
    if lacking or any(len(names) > 1 for names in fit.values()):
        return None
    return {graph: names[0] for graph, names in fit.items() if names}


def _parts(several: Mapping[str, str], found: Mapping[str, onnx.Tensors]) -> list[onnx.Tensors]:
    return [found[file] for file in several.values()] or list(found.values())[:1]


def _batches(facts: Mapping[str, Any], tensors: onnx.Tensors) -> bool:
    """Do all tensors begin with a free axis, and may the family's, called b?"""
    shapes = [*(facts.get("inputs") or {}).values(), *(facts.get("outputs") or {}).values()]
    free = [not isinstance(shape[0], int) for shape in (*tensors.inputs.values(), *tensors.outputs.values()) if shape]
    return bool(shapes) and all(shape[0] == "b" for shape in shapes) and len(free) > 1 and all(free)


def _all_told(found: Mapping[str, onnx.Tensors]) -> str:
    told = (
        f"The inputs of {name} are {_told(tensors.inputs)}, its outputs {_told(tensors.outputs)}."
        for name, tensors in found.items()
    )
    return " ".join(told) or "It has no ONNX file."


def _told(tensors: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} [{' × '.join(map(str, shape))}]" for name, shape in tensors.items())


def _size(tensors: onnx.Tensors | None) -> dict[str, Any]:
    """Height and width, where a picture goes in and they are fixed."""
    shapes = [shape for shape in tensors.inputs.values() if len(shape) == 4] if tensors else []
    fixed = len(shapes) == 1 and all(isinstance(side, int) for side in shapes[0][2:])
    return {"size": list(shapes[0][2:])} if fixed else {}


def _labels(
    said: Description, tensors: onnx.Tensors | None, facts: Mapping[str, Any], catalogue: Catalogue
) -> tuple[str, ...]:
    """As said; else those that the file tells (exports of Ultralytics do); else the family's."""
    if said.labels is not None:
        if not said.labels.is_file():
            raise InvalidModel(f"There is no file of labels {said.labels}.")
        try:
            return read_labels(said.labels)
        except UnicodeDecodeError as error:
            raise InvalidModel(f"{said.labels} is no text in UTF-8, with a label per line.") from error
    names = (tensors.metadata if tensors else {}).get("names")
    if names:
        try:
            table = ast.literal_eval(names)
            return tuple(str(table[i]) for i in range(len(table)))
        except (ValueError, SyntaxError, KeyError, TypeError):
            pass
    if not facts.get("labels") and any(card.labels for card in catalogue.cards if card.role == facts["role"]):
        raise InvalidModel("What it tells apart is not known: say --labels FILE, a file with a label per line.")
    return tuple(facts.get("labels") or ())
