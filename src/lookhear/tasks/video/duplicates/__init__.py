"""A signature by which a film is known again: encoded anew, scaled, at another frame rate, cut, with a lead-in.

Aim: find copies of films in a collection, without keeping the films.
Reference: see lookhear.dsp.signature: a perceptual hash (Zauner 2010) of each half second, compared at all shifts.
Conventions: ``signature`` is text, 21 characters a second, made of words of 64 bits; films match from a score of 0.3 on,
which ``similarity`` gives. Less than 3 s, or nothing but single colours: null, with a warning.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np

from lookhear.dsp.signature import LEAST, FilmMatch, Signer, Words, match
from lookhear.tasks.base import Block, Context, Fold, Form, NoOptions, Task

_MARK = "lf1."


@dataclass(frozen=True)
class FilmSignature:
    """``words``: half seconds it covers."""

    signature: str | None = None
    words: int = 0


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


class _SignatureFold:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._signer = Signer()

    def add(self, block: Block) -> None:
        """Frames."""
        if block.frames is not None:
            self._signer.add(block.frames.times, block.frames.yuv[:, 0])

    def finish(self) -> FilmSignature:
        """The signature."""
        words = self._signer.finish()
        if np.count_nonzero(words) < LEAST:
            self._context.warn("There are less than 3 s of pictures to tell it by, so it has no signature.")
            return FilmSignature(None, len(words))
        return FilmSignature(encode(words), len(words))


class FilmDuplicates(Task[NoOptions, FilmSignature]):
    """The signature of a film."""

    name = "duplicates"
    version = "1"
    summary = "a signature that finds the same film in any format and size"
    kinds = frozenset({"video"})
    forms = frozenset({Form.FRAMES})
    Result = FilmSignature

    def start(self, context: Context, options: NoOptions) -> Fold[FilmSignature]:
        """A fresh fold."""
        return _SignatureFold(context)


TASKS = (FilmDuplicates(),)
