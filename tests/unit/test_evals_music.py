"""The music that accuracy is measured on: its truth must be true."""

from __future__ import annotations

import numpy as np
import pytest

from evals.metrics import tempo_hits
from evals.music.excerpts import borders, marked, within
from evals.music.render import _truth
from evals.music.score import DRUMS, swung
from evals.music.sets import Clip, clips

SETS = ("tune", "report")


@pytest.fixture(scope="module", params=SETS)
def some(request: pytest.FixtureRequest) -> list[Clip]:
    return clips(request.param, 28)


def test_the_same_seed_writes_the_same_music(some: list[Clip]) -> None:
    again = clips(some[0].set, 28)
    assert [clip.piece.notes for clip in again] == [clip.piece.notes for clip in some]


def test_the_sets_share_no_seed() -> None:
    tune, report = ({clip.seed for clip in clips(name)} for name in SETS)
    assert not tune & report


def test_beats_and_downbeats_fit_the_tempo_and_the_bar(some: list[Clip]) -> None:
    for clip in some:
        known = _truth(clip)
        beats = np.array(known["beats"])
        assert np.median(60 / np.diff(beats)) == pytest.approx(known["tempo"], rel=1e-3)
        assert known["downbeats"] == known["beats"][:: clip.piece.beats_per_bar]  # type: ignore[index]


def test_the_piece_ends_on_its_tonic(some: list[Clip]) -> None:
    for piece in (clip.piece for clip in some if clip.piece.style.pattern != "none"):
        last = {
            n.pitch % 12 for n in piece.notes if n.channel == 0 and n.onset >= (piece.bars - 1) * piece.beats_per_bar
        }
        assert not last or (piece.tonic + 7) % 12 in last


def test_drums_alone_have_no_key(some: list[Clip]) -> None:
    for clip in some:
        tonal = any(note.channel != DRUMS for note in clip.piece.notes)
        assert (_truth(clip)["key"] is not None) is tonal


def test_swing_moves_the_off_beat_and_nothing_else() -> None:
    assert [swung(at, 0.66) for at in (0.0, 0.5, 1.0, 3.5)] == pytest.approx([0.0, 0.66, 1.0, 3.66])


def test_an_excerpt_lies_within_the_piece_and_keeps_its_beats(some: list[Clip]) -> None:
    for clip in some:
        known = _truth(clip)
        start, end = borders(known)
        part = within(known, start, end)
        assert known["beats"][0] < start < end < known["downbeats"][-1]  # type: ignore[index]
        assert np.array(part["beats"]) + start == pytest.approx(
            [beat for beat in known["beats"] if start <= beat < end],  # type: ignore[attr-defined]
            abs=1e-4,
        )
        assert part["tempo"] == pytest.approx(known["tempo"], rel=0.05)


def test_some_pieces_leave_their_scale_and_some_do_not() -> None:
    assert 0 < len(marked("report")) < len(clips("report"))


@pytest.mark.parametrize(
    ("estimate", "hits"),
    [(100.0, (True, True)), (103.9, (True, True)), (104.1, (False, False)), (200.0, (False, True)), (50.0, (False, True)),
     (33.4, (False, True)), (300.0, (False, True)), (150.0, (False, False)), (None, (False, False))],
)  # fmt: skip
def test_tempo_accuracy(estimate: float | None, hits: tuple[bool, bool]) -> None:
    assert tempo_hits(estimate, 100.0) == hits
