"""Speech cut out of sound, its spectrum, and its places, piece by piece: as of the whole."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lookhear.tasks.audio.transcript.spans import Piece, Rules, Spans
from lookhear.tasks.audio.transcript.spectrum import Spectrum
from lookhear.tasks.audio.transcript.speech_only import Sound, Timeline
from lookhear.tasks.voice import WINDOW
from support.spectra import frames

RATE = 16000


@settings(max_examples=200, deadline=None)
@given(
    loud=st.lists(
        st.tuples(st.sampled_from([0.1, 0.4, 0.9]), st.sampled_from([1, 3, 5, 14, 20, 60, 70, 500])), max_size=30
    ).map(lambda runs: [probability for probability, count in runs for _ in range(count)]),
    sizes=st.lists(st.integers(1, 100), min_size=1, max_size=60),
    chunked=st.booleans(),
    odd=st.integers(0, WINDOW - 1),
)
def test_spans_are_those_of_the_whole(loud: list[float], sizes: list[int], chunked: bool, odd: int) -> None:
    """Pieces are in order, and hold all speech once; the same at once and bit by bit; needed samples are kept."""
    rules = Rules(silence=2560, longest=30.0) if chunked else Rules()
    samples = WINDOW * len(loud) + odd
    whole = _joined(_told(rules, loud, [len(loud)], samples))
    pieces = _told(rules, loud, sizes, samples)
    assert _joined(pieces) == whole
    assert all(one.start < one.end for one in pieces) and all(a.end <= b.start for a, b in pairwise(pieces))
    held = np.zeros(samples + WINDOW, bool)
    for start, end in whole:
        held[start:end] = True
    spoken = np.repeat(np.array(loud) >= rules.threshold, WINDOW)
    assert held[: len(spoken)][spoken].all()
    if chunked:
        assert all(end - start <= 30 * RATE for start, end in whole)


def _told(rules: Rules, loud: list[float], sizes: list[int], samples: int) -> list[Piece]:
    spans, found, place = Spans(rules), [], 0
    for size in [*sizes, len(loud)]:
        needed = spans.needed
        fresh = list(spans.add(np.array(loud[place : place + size], np.float32)))
        assert all(piece.start >= needed for piece in fresh)
        found, place = found + fresh, place + size
    return found + list(spans.finish(np.full(1, 0.1, np.float32), samples))


def _joined(pieces: list[Piece]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for piece in pieces:
        if piece.begins:
            spans.append((piece.start, piece.end))
        else:
            assert spans[-1][1] == piece.start
            spans[-1] = (spans[-1][0], piece.end)
    return spans


@settings(max_examples=50, deadline=None)
@given(edges=st.lists(st.integers(0, 60000), max_size=8), length=st.integers(0, 60000))
def test_spectra_of_pieces_are_those_of_the_whole(edges: list[int], length: int) -> None:
    sound = np.random.default_rng(length).normal(0, 0.2, length).astype(np.float32)
    spectrum = Spectrum(frames)
    parts = [
        spectrum.add(sound[low:high])
        for low, high in pairwise([0, *sorted(edge for edge in edges if edge < length), length])
    ]
    parts.append(spectrum.finish())
    made = np.concatenate([np.zeros((2, 0), np.float32), *(part for part in parts if part is not None)], axis=1)
    assert np.array_equal(made, frames(np.append(sound, np.zeros(160, np.float32)))[:, : length // 160])


def test_a_moment_at_a_seam_is_the_end_of_one_span_or_the_beginning_of_the_next() -> None:
    line = Timeline()
    for start, end, begins in ((16000, 24000, True), (24000, 32000, False), (64000, 80000, True)):
        line.add(Piece(start, end, begins))
    assert line.samples == 32000
    assert line.original(0.5) == 1.5 and line.original(1.0, is_end=True) == 2.0 and line.original(1.0) == 4.0
    assert line.original(1.5) == 4.5 and line.original(9.0) == 12.0  # beyond the end: of the last span
    assert line.original(0.9, line.span(1.2)) == 3.9


def test_sound_is_kept_as_long_as_it_is_needed() -> None:
    sound = Sound()
    for i in range(4):
        sound.add(np.arange(10 * i, 10 * i + 10, dtype=np.float32))
    sound.forget(15)
    assert sound.take(Piece(15, 33, True)).tolist() == list(range(15, 33))
    sound.forget(40)
    assert not sound._runs
