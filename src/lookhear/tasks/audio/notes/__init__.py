"""Notes: which pitches sound from when to when, of any instrument, several at once; as MIDI, too.

Aim: a transcription that can be searched, played and edited.
Reference: Basic Pitch (Bittner et al., "A Lightweight Instrument-Agnostic Model for Polyphonic Note Transcription and
Multipitch Estimation", ICASSP 2022; Apache-2.0) with the published rules of note creation. Other than in version 0.4.0
of that library, each frame has its exact time (there up to 10 ms off), and the end of a recording counts (there the last
0.7 % are dropped). Recordings of more than 3.2 minutes are looked at in spans that begin at quiet moments.
Conventions: s from the beginning; pitches as in MIDI (60 is C4, 69 A4 of 440 Hz), from 21 to 108. ``minimum_frequency`` and
``maximum_frequency`` in Hz, rounded to semitones, the upper one not included. ``minimum_note_length`` in ms, rounded to
frames of 11.6 ms: notes are longer. ``pitch_bends``: thirds of a semitone. Silence: no notes; noise may show a few, of low
amplitude.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lookhear.errors import InvalidOptions
from lookhear.tasks.audio.notes.creation import Rules
from lookhear.tasks.audio.notes.result import NoteEvent, NotesResult, summed
from lookhear.tasks.audio.notes.stream import Found, NoteStream
from lookhear.tasks.audio.notes.windows import FRAME, RATE, Grams, Posteriorgrams, Run, seconds
from lookhear.tasks.base import AUTO, Block, Context, Fold, Form, Task

_LOWEST = 21  # of the 88 keys of a piano
_KEYS = 88


@dataclass(frozen=True)
class NotesOptions:
    """As in Basic Pitch: lower thresholds find more notes. ``pitch_bends``: also how each note's pitch moves."""

    onset_threshold: float = 0.5
    frame_threshold: float = 0.3
    minimum_note_length: float = 127.7
    minimum_frequency: float | None = None
    maximum_frequency: float | None = None
    pitch_bends: bool = False
    melodia_trick: bool = True
    model: str = AUTO

    def __post_init__(self) -> None:
        if not (0 < self.onset_threshold <= 1 and 0 < self.frame_threshold <= 1 and self.minimum_note_length >= 0):
            raise InvalidOptions("notes: 0 < onset_threshold ≤ 1, 0 < frame_threshold ≤ 1, minimum_note_length ≥ 0.")
        if any(hertz is not None and hertz <= 0 for hertz in (self.minimum_frequency, self.maximum_frequency)):
            raise InvalidOptions("notes: minimum_frequency and maximum_frequency must be above 0 Hz.")

    @property
    def rules(self) -> Rules:
        """What note creation needs to know."""
        return Rules(
            onset=self.onset_threshold,
            frame=self.frame_threshold,
            longer=round(self.minimum_note_length / 1000 * RATE / FRAME),
            melodia=self.melodia_trick,
            lowest=_key(self.minimum_frequency, 0),
            highest=_key(self.maximum_frequency, _KEYS),
        )


def _key(hertz: float | None, otherwise: int) -> int:
    """The column of a frequency, 0 being A0."""
    return otherwise if hertz is None else min(_KEYS, max(0, round(69 + 12 * math.log2(hertz / 440)) - _LOWEST))


class NotesFold:
    """Samples wait for whole windows, posteriorgrams for a span; ``run`` is the network."""

    def __init__(self, run: Run, options: NotesOptions) -> None:
        self._grams = Posteriorgrams(run)
        self._stream = NoteStream(options.rules)
        self._bends = options.pitch_bends
        self._notes: list[NoteEvent] = []

    def add(self, block: Block) -> None:
        """Samples at 22,050 Hz."""
        if block.samples is not None:
            for grams in self._grams.add(block.samples.data):
                self._take(grams)

    def _take(self, grams: Grams) -> None:
        frames, onsets, contours = grams
        self._put(self._stream.add(frames, onsets, contours if self._bends else None))

    def _put(self, found: list[Found]) -> None:
        if not found:
            return
        starts = seconds([event.start for event, _ in found])
        ends = np.minimum(seconds([event.end for event, _ in found]), self._grams.heard / RATE)
        for (event, bends), start, end in zip(found, starts.tolist(), ends.tolist(), strict=True):
            pitch = event.pitch + _LOWEST
            self._notes.append(NoteEvent(round(start, 4), round(end, 4), pitch, round(event.amplitude, 4), bends))

    def finish(self) -> NotesResult:
        """All notes."""
        for grams in self._grams.finish():
            self._take(grams)
        self._put(self._stream.finish())
        return summed(self._notes)


class Notes(Task[NotesOptions, NotesResult]):
    """Basic Pitch on sound."""

    name = "notes"
    version = "1"
    summary = "notes of any instrument: pitch, start, end, how sure; MIDI"
    kinds = frozenset({"audio", "video"})
    role = "notes"
    forms = frozenset({Form.MONO_22K})
    default = False
    headline: ClassVar[dict[str, str]] = {"notes": "note_count"}
    Options = NotesOptions
    Result = NotesResult

    def start(self, context: Context, options: NotesOptions) -> Fold[NotesResult]:
        """A fresh fold."""
        return NotesFold(context.models[self.role].run, options)


TASKS = (Notes(),)
