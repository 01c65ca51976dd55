"""Pictures as networks take them: the shorter side made so long, the middle cut out, each channel centred and scaled.

What torchvision's Resize and CenterCrop do to a picture of Pillow's, and the image processors of transformers with Pillow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lookhear.errors import InvalidCard, InvalidModel
from lookhear.models.card import Card
from lookhear.models.shelf import Model

Pixels = NDArray[np.uint8]
ROWS = 8  #: pictures that go through a network together, where it takes more than one
_LONG = 8  # times as long as high
_FACTS = ("resize", "size", "filter", "crop", "mean", "std")


@dataclass(frozen=True)
class Preparation:
    """``resize``: the shorter side. ``size``: height and width of what is cut out. ``mean`` and ``std``: of red, green and
    blue, 0..1. ``crop``: where an odd number of pixels is too many, ``floor`` leaves fewer out above and on the left, as
    transformers does; ``round`` rounds halves to even, as torchvision does.
    """

    resize: int
    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    filter: Literal["bicubic", "bilinear"] = "bicubic"
    crop: Literal["floor", "round"] = "floor"

    def __call__(self, pixels: Pixels) -> NDArray[np.float32]:
        """(3, height, width) out of (rows, columns, 3) in sRGB. Pillow filters with a support that grows with the step."""
        cut = self._cut(pixels)
        std = np.asarray(self.std, np.float64)
        factor, summand = (1 / (255 * std)).astype(np.float32), (-np.asarray(self.mean) / std).astype(np.float32)
        out: NDArray[np.float32] = np.empty((3, *self.size), np.float32)
        np.multiply(cut.transpose(2, 0, 1), factor[:, None, None], out=out)
        out += summand[:, None, None]
        return out

    def _cut(self, pixels: Pixels) -> Pixels:
        """The middle of the picture, once its shorter side is as long as it shall be; the longer is cut to whole pixels."""
        from PIL import Image

        rows, columns = pixels.shape[:2]
        longer = int(self.resize * max(rows, columns) / min(rows, columns))
        width, height = (longer, self.resize) if rows <= columns else (self.resize, longer)
        left, top = self._start(width - self.size[1]), self._start(height - self.size[0])
        corners = (left, top, left + self.size[1], top + self.size[0])
        if longer > _LONG * self.resize:  # only what is needed: the whole could be as large as you please
            across, down = columns / width, rows / height
            box = (corners[0] * across, corners[1] * down, corners[2] * across, corners[3] * down)
            return np.asarray(Image.fromarray(pixels).resize(self.size[::-1], self._filter(), box))
        small = Image.fromarray(pixels).resize((width, height), self._filter())
        return np.asarray(small.crop(corners))

    def _filter(self) -> Any:
        from PIL import Image

        return Image.Resampling[self.filter.upper()]

    def _start(self, spare: int) -> int:
        return spare // 2 if self.crop == "floor" else round(spare / 2)


def preparation(card: Card) -> Preparation:
    """As the facts of the card say. Raises InvalidCard."""
    told: dict[str, Any] = {name: card.facts[name] for name in _FACTS if name in card.facts}
    facts: dict[str, Any] = {name: tuple(fact) if isinstance(fact, list) else fact for name, fact in told.items()}
    try:
        found = Preparation(**facts)
    except TypeError as error:
        raise InvalidCard(f"{card.id}: its facts do not say how pictures are prepared ({error}).") from error
    if min(found.size) < 1 or found.resize < max(found.size) or found.filter not in ("bicubic", "bilinear"):
        raise InvalidCard(f"{card.id}: resize must be no less than size, and filter bicubic or bilinear.")
    return found


def answers(model: Model, pictures: Sequence[Pixels]) -> NDArray[np.float32]:
    """(n, d) of n pictures, by a network with one input and one output of two axes. Raises InvalidCard, InvalidModel."""
    prepare = preparation(model.card)
    rows = ROWS if model.card.batch else 1
    runs = [pictures[first : first + rows] for first in range(0, len(pictures), rows)]
    return np.concatenate([through(model, np.stack([prepare(one) for one in run])) for run in runs])


def through(model: Model, prepared: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network makes of pictures that are prepared."""
    with model.use() as session:
        taken = session.get_inputs()[0]
    feeds = {taken.name: prepared.astype(kind_of(taken), copy=False)}
    return model.run(feeds)[place_of_vectors(model)].astype(np.float32, copy=False)


def kind_of(tensor: Any) -> str:
    """NumPy's name for the type of one of a session's inputs."""
    kind = str(tensor.type)[len("tensor(") : -1]
    return {"float": "float32", "double": "float64"}.get(kind, kind)


def place_of_vectors(model: Model) -> int:
    """Which output: the one that the card names; of others the first that has two axes. Raises InvalidModel."""
    with model.use() as session:
        outputs = session.get_outputs()
    named = [i for i, output in enumerate(outputs) if output.name in model.card.outputs]
    flat = [i for i, output in enumerate(outputs) if len(output.shape or ()) == 2]
    if not named + flat:
        raise InvalidModel(f"{model.card.id} gives no vectors: none of its outputs has two axes.")
    return (named or flat)[0]
