"""Whisper without its weights: seeded random ones of the true shapes, in the files that faster-whisper reads.

python -m benchmarks.random_whisper FOLDER [tiny|base|small|medium|turbo|large]
"""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookhear.models.runtimes.ct2_file import read
from lookhear.tasks.audio.transcript.languages import CODES

_TEXT, _LANGUAGES, _TIMES = 50257, 99, 1501  # tokens
_DEVIATION = 0.04  # of weights: twice that of training's beginning, so that answers hang on what is heard


@dataclass(frozen=True)
class Shape:
    """Of a network: its width, heads, layers of encoder and decoder, mel bands."""

    width: int
    heads: int
    layers: tuple[int, int]
    bands: int = 80


SHAPES = {
    "least": Shape(64, 2, (1, 1)),  # for tests of everything but size
    "tiny": Shape(384, 6, (4, 4)),
    "base": Shape(512, 8, (6, 6)),
    "small": Shape(768, 12, (12, 12)),
    "medium": Shape(1024, 16, (24, 24)),
    "turbo": Shape(1280, 20, (32, 4), 128),
    "large": Shape(1280, 20, (32, 32), 128),
}


def build(folder: Path, size: str = "least", seed: int = 0) -> Path:
    """A folder as the hub has them."""
    from ctranslate2.specs import WhisperSpec, model_spec

    shape, tokens = SHAPES[size], vocabulary(100 if SHAPES[size].bands == 128 else _LANGUAGES)
    encoder, decoder = shape.layers
    spec = WhisperSpec(encoder, shape.heads, decoder, shape.heads)
    filler = _Filler(shape, len(tokens), np.random.default_rng(seed))
    model_spec.visit_spec(spec, filler.fill)
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], [220, _TEXT]
    spec.config.lang_ids = sorted(tokens.index(f"<|{code}|>") for code in CODES if f"<|{code}|>" in tokens)
    spec.config.alignment_heads = [[decoder - 1, head] for head in range(shape.heads)]
    folder.mkdir(parents=True, exist_ok=True)
    spec.validate()
    spec.optimize(quantization="float16")
    spec.save(str(folder))
    tokenizer(tokens).save(str(folder / "tokenizer.json"))
    if shape.bands != 80:
        (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": shape.bands}))
    assert read(folder / "model.bin").specification == "WhisperSpec"
    return folder


class _Filler:
    """Gives each variable of the specification its values."""

    def __init__(self, shape: Shape, tokens: int, random: np.random.Generator) -> None:
        self._shape = shape
        self._random = random
        self._words = self._normal((tokens, shape.width))

    def fill(self, layer: Any, name: str, value: Any) -> None:
        """``name`` is a path; what the specification has set already stays."""
        last = name.rpartition("/")[2]
        if last in ("gamma", "beta"):
            setattr(layer, last, np.full(self._shape.width, last == "gamma", np.float32))
        elif last == "encodings":
            setattr(layer, last, self._normal((1500 if name.startswith("encoder") else 448, self._shape.width)))
        elif last == "weight":
            layer.weight = self._words if name.startswith(("decoder/emb", "decoder/proj")) else self._weight(name)
            if hasattr(layer, "bias") and not name.startswith("decoder/proj"):
                layer.bias = np.zeros(len(layer.weight), np.float32)

    def _weight(self, name: str) -> NDArray[np.float32]:
        width = self._shape.width
        if "conv" in name:
            return self._normal((width, self._shape.bands if "conv1" in name else width, 3))
        parts = {"self_attention/linear_0": (3, 1), "attention/linear_1": (2, 1), "ffn/linear_0": (4, 1)}
        parts |= {"self_attention/linear_1": (1, 1), "ffn/linear_1": (1, 4)}
        rows, columns = next((size for part, size in parts.items() if f"/{part}/" in name), (1, 1))
        return self._normal((rows * width, columns * width))

    def _normal(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        return self._random.standard_normal(shape, np.float32) * np.float32(_DEVIATION)


def vocabulary(languages: int = _LANGUAGES) -> list[str]:
    """51,865 tokens: bytes, made-up words, marks, times."""
    letters = _bytes()
    syllables = ["".join(pair) for pair in itertools.product("bdfghklmnprstvz", "aeiou")]
    words = (f"Ġ{''.join(parts)}" for count in (1, 2, 3) for parts in itertools.product(syllables, repeat=count))
    text = [*letters, *itertools.islice(words, _TEXT - 1 - len(letters)), ""]  # by which multilingual ones are told
    codes = [*sorted(CODES - {"yue"}), "yue"]  # which only the later models have
    marks = ["endoftext", "startoftranscript", *codes[:languages], "translate", "transcribe", "startoflm"]
    marks += ["startofprev", "nospeech", "notimestamps", *(f"{0.02 * i:.2f}" for i in range(_TIMES))]
    return [*text, *(f"<|{mark}|>" for mark in marks)]


def tokenizer(tokens: list[str]) -> Any:
    """Of bytes: no word is one token to it, but it reads all of them."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    made = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens[:_TEXT])}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    marks = [AddedToken(token, special=True, normalized=False) for token in tokens[_TEXT:-_TIMES]]
    made.add_special_tokens(marks)
    made.add_tokens([AddedToken(token, normalized=False) for token in tokens[-_TIMES:]])
    return made


def _bytes() -> list[str]:
    """The letters by which byte-level tokens are written, as GPT-2 has them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = [byte for byte in range(256) if byte not in plain]
    names = {**{byte: chr(byte) for byte in plain}, **{byte: chr(256 + i) for i, byte in enumerate(other)}}
    return [names[byte] for byte in (*plain, *other)]


if __name__ == "__main__":
    print(build(Path(sys.argv[1]), *sys.argv[2:3]))
