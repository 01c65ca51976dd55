"""CLIP's byte pairs: text as the numbers its text network takes.

Byte pair encoding (Sennrich et al., ACL 2016) of UTF-8, lower case, as openai/CLIP and transformers' CLIPTokenizer do it:
NFC, blanks joined, then words, single digits and runs of signs are encoded each on its own. Of a word that is cut short
nothing is left out but its end. Unlike there, ``<|endoftext|>`` in a text is no mark but signs like others.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from lookhear.errors import InvalidModel

LENGTH = 77  #: of a text with its two marks
_START, _END = "<|startoftext|>", "<|endoftext|>"
_LAST = "</w>"  # ends the last piece of a word
_SHORT = re.compile(r"'(?:s|t|re|ve|m|ll|d)")
_KEPT = 20_000  # words whose pieces are remembered
_MOST = 10_000  # letters of a text: more than LENGTH pieces can hold


class ClipTokenizer:
    """``vocabulary``: numbers of pieces. ``merges``: pairs of pieces, the first to join first."""

    def __init__(self, vocabulary: dict[str, int], merges: Sequence[tuple[str, str]]) -> None:
        self._numbers = vocabulary
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._marks = (vocabulary[_START], vocabulary[_END])
        self._letters = _byte_letters()
        self._encoded = lru_cache(_KEPT)(self._encode)

    def __call__(self, text: str) -> list[int]:
        """The numbers with the marks of start and end, at most LENGTH: the rest of a longer text is left out."""
        numbers = [number for word in _words(text) for number in self._encoded(word)]
        return [self._marks[0], *numbers[: LENGTH - 2], self._marks[1]]

    def _encode(self, word: str) -> tuple[int, ...]:
        pieces = [self._letters[byte] for byte in word.encode()]
        pieces[-1] += _LAST
        while len(pieces) > 1:
            pair = min(pairwise(pieces), key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if pair not in self._ranks:
                break
            pieces = _joined(pieces, pair)
        return tuple(self._numbers.get(piece, self._marks[1]) for piece in pieces)


def _joined(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    """With every occurrence of the pair made one piece, from the left."""
    joined: list[str] = []
    i = 0
    while i < len(pieces):
        fits = tuple(pieces[i : i + 2]) == pair
        joined.append(pieces[i] + pieces[i + 1] if fits else pieces[i])
        i += 2 if fits else 1
    return joined


def _words(text: str) -> Iterator[str]:
    """Runs of letters, single digits, runs of other signs; ``'s`` and its like on their own."""
    clean = "".join(letter.lower() for letter in unicodedata.normalize("NFC", text[:_MOST]))
    i = 0
    while i < len(clean):
        kind = _kind(clean[i])
        short = _SHORT.match(clean, i)
        end = i + 1
        if short:
            end = short.end()
        elif kind in "LO":
            while end < len(clean) and _kind(clean[end]) == kind:
                end += 1
        if kind != "Z":
            yield clean[i:end]
        i = end


@lru_cache(4096)
def _kind(letter: str) -> str:
    """L: a letter, N: a digit, Z: a blank, O: any other."""
    if letter.isspace() and letter not in "\x1c\x1d\x1e\x1f":  # which only Python takes for blanks
        return "Z"
    kind = unicodedata.category(letter)[0]
    return kind if kind in "LN" else "O"


def _byte_letters() -> list[str]:
    """A letter that one sees for each byte, as GPT-2 has them."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in seen]
    letters = {byte: chr(byte) for byte in seen} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    return [letters[byte] for byte in range(256)]


@lru_cache(2)
def read_tokenizer(path: Path, stamp: str) -> ClipTokenizer:
    """Out of a ``tokenizer.json``; another ``stamp`` reads it again. Raises InvalidModel."""
    try:
        model: dict[str, Any] = json.loads(path.read_bytes())["model"]
        pairs = [tuple(pair.split(" ")) if isinstance(pair, str) else tuple(pair) for pair in model["merges"]]
        tokenizer = ClipTokenizer(model["vocab"], [(first, second) for first, second in pairs])
    except OSError as error:
        raise InvalidModel(f"{path.name} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidModel(f"{path.name} is no tokenizer of CLIP's: it lacks byte pairs or marks ({error}).") from error
    if model.get("end_of_word_suffix") != _LAST:
        raise InvalidModel(f"{path.name} is no tokenizer of CLIP's: its words end in no {_LAST}.")
    return tokenizer
