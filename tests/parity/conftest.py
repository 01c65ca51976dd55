"""Parity with reference implementations: run in an environment that has what requirements.txt lists; else they skip."""

from __future__ import annotations

from collections.abc import Iterator
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


@pytest.fixture(scope="session")
def whisper_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whisper with seeded random weights, far smaller than true."""
    pytest.importorskip("faster_whisper")
    from benchmarks.random_whisper import build

    return build(tmp_path_factory.mktemp("random") / "whisper-least")


@pytest.fixture(scope="session")
def whisper_shelf(whisper_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """Over a store with these, which were imported as a folder."""
    found = Shelf(ModelSettings(model_cache_dir=tmp_path_factory.mktemp("store"), use_gpu=False, model_threads=2))
    one = import_file(whisper_weights, found, Description())
    assert (one.card.family, one.card.role, one.card.name) == ("whisper", "transcript", "whisper-least")
    yield found
    found.sessions.close()


@pytest.fixture
def whisper_here(whisper_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is analysed finds them."""
    monkeypatch.setenv("MODEL_CACHE_DIR", str(whisper_shelf.store.folder))
    monkeypatch.setenv("USE_GPU", "false")
