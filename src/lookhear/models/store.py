"""Which models are installed, and which version of each is active.

::

    <folder>/installed/<name>/<version>/   card.json and the files; appears at once, whole
    <folder>/state.json                    the history of active versions of each name, the chosen name of each role
    <folder>/staging, locks                what is being fetched; models.lock.json: sums that were learned

A version is installed when its folder is there. Everything else is written so that a killed process leaves either the old
or the new.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookhear.errors import InvalidModel, UnknownModel
from lookhear.models.card import AUTO, CARD, Card, Want, from_plain
from lookhear.models.catalogue import stamp_of_ours
from lookhear.models.disk import exchange, read_json, read_table, write_json, writing
from lookhear.models.locks import locked


@dataclass(frozen=True)
class Installed:
    """A version that is there."""

    card: Card
    folder: Path
    catalogue: str = ""  #: which state of our catalogue the card is from
    part: str = ""  #: which graph, of a model with several
    better: tuple[str, ...] = ()  #: models for the same that the catalogue ranks higher, the best first

    @property
    def key(self) -> str:
        """Another for everything that is loaded on its own."""
        return f"{self.folder}:{self.part}"

    def graph(self, name: str) -> Installed:
        """One of its graphs, as a model of its own. Raises InvalidModel if it lacks it."""
        if name not in self.card.graphs:
            raise InvalidModel(f"{self.card.id} has no {name} graph. Install a model that has one.")
        return Installed(self.card.part(name), self.folder, self.catalogue, name)

    @property
    def graphs(self) -> tuple[Installed, ...]:
        """All that can be loaded: each of its graphs, or itself."""
        return tuple(map(self.graph, self.card.graphs)) or (self,)

    @property
    def cache(self) -> Path:
        """A folder of the store, perhaps not there yet, for what these weights have worked out."""
        return self.folder.parents[2] / "cache" / f"{self.card.id}-{(self.sha256 or '')[:16]}"

    def file(self, name: str | None = None) -> Path:
        """One of its files: the only one, or by name."""
        if name is None:
            name = self.card.kept[0].name if self.card.kept else f"{self.card.name}.onnx"
        return self.folder / name

    @property
    def sha256(self) -> str | None:
        """Of its one file, or of the list of the sums of all: which weights these are."""
        import hashlib

        sums = [f"{file.name}:{file.sha256}" for file in self.card.kept if file.sha256]
        if len(sums) == 1:
            return sums[0].rpartition(":")[2]
        return hashlib.sha256("\n".join(sums).encode()).hexdigest() if sums else None


class Store:
    """The models in one folder. Reading needs no lock; other processes may change it at any time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._state = folder / "state.json"
        self._known: tuple[int, dict[str, Installed]] = (-1, {})
        self._told: tuple[int, dict[str, Any]] = (-1, {})

    def stamp(self) -> int:
        """Another number after every change; 0 where nothing was ever installed."""
        try:
            return os.stat(self._state).st_mtime_ns
        except OSError:
            return 0

    def all(self) -> dict[str, Installed]:
        """By ``name@version``."""
        stamp = self.stamp()
        if stamp != self._known[0]:
            found = {one.card.id: one for one in self._scan()}
            self._known = (stamp, found)
        return self._known[1]

    def fresh(self) -> dict[str, Installed]:
        """Likewise, looked up now: one may have come a moment ago."""
        self._known = (-1, {})
        return self.all()

    def _scan(self) -> Iterator[Installed]:
        for path in sorted((self.folder / "installed").glob(f"*/*/{CARD}")):
            values = read_json(path)
            try:
                one = Installed(
                    from_plain(values["card"]), path.parent, values["catalogue"], "", tuple(values.get("better", ()))
                )
                if one.folder == self.place(one.card):  # else it is about to go
                    yield one
            except (TypeError, KeyError, ValueError, AttributeError):
                continue  # of a newer version of ours: as if it were not there

    def state(self) -> dict[str, Any]:
        """``active``: name -> versions, the last is active; ``chosen``: role -> name. Read again after every change."""
        stamp = self.stamp()
        if stamp != self._told[0]:
            self._told = (stamp, self._read_state())
        return self._told[1]

    def _read_state(self) -> dict[str, Any]:
        """What is unreadable is not there."""
        found = read_table(self._state)
        told = {key: value if isinstance(value := found.get(key), dict) else {} for key in ("active", "chosen")}
        lists = {name: versions for name, versions in told["active"].items() if isinstance(versions, list)}
        return {**found, "active": lists, "chosen": told["chosen"]}

    def active(self, name: str) -> Installed | None:
        """The active version of a name; where no history tells it, the last by name."""
        installed = self.all()
        for version in reversed(self.state()["active"].get(name, [])):
            if f"{name}@{version}" in installed:
                return installed[f"{name}@{version}"]
        return next((one for one in reversed(installed.values()) if one.card.name == name), None)

    def find(self, want: Want, *, commercial_only: bool = False) -> Installed | None:
        """What ``want`` means here: the model it names, or the chosen or else best one of its role."""
        installed = self.all()
        if not installed:
            return None
        if want.model != AUTO:
            return self._named(want, installed)
        found = (self._best(role, installed, commercial_only) for role in want.roles)
        return next((one for one in found if one is not None), None)

    def _best(self, role: str, installed: dict[str, Installed], commercial_only: bool) -> Installed | None:
        names = dict.fromkeys(one.card.name for one in installed.values() if one.card.role == role)
        found = [one for one in map(self.active, names) if one is not None and one.card.role == role]
        found = [one for one in found if one.card.commercial or not commercial_only]
        chosen = self.state()["chosen"].get(role)
        return max(found, key=lambda one: (one.card.name == chosen, one.card.rank), default=None)

    def _named(self, want: Want, installed: dict[str, Installed]) -> Installed | None:
        plain, at, version = want.model.partition("@")
        own = installed.get(want.model) if at else self.active(plain)
        if own is not None:
            return own
        named = [one for one in installed.values() if plain in one.card.aliases and one.card.role in want.roles]
        if at:
            return next((one for one in named if one.card.version == version), None)
        return next((self.active(one.card.name) for one in named), None)

    def place(self, card: Card) -> Path:
        """Where a version lies once it is installed."""
        return self.folder / "installed" / card.name / card.version

    def staging(self, card: Card) -> Path:
        """Where its files are gathered."""
        return self.folder / "staging" / card.id

    def lock(self, card: Card) -> Path:
        """What processes that fetch it agree on."""
        return self.folder / "locks" / f"{card.id}.lock"

    def put(self, card: Card, staging: Path, *, activate: bool = True) -> Installed:
        """Make what lies in ``staging`` the version that ``card`` says, at once."""
        catalogue = ""  # who finds it first asks the catalogue for more
        write_json(staging / CARD, {"catalogue": catalogue, "card": dataclasses.asdict(card)})
        place = self.place(card)
        with writing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            gone = staging
            if not (place.exists() and exchange(staging, place)):
                gone = _aside(place)
                os.replace(staging, place)
            shutil.rmtree(gone, ignore_errors=True)
        self._change(lambda state: _push(state, card) if activate else None)
        return Installed(card, place, catalogue)

    def refresh(self, one: Installed, card: Card, better: tuple[str, ...] = ()) -> Installed:
        """The same weights with what our catalogue knows of them now."""
        if not (one.folder / CARD).exists():
            return one  # it was deleted a moment ago
        kept = dataclasses.replace(card, files=one.card.files)
        catalogue = stamp_of_ours()
        write_json(one.folder / CARD, {"catalogue": catalogue, "better": better, "card": dataclasses.asdict(kept)})
        self._change(lambda state: None)
        return Installed(kept, one.folder, catalogue, "", better)

    def activate(self, name: str, version: str | None = None, *, choose: bool = False) -> Installed:
        """Make an installed version the active one; ``choose`` it for its role, too. Raises UnknownModel."""
        there = self.fresh()
        one = there.get(f"{name}@{version}") if version else self.active(name)
        if one is None:
            raise UnknownModel(self._not_installed(name, version))
        card = one.card

        def change(state: dict[str, Any]) -> None:
            _push(state, card)
            if choose:
                state["chosen"][card.role] = name

        self._change(change)
        return one

    def rollback(self, name: str) -> Installed:
        """Make the version active that was so before. Raises UnknownModel if there is none."""
        history = [version for version in self.state()["active"].get(name, []) if f"{name}@{version}" in self.all()]
        if len(history) < 2:
            raise UnknownModel(f"No earlier version of '{name}' is installed. See: lookhear models list --installed")

        def change(state: dict[str, Any]) -> None:
            state["active"][name] = [history[-1], *history[:-1]]

        self._change(change)
        return self.all()[f"{name}@{history[-2]}"]

    def remove(self, name: str, version: str) -> None:
        """Delete a version. Raises UnknownModel."""
        one = self.all().get(f"{name}@{version}")
        if one is None:
            raise UnknownModel(self._not_installed(name, version))
        with writing(one.folder):
            shutil.rmtree(_aside(one.folder))
        self._forget(one)

        def change(state: dict[str, Any]) -> None:
            state["active"][name] = [other for other in state["active"].get(name, []) if other != version]

        self._change(change)

    def _forget(self, one: Installed) -> None:
        """Delete what was worked out of its weights."""
        digest = (one.sha256 or "own")[:16]
        for path in (*self.folder.glob("derived/*"), *self.folder.glob("cache/*")):
            if path.name.startswith(f"{one.card.id}-") and digest in path.name:
                with contextlib.suppress(OSError):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _not_installed(self, name: str, version: str | None) -> str:
        there = ", ".join(self.all()) or "nothing"
        which = f"{name}@{version}" if version else name
        return f"'{which}' is not installed; {there} is. Get it with: lookhear models pull {which}"

    def _change(self, change: Any) -> None:
        with locked(self.folder / "locks" / "state.lock"):
            state = self._read_state()
            before = self.stamp()
            change(state)
            write_json(self._state, state)
            if self.stamp() == before:  # a clock that is too coarse must not hide a change
                os.utime(self._state, ns=(before + 1, before + 1))


def _aside(place: Path) -> Path:
    """Where ``place`` is from now on, if it was there: its deletion may be interrupted."""
    gone = place.with_name(f".{place.name}.gone")
    shutil.rmtree(gone, ignore_errors=True)
    if place.exists():
        os.replace(place, gone)
    return gone


def _push(state: dict[str, Any], card: Card) -> None:
    history = [version for version in state["active"].get(card.name, []) if version != card.version]
    state["active"][card.name] = [*history, card.version]
