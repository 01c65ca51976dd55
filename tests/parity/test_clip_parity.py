"""CLIP ViT-B/32, true size, random weights: files and texts to vectors, beside transformers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lookhear
from examples.picture import scenery
from lookhear.models import clip
from lookhear.models.catalogue import load_catalogue
from lookhear.models.clip import picture_vectors, text_vectors
from lookhear.models.pictures import preparation

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")

SIDE = 896  # what the task asks for
TEXTS = (
    "a photo of a cat",
    "",
    "Ein Baum im Regen, Ärger",
    "日本語のテキスト 😀",
    "word " * 200,
    "it's 12 o'clock\n\t!!",
)


def theirs(reference: Any, picture: Image.Image) -> np.ndarray:
    """As transformers' documentation says, of unit length."""
    prepared = transformers.CLIPImageProcessor()(images=picture, return_tensors="pt")
    with torch.inference_mode():
        vector = reference.get_image_features(**prepared).pooler_output[0]
    return (vector / vector.norm()).numpy()


def embedded(path: Path | bytes, monkeypatch: pytest.MonkeyPatch, folder: Path) -> np.ndarray:
    monkeypatch.setenv("MODEL_CACHE_DIR", str(folder))
    report = lookhear.analyze(path, ["embedding"])
    assert report.errors == ()
    return np.array(report["embedding"].vector)


def test_files_to_vectors(random_clip: Any, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that come as large as they are agree to the last digit given; reduced ones in their direction.

    So do those with a colour profile, which we follow and transformers does not.
    """
    worst, least, seen = 0.0, 1.0, 0
    for path in sorted((shared / "images").glob("*.*")):
        with Image.open(path) as picture:
            if picture.mode.startswith("I"):
                continue  # 16 bits, which transformers does not scale
            expected = theirs(random_clip.reference, picture.convert("RGB"))
            same = max(picture.size) <= SIDE and not picture.info.get("icc_profile")
        found = embedded(path, monkeypatch, random_clip.folder)
        if same:
            worst, seen = max(worst, float(np.abs(found - expected).max())), seen + 1
        least = min(least, float(found @ expected))
    assert seen >= 10 and worst < 2e-6 and least > 0.999


def test_generated_files_to_vectors(random_clip: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed, (rows, columns, form) in enumerate(
        ((300, 417, "PNG"), (417, 301, "JPEG"), (224, 224, "PNG"), (90, 640, "PNG"))
    ):
        file = io.BytesIO()
        Image.fromarray(scenery(seed, rows, columns)).save(file, form)
        expected = theirs(random_clip.reference, Image.open(io.BytesIO(file.getvalue())))
        found = embedded(file.getvalue(), monkeypatch, random_clip.folder)
        assert np.abs(found - expected).max() < 2e-6


def test_texts_to_vectors(random_clip: Any) -> None:
    found = text_vectors(random_clip.model, TEXTS)
    for text, vector in zip(TEXTS, found, strict=True):
        numbers = random_clip.tokenizer(text, truncation=True, max_length=77, return_tensors="pt")
        with torch.inference_mode():
            expected = random_clip.reference.get_text_features(input_ids=numbers["input_ids"]).pooler_output[0]
        assert np.abs(vector - (expected / expected.norm()).numpy()).max() < 2e-6


def test_batches_agree_with_single_runs(random_clip: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [scenery(seed, 240, 320) for seed in range(9)]
    together = picture_vectors(random_clip.model, pictures)
    monkeypatch.setattr(clip, "_memory", clip._Memory())
    alone = np.concatenate([picture_vectors(random_clip.model, [picture]) for picture in pictures])
    assert np.abs(together - alone).max() < 2e-6


@pytest.mark.parametrize("rows, columns", [(1, 1), (7, 300), (300, 40), (225, 224), (1200, 777), (33, 34)])
def test_pictures_of_any_shape_are_prepared_alike(rows: int, columns: int) -> None:
    pixels = scenery(rows, max(rows, 2), max(columns, 2))[:rows, :columns]
    expected = transformers.CLIPImageProcessor()(images=Image.fromarray(pixels), return_tensors="np")["pixel_values"][0]
    assert np.abs(preparation(load_catalogue().find("clip-vit-b32"))(pixels) - expected).max() < 2e-6
