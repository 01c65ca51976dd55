"""A signature by which a film is known again: encoded anew, scaled, at another frame rate, cut, with a lead-in.

Aim: find copies of films in a collection, without keeping the films.
Reference: see lookhear.dsp.signature: a perceptual hash (Zauner 2010) of each half second, compared at all shifts.
Conventions: ``signature`` is text, 21 characters a second, made of words of 64 bits; films match from a score of 0.3 on,
which ``similarity`` gives, and are copies if half of the longer one is in the other. A film that stands still is told by
its sound alone. Less than 3 s, or nothing but single colours: null, with a warning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookhear.dsp.signature import LEAST, Signer
from lookhear.tasks.base import Block, Context, Fold, Form, NoOptions, Task
from lookhear.tasks.video.duplicates.matcher import FilmMatcher
from lookhear.tasks.video.duplicates.text import decode, encode, similarity


@dataclass(frozen=True)
class FilmSignature:
    """``words``: half seconds it covers."""

    signature: str | None = None
    words: int = 0


class _SignatureFold:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._signer = Signer()

    def add(self, block: Block) -> None:
        """Frames."""
        if block.frames is not None:
            self._signer.add(block.frames.times, block.frames.luma)

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
    matcher = FilmMatcher

    def start(self, context: Context, options: NoOptions) -> Fold[FilmSignature]:
        """A fresh fold."""
        return _SignatureFold(context)


TASKS = (FilmDuplicates(),)

__all__ = ["TASKS", "FilmDuplicates", "FilmSignature", "decode", "encode", "similarity"]
