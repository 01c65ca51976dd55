"""What the notes task answers with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@dataclass(frozen=True, slots=True)
class NoteEvent:
    """One note. ``pitch``: as in MIDI, 69 is A4 of 440 Hz."""

    start: float  #: s
    end: float  #: s
    pitch: int
    amplitude: float  #: 0..1, how sure its pitch sounds, on average
    pitch_bends: tuple[int, ...] | None = None  #: thirds of a semitone, at equal steps from start to end


@dataclass(frozen=True)
class NotesResult:
    """No notes: empty, with counts of 0 and no range."""

    notes: tuple[NoteEvent, ...] = ()  #: in the order of their starts, then of their pitches
    note_count: int = 0
    lowest: int | None = None  #: pitch as in MIDI
    highest: int | None = None
    lowest_name: str | None = None  #: as A4, with sharps
    highest_name: str | None = None
    polyphony: float = 0.0  #: notes at once, on average over the time in which any sounds
    polyphony_max: int = 0  #: most notes at once


def note_name(pitch: int) -> str:
    """As A4, with sharps: the 60th is C4."""
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"


def summed(notes: Sequence[NoteEvent]) -> NotesResult:
    """The notes in order, and what they have in common."""
    if not notes:
        return NotesResult()
    ordered = tuple(sorted(notes, key=lambda note: (note.start, note.pitch)))
    low, high = min(note.pitch for note in notes), max(note.pitch for note in notes)
    mean, most = polyphony(np.array([(note.start, note.end) for note in ordered]))
    return NotesResult(ordered, len(ordered), low, high, note_name(low), note_name(high), mean, most)


def polyphony(spans: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> tuple[float, int]:
    """How many of (n, 2) spans there are at once where there are any: on average and at most."""
    times = spans.T.reshape(-1)
    change = np.repeat([1, -1], len(spans))
    order = np.lexsort((change, times))  # ends come before starts of the same moment
    at_once, passed = np.cumsum(change[order])[:-1], np.diff(times[order])
    sounding = float(passed[at_once > 0].sum())
    return (float((passed * at_once).sum()) / sounding if sounding > 0 else 0.0), int(max(1, at_once.max()))
