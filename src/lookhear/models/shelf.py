"""What tasks and front doors see of models: ask for one by role, and run it."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from numpy.typing import NDArray

from lookhear.errors import ModelMissing, StoreUnwritable, UnknownModel
from lookhear.models.card import AUTO, Card, Want
from lookhear.models.catalogue import Catalogue, load_catalogue, stamp_of_ours
from lookhear.models.settings import ModelSettings
from lookhear.models.store import Installed, Store

T = TypeVar("T")

if TYPE_CHECKING:
    from lookhear.models.sessions import Sessions


@dataclass(frozen=True)
class Model:
    """An installed model. Nothing is loaded before it is first used."""

    one: Installed
    sessions: Sessions

    def __deepcopy__(self, memo: dict[int, Any]) -> Model:
        """A copy of what uses it uses the same."""
        return self

    @property
    def card(self) -> Card:
        """What it is."""
        return self.one.card

    def file(self, name: str | None = None) -> Path:
        """One of its files: the only one, or by name."""
        return self.one.file(name)

    @property
    def cache(self) -> Path:
        """A folder of the store, perhaps not there yet, for what these weights work out in this precision."""
        return self.one.cache / self.sessions.precision

    def graph(self, name: str) -> Model:
        """One of its graphs, as a model of its own. Raises InvalidModel if it lacks it."""
        return Model(self.one.graph(name), self.sessions)

    @contextmanager
    def use(self) -> Iterator[Any]:
        """The object of its runtime, which stays in memory meanwhile."""
        with self.sessions.use(self.one) as loaded:
            yield loaded.native

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The outputs of an ONNX model, in its order. Where a GPU has no memory left, it goes on on the processor."""
        return self._or_on_the_processor(lambda: self._run(feeds))

    def work(self, with_native: Callable[[Any], T]) -> T:
        """What is made with the object of its runtime; on the processor where a GPU has no memory left."""

        def made() -> T:
            with self.use() as native:
                return with_native(native)

        return self._or_on_the_processor(made)

    def _or_on_the_processor(self, run: Callable[[], T]) -> T:
        try:
            return run()
        except Exception as error:
            if not self.sessions.to_processor(self.one, error):
                raise
        return run()

    def _run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        with self.sessions.use(self.one) as loaded:
            return loaded.run(feeds)  # type: ignore[attr-defined, no-any-return]


class Shelf:
    """The models of one store, and the one set of sessions over them."""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self.store = Store(settings.store_folder)
        self._pulling, self._guard = threading.Lock(), threading.Lock()
        self._sessions: Sessions | None = None

    @property
    def stocked(self) -> bool:
        """May anything be found? Costs a look at one file."""
        return self.settings.model_auto_pull or self.store.stamp() != 0

    @property
    def sessions(self) -> Sessions:
        """Loaded models: one pool for all threads. Its code is imported when the first is found."""
        from lookhear.models.sessions import Sessions

        with self._guard:
            self._sessions = self._sessions or Sessions(self.settings)
            return self._sessions

    @property
    def catalogue(self) -> Catalogue:
        """All that is known. Raises InvalidCard."""
        return _catalogue(self.settings.model_catalogue)

    def find(self, want: Want) -> Model | None:
        """What is installed for it, None where nothing is. Raises UnknownModel for a name nobody knows."""
        one = self.store.find(want, commercial_only=self.settings.commercial_only)
        if one is not None and one.card.role not in want.roles:
            raise UnknownModel(f"The model '{want.model}' is for {one.card.role}, not for {want.role}.")
        if one is not None:
            self.check_terms(one.card)
            return Model(self._fresh(one), self.sessions)
        if want.model != AUTO:
            self.catalogue.check_name(want.model, *want.roles)
            self.check_terms(self.catalogue.find(want.model))
        return None

    def check_terms(self, card: Card) -> None:
        """Raises UnknownModel for a model that COMMERCIAL_ONLY leaves out."""
        if self.settings.commercial_only and not card.commercial:
            raise UnknownModel(f"{card.id} may not be used commercially ({card.licence}), and COMMERCIAL_ONLY is set.")

    def _fresh(self, one: Installed) -> Installed:
        """With what our catalogue says now, if it says more than when the model was installed."""
        if one.catalogue == stamp_of_ours():
            return one
        known = next((card for card in self.catalogue.cards if card.id == one.card.id), None)
        card = known or one.card
        ranked = [other for other in self.catalogue.of(card.role) if other.rank > card.rank]
        better = dict.fromkeys(other.name for other in ranked if other.commercial or not card.commercial)
        try:
            return self.store.refresh(one, card, tuple(better))
        except StoreUnwritable:
            return (
                one
                if known is None
                else dataclasses.replace(one, card=dataclasses.replace(known, files=one.card.files))
            )

    def get(self, want: Want) -> Model:
        """Like ``find``; raises ModelMissing with the command that helps, unless MODEL_AUTO_PULL fetches it."""
        model = self.find(want)
        if model is not None:
            return model
        card = self._card(want)
        if card is not None and self.settings.model_auto_pull:
            from lookhear.models.install import pull  # what fetches is seldom needed

            with self._pulling:
                return Model(pull(card, self.store, self.settings.model_mirror), self.sessions)
        raise ModelMissing(self._missing(want, card))

    def _card(self, want: Want) -> Card | None:
        if want.model != AUTO:
            return self.catalogue.find(want.model)
        return self.catalogue.first(want.role, commercial_only=self.settings.commercial_only)

    def _missing(self, want: Want, card: Card | None) -> str:
        if card is None:
            return f"No model for {want.role} is known. Import one: lookhear models import"
        which = "No model" if want.model == AUTO else f"The model '{want.model}'"
        return f"{which} for {want.role} is {'' if want.model == AUTO else 'not '}installed. {get_it(card)}"

    def better(self, model: Model) -> str | None:
        """The best model for the same, of no stricter terms, that is known and not installed."""
        if self.settings.commercial_only and not model.card.commercial:
            return None
        installed = {one.card.name for one in self.store.all().values()}
        return next((name for name in model.one.better[:1] if name not in installed), None)


def get_it(card: Card) -> str:
    """The command that installs it."""
    return f"Get one with: lookhear models pull {card.name}"


@lru_cache(maxsize=8)
def _catalogue(own: Path | None) -> Catalogue:
    return load_catalogue(own.expanduser() if own else None)


@lru_cache(maxsize=8)
def shelf_for(settings: ModelSettings) -> Shelf:
    """The one of this process for these settings."""
    return Shelf(settings)
