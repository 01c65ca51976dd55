"""What runs models: one module for each runtime, the only ones that import it.

Each has ``load(one, device, settings) -> Loaded`` and ``check(card, folder)``, which raises InvalidModel unless the files
are what the card says.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from lookhear.errors import InvalidCard
from lookhear.models.card import Card
from lookhear.models.settings import ModelSettings
from lookhear.models.store import Installed

RUNTIMES = ("onnx", "ctranslate2", "transformers")


class Loaded(Protocol):
    """A model in memory. ``native`` is the object of its runtime; ``device`` where it runs."""

    native: Any
    device: str

    def close(self) -> None:
        """Let go of it."""


class Runtime(Protocol):
    """A module of this package."""

    def load(self, one: Installed, device: str, settings: ModelSettings) -> Loaded:
        """Into memory. Raises InvalidModel, Unsupported."""
        ...

    def check(self, card: Card, folder: Path) -> None:
        """Raises InvalidModel unless the files are what the card says."""

    def seeded(self, loaded: Any, card: Card) -> dict[str, NDArray[Any]]:
        """Its outputs for one input that is always the same."""
        ...

    def out_of_memory(self, error: BaseException) -> bool:
        """Does it say that the device has no memory left?"""
        ...


def runtime(card: Card) -> Runtime:
    """The module that runs ``card``. Raises InvalidCard."""
    if card.runtime not in RUNTIMES:
        raise InvalidCard(f"{card.id}: there is no runtime '{card.runtime}'. Known: {', '.join(RUNTIMES)}.")
    return cast(Runtime, import_module(f"{__package__}.{card.runtime}"))


def check_loads(card: Card, folder: Path) -> None:
    """Raises InvalidModel unless the runtime takes the files, and finds in them what the card says."""
    runtime(card).check(card, folder)
