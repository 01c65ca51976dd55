"""Labels that CLIP was never trained on: which of them go with a picture, by their own words.

Reference: zero-shot classification of Radford et al., ICML 2021, section 3.1: each label is put into several sentences, and
the mean of their vectors stands for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from lookhear.errors import InvalidCard, StoreUnwritable
from lookhear.models.clip import Vectors, text_vectors, unit
from lookhear.models.locks import locked
from lookhear.models.shelf import Model

_working = threading.Lock()


def label_vectors(model: Model, labels: Sequence[str], templates: Sequence[str]) -> Vectors:
    """(labels, d), unit length. Each template has a ``{}``. Worked out once for a model, then kept in its store.

    Raises InvalidModel for a model without text side.
    """
    with _working, contextlib.ExitStack() as stack:
        with contextlib.suppress(StoreUnwritable):
            stack.enter_context(locked(model.cache / "labels.lock"))  # what one process works out, all have
        return _kept(_Model(model), tuple(labels), tuple(templates))


class _Model:
    """Two that hold the same weights are equal."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._key = model.cache

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Model) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(8)
def _kept(of: _Model, labels: tuple[str, ...], templates: tuple[str, ...]) -> Vectors:
    path = _path(of.model, labels, templates)
    found = _read(path, len(labels))
    if found is None:
        found = unit(np.mean([_sentences(of.model, labels, template) for template in templates], axis=0))
        _write(path, found)
        for template in templates:
            _forget(_path(of.model, labels, template))
    found.flags.writeable = False
    return found


def _path(model: Model, labels: Sequence[str], templates: Sequence[str]) -> Path:
    told = json.dumps([labels, templates]).encode()
    return model.cache / f"labels-{hashlib.sha256(told).hexdigest()[:32]}.npy"


def _sentences(model: Model, labels: Sequence[str], template: str) -> Vectors:
    """Of the labels in one template; kept as soon as they are there, for a process that is stopped before all are."""
    path = _path(model, labels, template)
    found = _read(path, len(labels))
    if found is None:
        texts = [template.replace("{}", label) for label in labels]
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # long ones would make short ones wait
        sorted_vectors = text_vectors(model, [texts[i] for i in order])
        found = np.empty_like(sorted_vectors)
        found[order] = sorted_vectors
        _write(path, found)
    return found


def _read(path: Path, count: int) -> Vectors | None:
    """What is no such table counts as not there."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    fits = found.dtype == np.float32 and found.ndim == 2 and len(found) == count and bool(np.isfinite(found).all())
    return found if fits else None


def _write(path: Path, vectors: Vectors) -> None:
    """Where the disk refuses, they are worked out again another time."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as file:
            np.save(file, vectors)
        os.replace(fresh, path)


def _forget(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def shares(model: Model, vectors: Vectors, labels: Vectors) -> tuple[Vectors, Vectors]:
    """(n, labels) twice: shares that add up to 1 over the labels, by softmax, and cosines. Raises InvalidCard."""
    scale = model.card.facts.get("logit_scale")
    if not isinstance(scale, (int, float)):
        raise InvalidCard(f"{model.card.id}: its facts do not tell the logit_scale.")
    cosines: Vectors = vectors @ labels.T
    return softmax(scale * cosines), cosines


def softmax(logits: Vectors) -> Vectors:
    """Over the last axis."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    found: Vectors = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return found
