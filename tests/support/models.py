"""Weights for tests, installed once per run of the tests: those that lie in the shared folder, and random ones."""

from __future__ import annotations

import atexit
import dataclasses
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

import pytest

from lookhear.analysis.plan import make_plan
from lookhear.models.card import ModelFile, Source
from lookhear.models.catalogue import load_catalogue
from lookhear.models.install import pull
from lookhear.models.own import Description, import_file
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Shelf
from lookhear.models.store import Store
from support.clip import write_clip, write_places
from support.musicnn import random_card

MIRROR = Path(os.environ.get("LOOKHEAR_SHARED", Path(__file__).parents[3] / "shared")) / "models"


@lru_cache(maxsize=1)
def shelf() -> Shelf:
    """Over a store with every model whose files the mirror holds, a tagger of music with random weights, and small models
    with the tensors of CLIP and of Places365."""
    folder = Path(tempfile.mkdtemp(prefix="lookhear-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    store = Store(folder)
    for card in reversed(load_catalogue().cards):
        files = tuple(map(_here, card.files))
        if all(file.sources for file in files):
            pull(dataclasses.replace(card, files=files), store)
    (folder / "made").mkdir()
    pull(random_card(folder / "made"), store)
    found = Shelf(ModelSettings(model_cache_dir=folder))
    import_file(write_clip(folder / "made" / "small-clip"), found, Description())
    import_file(write_places(folder / "made" / "small-places.onnx"), found, Description())
    return found


def _here(file: ModelFile) -> ModelFile:
    """The file with the shared folder as its only source, or with none."""
    names = [source.name for source in file.sources]
    paths = [MIRROR / name for name in names if (MIRROR / name).is_file()]
    return dataclasses.replace(file, sources=tuple(Source(file=str(path)) for path in paths[:1]))


def need(kind: str, *names: str) -> Shelf:
    """The shelf; the test is skipped unless all models are there that these tasks need."""
    steps = make_plan(kind, names, shelf=shelf()).steps
    lacking = [want.role for step in steps for want in step.lacks]
    if lacking:
        pytest.skip(f"no weights here for {', '.join(lacking)}: set LOOKHEAR_SHARED to the folder that holds models/")
    return shelf()


def installed(monkeypatch: pytest.MonkeyPatch, kind: str, *names: str) -> Shelf:
    """Likewise, and the library uses them for the rest of the test."""
    found = need(kind, *names)
    monkeypatch.setenv("MODEL_CACHE_DIR", str(found.store.folder))
    return found
