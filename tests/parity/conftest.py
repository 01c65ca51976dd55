"""Parity with reference implementations: run in an environment that has what requirements.txt lists; else they skip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lookhear.errors import ModelUnavailable
from lookhear.models import clip
from lookhear.models.card import Want
from lookhear.models.own import Description, import_file
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Model, Shelf


@dataclass(frozen=True)
class RandomClip:
    """transformers' model and tokenizer, and ours of the same weights."""

    reference: Any
    tokenizer: Any
    model: Model
    folder: Path  #: of the store


@pytest.fixture(scope="session")
def random_clip(tmp_path_factory: pytest.TempPathFactory) -> RandomClip:
    """CLIP ViT-B/32 of true size with seeded random weights, exported to ONNX and imported."""
    for package in ("torch", "transformers", "onnxscript"):
        pytest.importorskip(package)
    from benchmarks.random_clip import export, reference, tokenizer

    folder = tmp_path_factory.mktemp("random-clip")
    try:
        made = tokenizer(folder)
    except ModelUnavailable as error:
        pytest.skip(f"no byte pairs here: {error.message}")
    (folder / "bpe.txt.gz").unlink()
    (folder / "models.lock.json").unlink(missing_ok=True)
    theirs = reference()
    export(theirs, folder)
    shelf = Shelf(ModelSettings(model_cache_dir=tmp_path_factory.mktemp("store")))
    import_file(folder, shelf, Description(name="random-clip"))
    return RandomClip(theirs, made, shelf.get(Want(clip.ROLE)), shelf.store.folder)
