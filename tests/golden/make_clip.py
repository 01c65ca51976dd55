"""Make clip.json anew: python tests/golden/make_clip.py, in an environment with tests/parity/requirements.txt."""

from __future__ import annotations

import json
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import tokenizers
import transformers
from transformers import CLIPImageProcessor

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[1] / "src")]
TEXTS = (
    "a photo of a red", "a photo of a green", "a photo of a blue", "a drawing of a red, close-up", "dark",
    "a photo of a cat", "  Two   CATS\n\tand 12 dogs!? ", "It's the cat's, isn't it; we'll see",
    "naïve façade Ünder Straße ΣΑΣ", "日本語のテキスト", "Привет, мир", "हिन्दी", "emoji 😀👩\u200d👩\u200d👧 end",
    "x²+½=①", "e\u0301 = é", "snake_case::path/to#1", "", "\u00a0\u3000", "word " * 100, "z" * 400,
)  # fmt: skip
SIZES = ((300, 417), (417, 301), (224, 224), (96, 131), (640, 905))


def main() -> None:
    """Numbers of texts, the part of the byte pairs that they take, and prepared pictures, all by transformers."""
    from benchmarks.random_clip import tokenizer
    from examples.picture import scenery

    with tempfile.TemporaryDirectory() as folder:
        made = tokenizer(Path(folder))
        model = json.loads(Path(folder, "tokenizer.json").read_bytes())["model"]
    texts = [[text, made(text, truncation=True, max_length=77).input_ids] for text in TEXTS]
    processor = CLIPImageProcessor()
    pictures = []
    for seed, (rows, columns) in enumerate(SIZES):
        prepared = processor(images=scenery(seed, rows, columns), return_tensors="np")["pixel_values"][0]
        values = prepared[:, 7::30, 5::30]
        pictures.append(
            [seed, rows, columns, float(prepared.mean()), np.round(values.astype(float), 6).ravel().tolist()]
        )
    versions = f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}"
    found = {"by": versions, "tokenizer": _part(made, model), "texts": texts, "pictures": pictures}
    (HERE / "clip.json").write_text(json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n")


def _part(made: object, model: dict) -> dict:
    """The same tokenizer with only the merges that these texts take."""
    ranks = {tuple(pair): rank for rank, pair in enumerate(model["merges"])}
    used: set[tuple[str, str]] = set()
    for text in TEXTS:
        normal = made.backend_tokenizer.normalizer.normalize_str(text)
        for word, _ in made.backend_tokenizer.pre_tokenizer.pre_tokenize_str(normal):
            pieces = [*word[:-1], word[-1] + "</w>"]
            while pairs := [pair for pair in pairwise(pieces) if pair in ranks]:
                best = min(pairs, key=ranks.__getitem__)
                used.add(best)
                at = next(i for i, pair in enumerate(pairwise(pieces)) if pair == best)
                pieces[at : at + 2] = ["".join(best)]
    merges = sorted(used, key=ranks.__getitem__)
    known = {piece for piece in model["vocab"] if len(piece.removesuffix("</w>")) == 1 or piece.startswith("<|")}
    vocabulary = {
        piece: number for piece, number in model["vocab"].items() if piece in known | {a + b for a, b in merges}
    }
    return {"model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": vocabulary, "merges": merges}}


if __name__ == "__main__":
    main()
