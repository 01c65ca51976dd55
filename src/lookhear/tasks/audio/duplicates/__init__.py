"""A fingerprint by which the same recording is found again.

Aim: the same song in another format, bit rate, sampling rate or level, shifted or cut, matches; another song does not.
Reference: Haitsma and Kalker, ISMIR 2002, as varied in ``lookhear.dsp.fingerprint``.
Conventions: the fingerprint is text: "hk1." and the 32-bit words, little-endian, in base64. ``similarity`` compares two of
them; from a score of 0.3 on they are the same, and copies if half of the longer one is in the other. It knows
recordings, not songs: a cover is another recording.
Silence, and sound below 4 s: null, with a warning.
"""

from __future__ import annotations

from dataclasses import dataclass

from lookhear.dsp.fingerprint import LEAST, STEP_SECONDS, Fingerprinter, Match
from lookhear.tasks.audio.duplicates.matcher import SoundMatcher, SoundTrackMatcher
from lookhear.tasks.audio.duplicates.text import decode, encode, similarity
from lookhear.tasks.base import Block, Context, Fold, Form, NoOptions, Task

ALGORITHM = "hk1"


@dataclass(frozen=True)
class DuplicatesResult:
    """The fingerprint, and what it is."""

    fingerprint: str | None  #: null for silence, and for sound too short to tell
    algorithm: str = ALGORITHM
    duration: float = 0.0  #: s of sound it was made of
    words: int = 0  #: 32-bit words in it, about 11 a second


class DuplicatesFold:
    """The running fingerprint."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._fingerprinter = Fingerprinter()
        self._frames = 0

    def add(self, block: Block) -> None:
        """Spectra."""
        if block.spectra is not None and len(block.spectra.power):
            self._frames += len(block.spectra.power)
            self._fingerprinter.add(block.spectra.power)

    def finish(self) -> DuplicatesResult:
        """The fingerprint."""
        words = self._fingerprinter.words
        duration = max(0, self._frames - 1) * STEP_SECONDS / 4
        if not self._fingerprinter.heard:
            self._context.warn("There is nothing to hear in it, so it has no fingerprint.")
        elif len(words) < LEAST:
            self._context.warn("It is shorter than 4 s, so it has no fingerprint.")
        else:
            return DuplicatesResult(encode(words), duration=duration, words=len(words))
        return DuplicatesResult(None, duration=duration)


class Duplicates(Task[NoOptions, DuplicatesResult]):
    """The fingerprint of a recording."""

    name = "duplicates"
    version = "1"
    summary = "a fingerprint that finds the same recording in any format"
    kinds = frozenset({"audio"})
    forms = frozenset({Form.SPECTRA})
    Result = DuplicatesResult
    matcher = SoundMatcher

    def start(self, context: Context, options: NoOptions) -> Fold[DuplicatesResult]:
        """A fresh fold."""
        return DuplicatesFold(context)


class SoundDuplicates(Duplicates):
    """The same of the sound track of a film, whose pictures have a signature of their own."""

    name = "sound_duplicates"
    kinds = frozenset({"video"})
    matcher = SoundTrackMatcher


TASKS = (Duplicates(), SoundDuplicates())

__all__ = [
    "ALGORITHM",
    "TASKS",
    "Duplicates",
    "DuplicatesResult",
    "Match",
    "decode",
    "encode",
    "similarity",
]
