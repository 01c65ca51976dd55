"""Our notes against those of the library basic-pitch, kept in notes.json (made by make_notes.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lookhear
from golden.chord import CHORDS, RATE, chords
from golden.posteriorgrams import CASES, posteriorgrams, thresholds
from lookhear.tasks.audio.notes import NotesResult
from lookhear.tasks.audio.notes.creation import Rules
from lookhear.tasks.audio.notes.stream import NoteStream
from support.models import installed
from support.sound import encode

GOLDEN = json.loads((Path(__file__).parent / "notes.json").read_text())
RECORDINGS = [name for name in GOLDEN["recordings"] if name != "chords"]


@pytest.mark.parametrize("seed", range(CASES))
def test_the_same_notes_out_of_the_same_matrices(seed: int) -> None:
    frames, onsets, contours = posteriorgrams(seed)
    told = thresholds(seed)
    rules = Rules(told["onset_thresh"], told["frame_thresh"], int(told["min_note_len"]), bool(told["melodia_trick"]))
    stream = NoteStream(rules)
    found = stream.add(frames, onsets, contours) + stream.finish()
    theirs = GOLDEN["matrices"][seed]
    assert len(theirs) > 30
    assert [[event.start, event.end, event.pitch + 21] for event, _ in found] == [row[:3] for row in theirs]
    assert [list(moves or ()) for _, moves in found[::10]] == [row[4] for row in theirs[::10]]
    np.testing.assert_allclose([event.amplitude for event, _ in found], [row[3] for row in theirs], atol=2e-5)


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "audio", "notes")


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("name", RECORDINGS)
def test_the_same_notes_in_the_same_recording(shared: Path, name: str) -> None:
    _compare(lookhear.analyze(shared / "music" / name, ["notes"])["notes"], GOLDEN["recordings"][name])


@pytest.mark.usefixtures("weights")
def test_chords_are_heard_as_they_were_played() -> None:
    data = encode(chords()[None], codec="pcm_f32le", sample_format="flt", rate=RATE)
    result = lookhear.analyze(data, ["notes"])["notes"]
    _compare(result, GOLDEN["recordings"]["chords"])
    for start, pitches in CHORDS:
        for pitch in pitches:
            assert any(note.pitch == pitch and abs(note.start - start) < 0.05 for note in result.notes), pitch


def _compare(ours: NotesResult, theirs: dict[str, Any]) -> None:
    """Each note of theirs is one of ours; ends may differ where the library stops listening before the end."""
    left = list(ours.notes)
    for start, end, pitch, amplitude in theirs["notes"]:
        (note,) = (note for note in left if note.pitch == pitch and abs(note.start - start) < 0.011)
        left.remove(note)
        if end < theirs["until"] - 0.2:
            assert abs(note.end - end) < 0.011 and abs(note.amplitude - amplitude) < 1e-3
    assert [note for note in left if note.start < theirs["until"] - 0.2] == []
