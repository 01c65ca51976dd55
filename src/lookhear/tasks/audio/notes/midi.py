"""Notes as a Standard MIDI File (format 1, The MIDI Manufacturers Association, 1996)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from lookhear.tasks.audio.notes.result import NoteEvent

_TICKS = 480  # a quarter note
_PROGRAM = 4  # electric piano
_CHANNELS = (*range(9), *range(10, 16))  # without that of drums
_BEND = 8192  # of two semitones
_OFF, _PITCH, _ON = 0, 1, 2  # in this order where they meet


def write_midi(notes: Sequence[NoteEvent], tempo: float = 120.0, *, bend_chords: bool = False) -> bytes:
    """A file with the notes on a track of their own. ``tempo``: quarter notes a minute.

    MIDI bends whole channels. So bends are left out of notes that sound while others do; with ``bend_chords``, notes that
    sound together go to channels of their own, and only where 15 do not suffice are bends left out.
    """
    notes = sorted(notes, key=lambda note: (note.start, note.pitch))
    per_second = _TICKS * tempo / 60
    events: list[tuple[int, int, bytes]] = [(0, _OFF, bytes((0xC0 | channel, _PROGRAM))) for channel in _CHANNELS]
    for note, channel, bent in _channels(notes, bend_chords):
        start, end = round(note.start * per_second), round(note.end * per_second)
        velocity = min(127, max(1, round(127 * note.amplitude)))
        events.append((start, _ON, bytes((0x90 | channel, note.pitch, velocity))))
        events.append((max(end, start + 1), _OFF, bytes((0x80 | channel, note.pitch, 0))))
        events += _bends(note, channel, start, end) if bent else []
    tempo_track = b"\x00\xff\x51\x03" + round(60e6 / tempo).to_bytes(3, "big") + b"\x00\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 1, 2, _TICKS)
    return header + _track(tempo_track) + _track(_timed(sorted(events, key=lambda event: event[:2])))


def _channels(notes: Sequence[NoteEvent], apart: bool) -> list[tuple[NoteEvent, int, bool]]:
    """Each note with its channel, and whether it may bend it: nothing else sounds there meanwhile."""
    free, placed = np.zeros(len(_CHANNELS)), []
    last = -1.0
    for i, note in enumerate(notes):
        later = notes[i + 1].start if i + 1 < len(notes) else np.inf
        alone = last <= note.start and note.end <= later
        last = max(last, note.end)
        place = int(np.argmin(free)) if apart else 0
        bent = note.pitch_bends is not None and (free[place] <= note.start if apart else alone)
        free[place] = max(free[place], note.end)
        placed.append((note, _CHANNELS[place], bent))
    return placed


def _bends(note: NoteEvent, channel: int, start: int, end: int) -> list[tuple[int, int, bytes]]:
    thirds = np.array(note.pitch_bends or (0,))
    values = np.clip(np.round(thirds * (_BEND / 2 / 3)), -_BEND, _BEND - 1).astype(int) + _BEND
    ticks = np.round(np.linspace(start, end, len(values), endpoint=False)).astype(int)
    changes = np.flatnonzero(np.diff(values, prepend=_BEND))
    steps = [(int(ticks[i]), int(values[i])) for i in changes]
    back = [(end, _BEND)] if steps and steps[-1][1] != _BEND else []
    return [(at, _PITCH, bytes((0xE0 | channel, value & 127, value >> 7))) for at, value in steps + back]


def _timed(events: Sequence[tuple[int, int, bytes]]) -> bytes:
    """Events with the time since the one before, and the end of the track."""
    data, now = bytearray(), 0
    for at, _, message in events:
        data += _length(at - now) + message
        now = at
    return bytes(data) + b"\x00\xff\x2f\x00"


def _length(value: int) -> bytes:
    """Seven bits a byte, the highest first."""
    parts = [value & 127]
    while value := value >> 7:
        parts.append(value & 127 | 128)
    return bytes(reversed(parts))


def _track(data: bytes) -> bytes:
    return b"MTrk" + struct.pack(">I", len(data)) + data
