"""CLIP: pictures and texts as vectors of one space, whose dot product says how well they go together.

Aim: the vectors that search, zero-shot labels and anything else share, whoever asks for them.
Reference: Radford et al., ICML 2021. Pictures are prepared as the model's card says, texts by its ``tokenizer.json``.
Conventions: vectors have unit length (L2), float32. A picture or text that was asked for a moment ago is not run again.
A model without text graph or tokenizer embeds pictures alone; asked for a text it raises InvalidModel.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookhear.errors import InvalidModel
from lookhear.models.clip.tokenizer import LENGTH, read_tokenizer
from lookhear.models.pictures import ROWS, Pixels, kind_of, place_of_vectors, preparation, through
from lookhear.models.shelf import Model

ROLE = "image_embedding"
_KEPT = 512  # vectors
_TEXTS = 64  # that go through the network together: a text is a tenth of a picture
Vectors = NDArray[np.float32]


def picture_vectors(model: Model, pictures: Sequence[Pixels]) -> Vectors:
    """(n, d) of n pictures in sRGB, (rows, columns, 3) uint8."""
    import xxhash

    prepare = preparation(model.card)

    def run(which: list[int]) -> Vectors:
        return unit(through(model.graph("visual"), np.stack([prepare(pictures[i]) for i in which])))

    keys = [
        f"picture {pixels.shape} {xxhash.xxh3_128_hexdigest(np.ascontiguousarray(pixels).data)}" for pixels in pictures
    ]
    return _remembered(model, keys, run, ROWS)


def text_vectors(model: Model, texts: Sequence[str]) -> Vectors:
    """(n, d) of n texts; of each at most 75 pieces of words count. Raises InvalidModel."""
    path = next((model.file(file.name) for file in model.card.kept if file.name.endswith("tokenizer.json")), None)
    if path is None or "textual" not in model.card.graphs:
        raise InvalidModel(f"{model.card.id} has no text side. Install a model that has one: lookhear models list")
    tokenizer = read_tokenizer(path, model.one.sha256 or "")
    numbers = [tokenizer(text) for text in texts]
    keys = [f"text {text}" for text in texts]
    return _remembered(model, keys, lambda which: _texts(model, [numbers[i] for i in which]), _TEXTS)


def text_vector(model: Model, text: str) -> Vectors:
    """(d,) of a text. Raises InvalidModel."""
    found: Vectors = text_vectors(model, [text])[0]
    return found


def _texts(model: Model, numbers: Sequence[Sequence[int]]) -> Vectors:
    """What follows the end mark counts for nothing: the network looks only back."""
    graph = model.graph("textual")
    with graph.use() as session:
        inputs = {one.name: one for one in session.get_inputs()}
    mask = next((inputs.pop(name) for name in list(inputs) if "mask" in name), None)
    (tokens,) = inputs.values()
    length = tokens.shape[1] if isinstance(tokens.shape[1], int) else min(max(map(len, numbers)), LENGTH)
    rows = np.zeros((len(numbers), length), kind_of(tokens))
    for row, one in zip(rows, numbers, strict=True):
        row[: len(one)] = one
    feeds: dict[str, NDArray[Any]] = {tokens.name: rows}
    if mask is not None:
        feeds[mask.name] = (np.arange(length) < np.array([[len(one)] for one in numbers])).astype(kind_of(mask))
    return unit(graph.run(feeds)[place_of_vectors(graph)])


def unit(vectors: NDArray[Any]) -> Vectors:
    """With rows of unit length; rows of zeros stay so."""
    exact = vectors.astype(np.float64)
    found: Vectors = (exact / np.maximum(np.linalg.norm(exact, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return found


class _Memory:
    """The last vectors, by what they are of; threads share it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._known: OrderedDict[str, Vectors] = OrderedDict()

    def get(self, key: str) -> Vectors | None:
        with self._guard:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def put(self, key: str, vector: Vectors) -> None:
        with self._guard:
            self._known[key] = vector
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)


_memory = _Memory()


def _remembered(model: Model, keys: list[str], run: Callable[[list[int]], Vectors], most: int) -> Vectors:
    """The vectors of all, of which only those that are not known are run, ``most`` together where the card allows it."""
    whole = [f"{model.cache} {key}" for key in keys]
    found = [_memory.get(key) for key in whole]
    missing = [i for i, vector in enumerate(found) if vector is None]
    rows = most if model.card.batch else 1
    for first in range(0, len(missing), rows):
        which = missing[first : first + rows]
        for i, vector in zip(which, run(which), strict=True):
            found[i] = vector
            _memory.put(whole[i], vector)
    return np.stack([vector for vector in found if vector is not None]) if found else np.empty((0, 0), np.float32)
