"""Copies in a collection, without comparing every recording with every other.

Method: equal words of two fingerprints vote for that pair and the shift between them (``lookhear.dsp.votes``); pairs with
enough votes are compared in full. In a short sound few words outlive an encoder whole: among themselves those also vote
with two thirds of each word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from lookhear.dsp.fingerprint import STEP_SECONDS, Match, Words, match, places_of
from lookhear.dsp.votes import likely_pairs
from lookhear.media.probe import Probe
from lookhear.tasks.audio.duplicates.text import decode
from lookhear.tasks.base import Candidate, Likeness, Relation

SAME = 0.3  #: score from which two recordings count as the same
SHARE = 0.5  #: of the longer one that must be found in the other; with less, the shorter is a part of it
_ROUGH = 4  # steps of shift that count as one
_PLAIN = 4  # a word with fewer bits set, or unset, is that of a held sound
_SHORT = 400  # words: 37 s
_THIRDS = (0xFFFFF800, 0x001FFFFF, 0xFFE003FF)  # what is left of a word without one third of it
_MIX = 0x9E3779B9  # keeps the kinds of words apart
_NOTED = 0.2  # s of shift worth a word


class Printed(Protocol):
    """What the results of both tasks have."""

    @property
    def fingerprint(self) -> str | None:
        """As text."""
        ...


class SoundMatcher:
    """Finds the same recording by its fingerprint."""

    leads = True
    _what = "recording"

    def __init__(self, sounds: Sequence[Candidate[Printed]]) -> None:
        self._probes = [sound.probe for sound in sounds]
        self._rows = [_decoded(sound.value) for sound in sounds]
        self._likely = _likely(self._rows)

    def candidates(self, place: int) -> Sequence[int]:
        """Those with enough votes, most votes first."""
        return [other for _, other in self._likely.get(place, ())]

    def compare(self, one: int, other: int) -> Likeness | None:
        """By all words, at the likeliest shifts."""
        here, there = self._rows[one], self._rows[other]
        if here is None or there is None:
            return None
        found = match(here, there)
        if found.score < SAME:
            return Likeness(Relation.OTHER, found.score, f"another {self._what}")
        longer, shorter = (size(len(here), len(there)) * STEP_SECONDS for size in (max, min))
        found = replace(found, overlap=min(found.overlap, shorter))  # what repeats itself matches more than once
        if found.overlap < SHARE * longer:
            start = max(0.0, (found.offset or 0.0) * (1 if len(there) > len(here) else -1))
            reason = f"{found.overlap:.0f} s of the shorter one are in the longer, from {start:.1f} s on"
            return Likeness(Relation.PART, found.score, reason, found.offset)
        reason = f"same {self._what}{_shifted(found, longer)}{_coding(self._probes[one], self._probes[other])}"
        return Likeness(Relation.COPY, found.score, reason, found.offset)


class SoundTrackMatcher(SoundMatcher):
    """The same of the sound tracks of films. Two films may share one, so what their pictures say counts for more."""

    leads = False
    _what = "sound track"


def _decoded(value: Printed | None) -> Words | None:
    text = value.fingerprint if value else None
    return decode(text) if text else None


def _likely(rows: Sequence[Words | None]) -> dict[int, list[tuple[int, int]]]:
    kept = [(place, row) for place, row in enumerate(rows) if row is not None]
    if not kept:
        return {}
    words, owners, places = [], [], []
    for owner, row in kept:
        weight = np.bitwise_count(row)
        telling = np.flatnonzero((weight >= _PLAIN) & (weight <= 32 - _PLAIN))
        masks = (0xFFFFFFFF, *_THIRDS) if len(row) <= _SHORT else (0xFFFFFFFF,)
        for number, mask in enumerate(masks):
            words.append((row[telling] & np.uint32(mask)) ^ np.uint32(number * _MIX & 0xFFFFFFFF))
            places.append(places_of(len(row))[telling])
            owners.append(np.full(len(telling), owner))
    return likely_pairs(np.concatenate(words), np.concatenate(owners), np.concatenate(places), _ROUGH)


def _shifted(found: Match, longer: float) -> str:
    offset = found.offset or 0.0
    if offset > _NOTED:
        return f", starts {offset:.1f} s later"
    if offset < -_NOTED:
        return f", without the first {-offset:.1f} s"
    return "" if found.overlap > 0.9 * longer - 4 else f", {found.overlap:.0f} s of {longer:.0f} s"


def _coding(one: Probe, other: Probe) -> str:
    if one.sound is None or other.sound is None or one.sound.codec == other.sound.codec:
        return ""
    return f", as {other.sound.codec}"
