"""Which model an old client's name means: names of weights that are not ours stand for the active model of their role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lookhear.errors import UnknownModel
from lookhear.models.card import AUTO, Card

_ENDINGS = (".pt", ".onnx")


@dataclass(frozen=True)
class Door:
    """A place where models are named. ``default``: the name that stands for the active model; ``same``: ours of the
    very same weights, which it means where one is installed; ``profiles``: which of ours stand for it, the first that is
    installed, else the active one."""

    role: str
    default: str
    same: tuple[str, ...] = ()
    profiles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


DETECTOR = Door(
    "objects",
    "yolov8n.pt",
    profiles={
        "fast": ("yolox-nano", "yolox-tiny", "dfine-n", "rfdetr-nano"),
        "high_quality": ("dfine-m", "yolox-l", "dfine-s", "rfdetr-nano", "rtdetr-r18", "dfine-n", "yolox-s"),
    },
)
FACES = Door("faces", "yolov8n-face.pt")
WHISPER = Door("transcript", "large-v3", same=("whisper-large-v3",))


@dataclass(frozen=True)
class Known:
    """Cards of the catalogue, and of what is installed."""

    catalogue: tuple[Card, ...]
    installed: tuple[Card, ...] = ()

    def model(self, door: Door, name: str, profile: str = "balanced") -> str:
        """What to ask the engine for. Raises UnknownModel, naming those that are known.

        A model that is known but not installed is asked for all the same: the engine tells how to get it.
        """
        there = [card for card in self.installed if card.role == door.role]
        own = next((card.name for card in there if _called(card, name)), None)
        if own is not None or name == AUTO:
            return own or AUTO
        if name == door.default:
            return self._standing_for(door, [card.name for card in there], profile)
        fit = [card for card in (*there, *self.catalogue) if card.role == door.role]
        if any(_called(card, name) or name in (card.id, *card.aliases) for card in fit):
            return name
        known = dict.fromkeys([door.default, *(card.name for card in fit)])
        raise UnknownModel(f"There is no model '{name}' for {door.role}. Known: {', '.join(known)}.")

    def _standing_for(self, door: Door, there: list[str], profile: str) -> str:
        wanted = door.same or door.profiles.get(profile, ())
        return next((name for name in wanted if name in there), AUTO)


def _called(card: Card, name: str) -> bool:
    """Is it imported as ``name``, or as that without its ending?"""
    stem = next((name.removesuffix(ending) for ending in _ENDINGS if name.endswith(ending)), name)
    return card.name in (name, stem)
