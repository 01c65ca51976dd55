"""CLIP ViT-B/32 with seeded random weights, true in architecture and size, as transformers has it and as ONNX.

Needs what tests/parity/requirements.txt lists. The tokenizer is OpenAI's, out of the wheel of open_clip_torch.
"""

from __future__ import annotations

import gzip
import json
import warnings
from pathlib import Path
from typing import Any

import torch
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from lookhear.models.card import Card, ModelFile, Source
from lookhear.models.fetch import Fetcher
from lookhear.models.sums import Sums

_BPE = ModelFile(
    "bpe.txt.gz",
    (Source(wheel="open_clip_torch==3.3.0", path="open_clip/bpe_simple_vocab_16e6.txt.gz"),),
    "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a",
)
_MERGES = 49152 - 256 - 2


def reference() -> Any:
    """transformers' model; the same weights every time."""
    torch.manual_seed(0)
    return CLIPModel(CLIPConfig()).eval()  # whose defaults are ViT-B/32's


def tokenizer(folder: Path) -> Any:
    """transformers' tokenizer with OpenAI's byte pairs; leaves ``tokenizer.json`` there. Raises ModelUnavailable."""
    card = Card("bpe", "1", "", "", "", (_BPE,), "MIT")
    Fetcher(None, Sums(folder, folder)).fetch(card, _BPE, folder)
    lines = gzip.decompress((folder / _BPE.name).read_bytes()).decode().split("\n")
    merges = [(first, second) for first, second in (line.split() for line in lines[1 : _MERGES + 1])]
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in seen] + [chr(256 + i) for i in range(256 - len(seen))]
    pieces = [*letters, *(letter + "</w>" for letter in letters), *map("".join, merges)]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    made = CLIPTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, merges=merges)
    made.backend_tokenizer.save(str(folder / "tokenizer.json"))
    assert len(json.loads((folder / "tokenizer.json").read_bytes())["model"]["vocab"]) == 49408
    return made


class _Visual(torch.nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Any) -> Any:
        return self.model.get_image_features(pixel_values=pixel_values).pooler_output


class _Textual(torch.nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any) -> Any:
        return self.model.get_text_features(input_ids=input_ids).pooler_output


def export(model: Any, folder: Path) -> None:
    """Leave ``vision_model.onnx`` and ``text_model.onnx`` in ``folder``, of free batch size."""
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=77)
    numbers = torch.arange(18).reshape(2, 9)
    parts: tuple[tuple[Any, Any, str, str, str, dict[int, Any]], ...] = (
        (_Visual(model), torch.zeros(2, 3, 224, 224), "vision_model", "pixel_values", "image_embeds", {0: batch}),
        (_Textual(model), numbers, "text_model", "input_ids", "text_embeds", {0: batch, 1: length}),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part, example, name, taken, given, free in parts:
            torch.onnx.export(
                part.eval(),
                (example,),
                str(folder / f"{name}.onnx"),
                input_names=[taken],
                output_names=[given],
                dynamic_shapes={taken: free},
                external_data=False,
                dynamo=True,
                verbose=False,
            )
