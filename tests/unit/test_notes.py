"""Notes out of hand-made posteriorgrams, windows, and MIDI."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import lookhear
from lookhear.errors import InvalidOptions
from lookhear.tasks.audio.notes import NotesOptions
from lookhear.tasks.audio.notes.bends import bends
from lookhear.tasks.audio.notes.creation import Rules, find, rises, starts
from lookhear.tasks.audio.notes.midi import write_midi
from lookhear.tasks.audio.notes.result import NoteEvent, NotesResult, note_name, polyphony, summed
from lookhear.tasks.audio.notes.stream import NoteStream
from lookhear.tasks.audio.notes.windows import Posteriorgrams, seconds
from support.models import installed
from support.sound import encode

Matrix = NDArray[np.float32]


def grams(*notes: tuple[int, int, int], length: int = 200, level: float = 0.8) -> tuple[Matrix, Matrix]:
    """Frames and onsets that say exactly these notes: (start, end, pitch)."""
    frames, onsets = np.zeros((2, length, 88), np.float32)
    for start, end, pitch in notes:
        frames[start:end, pitch] = level
        onsets[start, pitch] = 0.9
    return frames, onsets


def found(frames: Matrix, onsets: Matrix, rules: Rules | None = None) -> list[tuple[int, int, int]]:
    """All notes in order."""
    stream = NoteStream(rules or Rules())
    events = [event for event, _ in stream.add(frames, onsets) + stream.finish()]
    return sorted((event.start, event.end, event.pitch) for event in events)


def test_a_note_a_chord_and_an_octave() -> None:
    for notes in ([(20, 60, 40)], [(20, 60, 40), (20, 70, 44), (20, 50, 47)], [(20, 60, 40), (20, 60, 52)]):
        assert found(*grams(*notes)) == sorted(notes)
    frames, onsets = grams((20, 60, 40))
    frames[20:60, 40] = np.linspace(0.4, 0.8, 40)
    stream = NoteStream(Rules())
    (event, moves), *others = stream.add(frames, onsets) + stream.finish()
    assert event.amplitude == pytest.approx(0.6) and moves is None and not others


def test_a_note_struck_again_is_two() -> None:
    frames, onsets = grams((20, 50, 40), (50, 90, 40))
    assert found(frames, onsets) == [(20, 50, 40), (50, 90, 40)]


def test_a_rise_begins_a_note_too() -> None:
    frames, onsets = grams((20, 60, 40), (100, 140, 50))
    onsets[100, 50] = 0.0  # a rise of one frame peaks nowhere
    assert starts(onsets, rises(frames), 1.0, 0.5).tolist() == [[20, 40], [100, 50]]
    assert rises(frames)[:2].max() == 0.0
    assert found(frames, onsets, Rules(melodia=False)) == [(20, 60, 40), (100, 140, 50)]


def test_what_is_left_is_found_around_its_maximum_without_its_last_frame() -> None:
    frames, onsets = grams((20, 60, 40), length=300)
    swell = 0.8 * np.sin(np.linspace(0, np.pi, 101))
    frames[150:251, 60] = swell
    first, last = 150 + np.flatnonzero(swell >= 0.3)[[0, -1]]
    assert found(frames, onsets) == [(20, 60, 40), (first, last, 60)]
    assert found(frames, onsets, Rules(melodia=False)) == [(20, 60, 40)]


def test_short_notes_and_silences() -> None:
    assert found(*grams((20, 31, 40))) == [] and found(*grams((20, 32, 40))) == [(20, 32, 40)]
    frames, onsets = grams((20, 60, 40), level=0.5)
    frames[30:40, 40] = 0.29  # ten frames
    assert found(frames, onsets) == [(20, 60, 40)]
    frames[30:41, 40] = 0.29
    assert found(frames, onsets, Rules(longer=5)) == [(20, 30, 40), (41, 59, 40)]


def test_neighbours_belong_to_the_note() -> None:
    frames, onsets = grams((20, 60, 40))
    frames[20:60, 39] = frames[20:60, 41] = 0.4
    assert found(frames, onsets) == [(20, 60, 40)]


def test_only_what_is_asked_for_sounds() -> None:
    frames, onsets = grams((20, 60, 20), (20, 60, 40), (20, 60, 60))
    rules = NotesOptions(minimum_frequency=261.63, maximum_frequency=1046.5).rules
    assert (rules.lowest, rules.highest) == (39, 63)
    assert found(frames, onsets, rules) == [(20, 60, 40), (20, 60, 60)]
    assert found(frames, onsets, NotesOptions(minimum_frequency=1000, maximum_frequency=100).rules) == []


def test_nothing_gives_nothing() -> None:
    for length in (0, 1, 2, 3, 50):
        assert found(*np.zeros((2, length, 88), np.float32)) == []
    assert find(np.zeros((0, 88), np.float32), np.zeros((0, 2), np.intp), Rules()) == []
    assert NoteStream(Rules()).finish() == [] and summed([]) == NotesResult()


def music(length: int, seed: int) -> tuple[Matrix, Matrix]:
    """Notes of all lengths, with some noise."""
    rng = np.random.default_rng(seed)
    begins = rng.integers(0, length, length // 12)
    notes = [(at, at + rng.integers(5, 90), rng.integers(0, 88)) for at in begins.tolist()]
    frames, onsets = grams(*notes, length=length)
    frames += rng.uniform(-0.1, 0.15, frames.shape).astype(np.float32)
    return np.clip(frames, 0, 1), onsets * rng.uniform(0.4, 1, onsets.shape).astype(np.float32)


def in_pieces(frames: Matrix, onsets: Matrix, size: int, span: int) -> list[tuple[int, int, int]]:
    stream = NoteStream(Rules(), span)
    events = []
    for i in range(0, len(frames), size):
        events += stream.add(frames[i : i + size], onsets[i : i + size])
    return sorted((event.start, event.end, event.pitch) for event, _ in events + stream.finish())


@pytest.mark.parametrize("span", [1024, 2048])
def test_long_recordings_are_looked_at_in_spans(span: int) -> None:
    frames, onsets = music(9000, 4)
    whole = in_pieces(frames, onsets, 500, 1 << 14)
    assert len(whole) > 500 and in_pieces(frames, onsets, 500, span) == whole


def test_the_whole_is_kept_no_longer_than_a_span() -> None:
    frames, onsets = music(9000, 5)
    stream = NoteStream(Rules(), 1024)
    for i in range(0, len(frames), 100):
        stream.add(frames[i : i + 100], onsets[i : i + 100])
        assert stream._count < 1024 and sum(len(parts[0]) for parts in stream._pieces) == stream._count


def test_frames_have_their_own_time() -> None:
    assert seconds([0, 1, 141, 142]).tolist() == [0.0, 256 / 22050, 141 * 256 / 22050, 36164 / 22050]


@pytest.mark.parametrize("size", [1, 5000, 43844, 400000])
@pytest.mark.parametrize("length", [0, 1, 256, 36164, 36165, 300000])
def test_windows_overlap_and_end_with_the_recording(size: int, length: int) -> None:
    """A network that gives back the sample each frame is at, tells whether frames are where they should be."""
    if size == 1 and length > 300:
        return

    def run(feed: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        (windows,) = feed.values()
        assert windows.shape[1:] == (43844, 1) and len(windows) <= 4
        at = windows[:, : 172 * 256 : 256]
        return [np.repeat(at, 88, 2), np.repeat(at, 88, 2), np.repeat(at, 264, 2)]

    samples = np.arange(1, length + 1, dtype=np.float32)
    network = Posteriorgrams(run)
    got = [frames for i in range(0, length, size) for frames, _, _ in network.add(samples[i : i + size])]
    got += [frames for frames, _, _ in network.finish()]
    there = np.concatenate([*got, np.zeros((0, 88), np.float32)])[:, 0]
    np.testing.assert_allclose(there - 1, np.rint(seconds(np.arange(len(there))) * 22050))
    assert seconds([len(there)])[0] * 22050 >= length  # the next frame would lie behind the end


def test_bends_follow_the_contour() -> None:
    contours = np.zeros((4, 264), np.float32)
    contours[np.arange(4), 3 * 40 + np.array([0, 1, 2, -4])] = 0.9
    contours[:, 3 * 40 + 24] = 0.5  # far off: hardly counts
    assert bends(contours, 40) == (0, 1, 2, -4)
    assert bends(np.eye(264, dtype=np.float32)[[0, 1]], 0) == (0, 1)
    assert bends(np.eye(264, dtype=np.float32)[[263, 260]], 87) == (2, -1)


def test_what_notes_have_in_common() -> None:
    notes = [NoteEvent(1, 3, 64, 0.5), NoteEvent(0, 2, 60, 0.5), NoteEvent(4, 5, 67, 0.5), NoteEvent(3, 4, 21, 0.5)]
    result = summed(notes)
    assert [note.start for note in result.notes] == [0, 1, 3, 4] and result.note_count == 4
    assert (result.lowest_name, result.highest_name, result.polyphony_max) == ("A0", "G4", 2)
    assert result.polyphony == pytest.approx(6 / 5)
    assert polyphony(np.array([[0.0, 1.0], [1.0, 2.0]])) == (1.0, 1)
    assert [note_name(pitch) for pitch in (60, 69, 108)] == ["C4", "A4", "C8"]


def test_midi_is_written_as_the_standard_says() -> None:
    data = write_midi([NoteEvent(0.0, 0.5, 60, 0.5), NoteEvent(0.5, 1.5, 62, 1.0)])
    assert data[:14] == bytes.fromhex("4d546864 00000006 0001 0002 01e0")
    assert data[14:33] == b"MTrk" + bytes.fromhex("0000000b 00 ff5103 07a120 00 ff2f00")
    track = data[33:]
    assert track[:4] == b"MTrk" and int.from_bytes(track[4:8], "big") == len(track) - 8
    assert track[-22:] == bytes.fromhex("00 903c40  8360 803c00 00 903e7f  8740 803e00 00 ff2f00".replace(" ", ""))


def test_midi_bends_only_what_sounds_alone() -> None:
    alone = NoteEvent(0.0, 1.0, 60, 0.5, (0, 3, 0, -6))
    bent = _events(write_midi([alone]))
    assert bent == [(240, 0xE0, 8192 + 4096), (480, 0xE0, 8192), (720, 0xE0, 0), (960, 0xE0, 8192)]
    other = NoteEvent(0.5, 1.5, 64, 0.5, (0, 3))
    assert _events(write_midi([alone, other])) == []
    apart = _events(write_midi([alone, other], bend_chords=True))
    assert {status for _, status, _ in apart} == {0xE0, 0xE1} and len(apart) == 6


def _events(data: bytes) -> list[tuple[int, int, int]]:
    """(tick, status, value) of the pitch bends of the second track."""
    at, tick, out = 33 + 8, 0, []
    while at < len(data):
        delta = 0
        while True:
            delta, more = delta << 7 | data[at] & 127, data[at] & 128
            at += 1
            if not more:
                break
        tick, status = tick + delta, data[at]
        if status == 0xFF:
            break
        if status >> 4 == 0xE:
            out.append((tick, status, data[at + 1] | data[at + 2] << 7))
        at += 2 if status >> 4 == 0xC else 3
    return out


def test_options_that_make_no_sense_are_refused() -> None:
    for wrong in ({"onset_threshold": 0.0}, {"frame_threshold": 1.1}, {"minimum_note_length": -1.0},
                  {"maximum_frequency": 0.0}):  # fmt: skip
        with pytest.raises(InvalidOptions):
            NotesOptions(**wrong)
    assert NotesOptions().rules == Rules()


@pytest.mark.parametrize(("file", "name"), [
    ("oboe-A4.wav", "A4"), ("vibraphone-C6.wav", "C6"), ("violin-B3.wav", "B3"), ("organ-C3.wav", "C4"),
])  # fmt: skip
def test_single_notes_are_named(shared: Path, monkeypatch: pytest.MonkeyPatch, file: str, name: str) -> None:
    """The organ sounds at 261.6 Hz: its file counts octaves as synthesisers do, where C3 is middle C."""
    installed(monkeypatch, "audio", "notes")
    report = lookhear.analyze(shared / "music" / file, ["notes"])
    assert report.errors == () and note_name(max(report["notes"].notes, key=_weight).pitch) == name


def _weight(note: NoteEvent) -> float:
    return (note.end - note.start) * note.amplitude


def test_silence_has_no_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "audio", "notes")
    assert lookhear.analyze(encode(np.zeros((1, 44100 * 6), np.float32)), ["notes"])["notes"] == NotesResult()
