"""Film signatures as text."""

from __future__ import annotations

import base64

import numpy as np

from lookhear.dsp.signature import FilmMatch, Words, match

_MARK = "lf1."


def encode(words: Words) -> str:
    """The words as text."""
    return _MARK + base64.b64encode(words.astype("<u8").tobytes()).decode("ascii")


def decode(signature: str) -> Words:
    """The words of a signature. Raises ValueError for any other text, also for another version's."""
    if not signature.startswith(_MARK):
        raise ValueError(f"This is no film signature of the kind '{_MARK[:-1]}': {signature[:12]!r}. Make it afresh.")
    try:
        return np.frombuffer(base64.b64decode(signature[len(_MARK) :], validate=True), "<u8").astype(np.uint64)
    except ValueError as error:
        raise ValueError("This film signature is damaged. Make it afresh.") from error


def similarity(a: str, b: str) -> FilmMatch:
    """How far two films are the same, by their signatures. Raises ValueError for text that is none."""
    return match(decode(a), decode(b))
