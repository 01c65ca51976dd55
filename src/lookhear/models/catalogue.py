"""Which models are known: ``models.yml`` of this package, and the user's own beside it.

A file holds ``families`` (facts that all models of one kind share) and ``models``. Its labels may be a list, or the name
of a list in ``labels/``. An entry of the user's replaces ours of the same name and version.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from lookhear.errors import InvalidCard, UnknownModel
from lookhear.models.card import AUTO, CARD, Card, Graph, ModelFile, Source

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Catalogue:
    """All known cards, the newest version of a name first."""

    cards: tuple[Card, ...]
    families: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def find(self, name: str) -> Card:
        """By name, ``name@version`` or alias; of several versions the newest. Raises UnknownModel."""
        plain, at, version = name.partition("@")
        called = [card for card in self.cards if plain == card.name]
        named = called or [card for card in self.cards if plain in card.aliases]
        fit = [card for card in named if not at or card.version == version]
        if fit:
            return fit[0]
        if named:
            versions = ", ".join(card.version for card in named)
            raise UnknownModel(f"There is no version '{version}' of the model '{plain}'. Known: {versions}.")
        import difflib

        names = list(dict.fromkeys(card.name for card in self.cards))
        near = difflib.get_close_matches(plain, names, 1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise UnknownModel(f"There is no model '{plain}'.{hint} Known models: {', '.join(names)}.")

    def of(self, role: str, *, commercial_only: bool = False) -> tuple[Card, ...]:
        """Those for one role, the best first."""
        fit = [card for card in self.cards if card.role == role and (card.commercial or not commercial_only)]
        return tuple(sorted(fit, key=lambda card: -card.rank))

    def first(self, role: str, *, commercial_only: bool = False) -> Card | None:
        """What to get first for a role."""
        cards = self.of(role, commercial_only=commercial_only)
        return next((card for card in cards if card.recommended), next(iter(cards), None))

    def check_name(self, name: str, *roles: str) -> None:
        """Raises UnknownModel unless ``name`` is a model for one of ``roles``, naming those that are."""
        if name == AUTO:
            return
        known = ", ".join(dict.fromkeys(card.name for role in roles for card in self.of(role)))
        try:
            card = self.find(name)
        except UnknownModel as error:
            if "@" in name and any(name.partition("@")[0] == card.name for role in roles for card in self.of(role)):
                raise  # it tells the versions
            raise UnknownModel(f"There is no model '{name}' for {roles[0]}. Known: {known}.") from error
        if card.role not in roles:
            raise UnknownModel(f"The model '{name}' is for {card.role}, not for {roles[0]}. Known: {known}.")


def load_catalogue(own: Path | None = None) -> Catalogue:
    """Ours, and what the file ``own`` adds. Raises InvalidCard."""
    ours = _ours()
    if own is None:
        return ours
    theirs = parse(_read(own), str(own), ours.families, own.parent)
    known = {card.id for card in theirs.cards}
    cards = theirs.cards + tuple(card for card in ours.cards if card.id not in known)
    return Catalogue(cards, theirs.families)


@lru_cache(maxsize=1)
def stamp_of_ours() -> str:
    """Another text for another state of our catalogue; costs next to nothing."""
    import xxhash

    return xxhash.xxh64((_HERE / "models.yml").read_bytes()).hexdigest()


@lru_cache(maxsize=1)
def _ours() -> Catalogue:
    return parse((_HERE / "models.yml").read_text("utf-8"), "models.yml", {}, _HERE)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidCard(f"The model catalogue {path} cannot be read: {reason}. See MODEL_CATALOGUE.") from error


def parse(text: str, name: str, families: Mapping[str, Mapping[str, Any]], folder: Path) -> Catalogue:
    """The catalogue in ``text``; ``name`` is what errors call it. Raises InvalidCard."""
    import yaml

    try:
        data = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark, said = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
        where = f", line {mark.line + 1}" if mark else ""
        raise InvalidCard(f"{name} is no YAML{where}: {said.splitlines()[0]}.") from error
    if not isinstance(data, dict) or set(data) - {"families", "models"}:
        raise InvalidCard(f"{name} must hold 'families' and 'models', and nothing else.")
    own, entries = data.get("families") or {}, data.get("models") or []
    if not isinstance(own, dict) or not all(isinstance(facts, dict) for facts in own.values()):
        raise InvalidCard(f"{name}: 'families' must be a mapping of names to facts.")
    if not isinstance(entries, list):
        raise InvalidCard(f"{name}: 'models' must be a list, each entry beginning with '- name: …'.")
    told = {family: facts | {"labels": _labels(facts.get("labels"), folder, name)} for family, facts in own.items()}
    families = {**families, **told}
    cards = [_card(entry, families, name, folder) for entry in entries]
    twice = {card.id for card in cards if sum(other.id == card.id for other in cards) > 1}
    if twice:
        raise InvalidCard(f"{name} has these more than once: {', '.join(sorted(twice))}.")
    return Catalogue(tuple(cards), families)


def _card(entry: Any, families: Mapping[str, Mapping[str, Any]], name: str, folder: Path) -> Card:
    if not isinstance(entry, dict):
        raise InvalidCard(f"{name}: a model is written as 'name: …', 'version: …' and so on.")
    called, family = entry.get("name", "?"), str(entry.get("family"))
    if family not in families:
        raise InvalidCard(f"{name}, model '{called}': its family must be one of {', '.join(sorted(families))}.")
    name = f"{name}, model '{called}'"
    values = {**shared(families[family]), **entry}
    both = [facts.get("facts") or {} for facts in (families[family], entry)]
    if not all(isinstance(facts, dict) for facts in both):
        raise InvalidCard(f"{name}: 'facts' must be a mapping.")
    values["facts"] = both[0] | both[1]
    values["labels"] = _labels(values.get("labels"), folder, name)
    values["files"] = _files(values.get("files"), name)
    values["graphs"] = _graphs(families[family].get("graphs"), entry.get("graphs"), values["files"], name)
    return validated(values, name)


def shared(family: Mapping[str, Any]) -> dict[str, Any]:
    """What all cards of a family have; ``mark``, the file by which folders of it are told, is the family's alone."""
    return {name: value for name, value in family.items() if name != "mark"}


def validated(values: Mapping[str, Any], name: str) -> Card:
    """A card out of plain values; ``name`` is what errors call it. Raises InvalidCard."""
    from pydantic import TypeAdapter, ValidationError

    _check_names(values, Card, name)
    try:
        card: Card = TypeAdapter(Card).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidCard(f"{name}: {where}: {first['msg']}.") from error
    for file in values["files"]:
        _check_names(file, ModelFile, f"{name}, file '{file['name']}'")
        for source in file.get("sources", ()):
            _check_names(source, Source, f"{name}, file '{file['name']}'")
    for graph, facts in (values.get("graphs") or {}).items():
        _check_names(facts, Graph, f"{name}, graph '{graph}'")
    check_card(card, name)
    return card


def _check_names(values: Mapping[str, Any], kind: type[Any], name: str) -> None:
    known = {field.name for field in dataclasses.fields(kind)}
    unknown = set(map(str, values)) - known
    if unknown:
        raise InvalidCard(f"{name}: '{min(unknown)}' means nothing here. Known: {', '.join(sorted(known))}.")


def check_card(card: Card, name: str) -> None:
    """Its files lie in its folder, and its folder in a store; ``name`` is what errors call it. Raises InvalidCard."""
    names = [file.name for file in card.files]
    for file in card.files:
        parts = Path(file.name).parts
        if not parts or Path(file.name).is_absolute() or ".." in parts or "\0" in file.name:
            raise InvalidCard(f"{name}: the file '{file.name}' must lie in the model's own folder.")
        if file.name == CARD:
            raise InvalidCard(f"{name}: no file of a model can be called '{file.name}'.")
        if names.count(file.name) > 1:
            raise InvalidCard(f"{name} has the file '{file.name}' more than once.")
        if file.sha256 is not None and not re.fullmatch("[0-9a-f]{64}", file.sha256):
            raise InvalidCard(f"{name}, file '{file.name}': its sha256 must be 64 hex digits.")
        for source in file.sources:
            if source.wheel and not re.fullmatch(r"[\w.-]+==[\w.!+-]+", source.wheel):
                raise InvalidCard(f"{name}: the wheel '{source.wheel}' must be written as 'name==version'.")
            if sum(map(bool, (source.hub, source.https, source.wheel, source.file))) != 1:
                raise InvalidCard(f"{name}: a source is exactly one of hub, https, wheel, file.")
    for graph in card.graphs.values():
        if graph.file not in {file.name for file in card.kept}:
            raise InvalidCard(f"{name}: the file '{graph.file}' of one of its graphs is not among its files.")
    for word in (card.name, card.version):
        if not word or set(word) & set("/\\@ \0\n") or word.startswith("."):
            raise InvalidCard(f"{name}: '{word}' is no name or version: no blanks, slashes, @, nor a dot at the start.")


def _files(files: Any, name: str) -> Any:
    """``{name: facts}`` as a list, sums in small letters; what is no mapping is left to be refused."""
    if not isinstance(files, Mapping):
        return files
    for file, facts in files.items():
        if not isinstance(facts or {}, Mapping):
            raise InvalidCard(f"{name}, file '{file}': its facts must be a mapping, as in 'sha256: …'.")
    listed = [{"name": file, **(facts or {})} for file, facts in files.items()]
    return [facts | {"sha256": str(facts["sha256"]).lower()} if facts.get("sha256") else facts for facts in listed]


def _graphs(ours: Any, own: Any, files: Any, name: str) -> Any:
    """A family's graphs with what a card says of them, in GRAPH.onnx unless told; without those it may and does lack."""
    for graphs in (ours or {}, own or {}):
        if not isinstance(graphs, Mapping) or not all(isinstance(facts, Mapping) for facts in graphs.values()):
            raise InvalidCard(f"{name}: 'graphs' must be a mapping of names to facts.")
    there = {file["name"] for file in files or () if isinstance(file, Mapping) and "name" in file}
    names = dict.fromkeys([*(ours or {}), *(own or {})])
    told = {name: {"file": f"{name}.onnx", **(ours or {}).get(name, {}), **(own or {}).get(name, {})} for name in names}
    return {name: facts for name, facts in told.items() if facts["file"] in there or not facts.get("optional")}


def _labels(labels: Any, folder: Path, name: str) -> Any:
    if not isinstance(labels, str):
        return labels or ()
    for place in (folder / labels, folder / "labels" / f"{labels}.txt", _HERE / "labels" / f"{labels}.txt"):
        if place.is_file():
            return read_labels(place)
    raise InvalidCard(f"{name}: there is no list of labels '{labels}'.")


def read_labels(path: Path) -> tuple[str, ...]:
    """A label per line."""
    return tuple(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip())


def roles(cards: Iterable[Card]) -> tuple[str, ...]:
    """What all these are for, each once."""
    return tuple(dict.fromkeys(card.role for card in cards))
