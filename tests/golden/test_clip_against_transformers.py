"""Preparation of pictures and numbers of texts as transformers has them; what it gave lies in clip.json."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from examples.picture import scenery
from lookhear.errors import InvalidModel
from lookhear.models.catalogue import load_catalogue
from lookhear.models.clip.tokenizer import LENGTH, read_tokenizer
from lookhear.models.pictures import preparation

GOLDEN = json.loads(Path(__file__).with_name("clip.json").read_text())


@pytest.mark.parametrize("picture", GOLDEN["pictures"], ids=lambda picture: f"{picture[2]} x {picture[1]}")
def test_pictures_are_prepared_as_transformers_does(picture: list) -> None:
    seed, rows, columns, mean, values = picture
    prepared = preparation(load_catalogue().find("clip-vit-b32"))(scenery(seed, rows, columns))
    assert prepared.shape == (3, 224, 224) and prepared.dtype == np.float32
    assert np.abs(prepared[:, 7::30, 5::30].ravel() - values).max() < 2e-6
    assert abs(prepared.mean() - mean) < 1e-6


@pytest.mark.parametrize("text, numbers", GOLDEN["texts"], ids=lambda value: str(value)[:20])
def test_texts_have_the_numbers_that_transformers_gives(text: str, numbers: list[int], tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(GOLDEN["tokenizer"]))
    assert read_tokenizer(path, text)(text) == numbers
    assert len(numbers) <= LENGTH


def test_merges_may_be_written_as_pairs_or_with_a_blank(tmp_path: Path) -> None:
    model = GOLDEN["tokenizer"]["model"]
    old = {"model": {**model, "merges": [" ".join(pair) for pair in model["merges"]]}}
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(old))
    text, numbers = GOLDEN["texts"][5]
    assert read_tokenizer(path, "old")(text) == numbers


@pytest.mark.parametrize(
    "change",
    [{"end_of_word_suffix": None}, {"merges": None}, {"merges": [["a"]]}, {"vocab": {"a": 1}}, {"vocab": []}],
    ids=lambda change: str(change)[:24],
)
def test_another_tokenizer_is_refused(change: dict, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({"model": {**GOLDEN["tokenizer"]["model"], **change}}))
    with pytest.raises(InvalidModel, match="is no tokenizer of CLIP's"):
        read_tokenizer(path, str(change))
    path.write_text("{")
    with pytest.raises(InvalidModel):
        read_tokenizer(path, "cut short")
