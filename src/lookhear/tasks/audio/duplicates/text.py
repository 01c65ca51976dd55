"""Fingerprints as text."""

from __future__ import annotations

import base64

import numpy as np

from lookhear.dsp.fingerprint import Match, Words, match

_MARK = "hk1."


def encode(words: Words) -> str:
    """The words as text."""
    return _MARK + base64.b64encode(words.astype("<u4").tobytes()).decode("ascii")


def decode(fingerprint: str) -> Words:
    """The words of a fingerprint. Raises ValueError for any other text, also for another version's."""
    if not fingerprint.startswith(_MARK):
        raise ValueError(f"This is no fingerprint of the kind '{_MARK[:-1]}': {fingerprint[:12]!r}. Make it afresh.")
    try:
        data = base64.b64decode(fingerprint[len(_MARK) :], validate=True)
    except ValueError as error:
        raise ValueError("This fingerprint is damaged. Make it afresh.") from error
    if len(data) % 4:
        raise ValueError("This fingerprint is cut short. Make it afresh.")
    return np.frombuffer(data, "<u4").astype(np.uint32)


def similarity(a: str, b: str) -> Match:
    """How far two recordings are the same, by their fingerprints. Raises ValueError for text that is none."""
    return match(decode(a), decode(b))
