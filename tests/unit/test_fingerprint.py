"""Fingerprints: the same recording matches through real encoders and cuts, another one does not."""

from __future__ import annotations

import io
import itertools
import os
import time
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookhear.dsp.fingerprint import STEP_SECONDS, Fingerprinter, Words, match, places_of
from lookhear.dsp.stft import PowerSpectra
from lookhear.media.forms import Form
from lookhear.media.probe import Probe
from lookhear.tasks.audio.duplicates import TASKS, DuplicatesResult, decode, encode, similarity
from lookhear.tasks.audio.duplicates.matcher import SAME, SoundMatcher
from lookhear.tasks.base import Block, Candidate, Context, NoOptions, Relation, Spectra

Sound = NDArray[np.float32]
RATE = 44100
SHARED = Path(os.environ.get("LOOKHEAR_SHARED", Path(__file__).parents[3] / "shared")) / "media" / "music"
SCALE = (0, 2, 4, 5, 7, 9, 11)


def resampled(x: Sound, rate: int, to: int, layout: str) -> Sound:
    resampler = av.AudioResampler("fltp", layout, to)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(x), format="fltp", layout=("mono", "stereo")[len(x) - 1])
    frame.sample_rate = rate
    return np.concatenate([part.to_ndarray() for part in resampler.resample(frame) + resampler.resample(None)], axis=1)


def power(x: Sound, rate: int = RATE) -> NDArray[np.float32]:
    stft = PowerSpectra()
    mono = resampled(x.mean(axis=0, keepdims=True), rate, 22050, "mono")[0]
    return np.concatenate([stft.add(mono), stft.finish()])


def words(x: Sound, rate: int = RATE) -> Words:
    fingerprinter = Fingerprinter()
    fingerprinter.add(power(x, rate))
    return fingerprinter.words


def through(x: Sound, codec: str, container: str, bit_rate: int, rate: int = RATE) -> tuple[Sound, int]:
    """Encoded by FFmpeg, and decoded again."""
    file = io.BytesIO()
    layout = ("mono", "stereo")[len(x) - 1]
    y = resampled(x, RATE, rate, layout)
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, options={"strict": "experimental"})
        stream.layout, stream.bit_rate = layout, bit_rate
        stream.codec_context.open()
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(stream.codec_context.format.name, layout, rate, frame_size=size)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(y), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            output.mux(stream.encode(part))
    file.seek(0)
    with av.open(file) as source:
        resampler = av.AudioResampler("fltp")
        frames = [part for frame in source.decode(audio=0) for part in resampler.resample(frame)]
        return np.concatenate([part.to_ndarray() for part in frames], axis=1), frames[0].sample_rate


@lru_cache(maxsize=64)
def tone(note: int) -> NDArray[np.float64]:
    """One second of a plucked string."""
    t = np.arange(RATE) / RATE
    f = 440 * 2 ** ((note - 69) / 12)
    return np.sum([np.sin(2 * np.pi * f * k * t + k) / k**1.3 for k in range(1, 7)], axis=0) * np.exp(-3 * t)


@lru_cache(maxsize=8)
def song(seed: int, seconds: float = 20.0) -> Sound:
    """Chords, a melody and drums at random, all songs in C major at the same tempo, in stereo."""
    random = np.random.default_rng(seed)
    x = np.zeros((2, round(seconds * RATE)))
    beat = RATE // 2
    for at in range(0, x.shape[1] - 2 * beat, beat):
        chord = [48 + SCALE[random.integers(7)] for _ in range(3)]
        for note in [*chord, 60 + SCALE[random.integers(7)] + 12 * int(random.integers(2))]:
            x[:, at : at + 2 * beat] += random.uniform(0.3, 1, (2, 1)) * tone(note)
        x[:, at : at + beat // 4] += 0.5 * random.standard_normal(beat // 4) * np.exp(-np.arange(beat // 4) / 1500)
    return np.asarray(0.8 * x / np.abs(x).max(), np.float32)


SEEDS = (1, 2, 3, 4, 5)
ENCODERS = {
    "mp3 64k": ("libmp3lame", "mp3", 64000, RATE),
    "mp3 128k": ("libmp3lame", "mp3", 128000, RATE),
    "mp3 320k": ("libmp3lame", "mp3", 320000, RATE),
    "aac 96k": ("aac", "adts", 96000, RATE),
    "opus 48k": ("libopus", "ogg", 48000, 48000),
    "vorbis": ("vorbis", "ogg", 96000, RATE),
}


@lru_cache(maxsize=1)
def originals() -> dict[int, Words]:
    return {seed: words(song(seed)) for seed in SEEDS}


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_do_not_hide_a_song(name: str) -> None:
    for seed in SEEDS[:2]:
        coded = words(*through(song(seed), *ENCODERS[name]))
        scores = {other: match(original, coded).score for other, original in originals().items()}
        assert scores.pop(seed) > 0.6
        assert max(scores.values()) < 0.1


@pytest.mark.parametrize(
    ("change", "least"),
    [
        (lambda x: x * np.float32(0.3), 0.97),
        (lambda x: x * np.float32(1e-3), 0.9),
        (lambda x: x[:1], 0.6),
        (lambda x: np.pad(x, ((0, 0), (round(0.3 * RATE), 0))), 0.7),
        (lambda x: x[:, round(0.047 * RATE) :], 0.6),
        (lambda x: x[:, 5 * RATE :], 0.6),
        (lambda x: x[:, 7 * RATE : 15 * RATE], 0.6),
    ],
    ids=["-10 dB", "-60 dB", "one channel", "0.3 s later", "half a step earlier", "no intro", "the middle alone"],
)
def test_level_shift_and_cut_do_not_hide_a_song(change: object, least: float) -> None:
    for seed in SEEDS[:2]:
        assert match(originals()[seed], words(change(song(seed)))).score > least  # type: ignore[operator]


def test_the_offset_is_right() -> None:
    found = match(originals()[1], words(song(1)[:, 5 * RATE :]))
    assert found.offset == pytest.approx(-5, abs=STEP_SECONDS)
    assert found.overlap == pytest.approx(14.1, abs=0.6)


def test_a_song_with_half_a_minute_cut_out_matches_on_both_sides() -> None:
    x = song(7, 80)
    cut = np.concatenate([x[:, : 25 * RATE], x[:, 55 * RATE :]], axis=1)
    found = match(words(x), words(cut))
    assert found.score > 0.7 and found.overlap == pytest.approx(49.5, abs=2.5)


def test_gained_22k_mono_128k_mp3_with_an_intro_matches() -> None:
    x = np.pad(song(2)[:1] * np.float32(0.5), ((0, 0), (RATE, 0)))
    found = match(originals()[2], words(*through(x, "libmp3lame", "mp3", 64000, 22050)))
    assert found.score > 0.6 and found.offset == pytest.approx(1.0, abs=0.15)


def test_other_songs_do_not_match() -> None:
    for a, b in itertools.combinations(originals().values(), 2):
        assert match(a, b).score < 0.1


def test_recordings_match_themselves_alone() -> None:
    paths = [SHARED / f"{name}.hq.ogg" for name in ("brahms", "fishin", "vibeace")]
    if not all(path.exists() for path in paths):
        pytest.skip("no shared recordings here")
    rows = []
    for path in paths:
        with av.open(str(path)) as container:
            rate = container.streams.audio[0].rate
            x = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)[:, : 20 * rate]
        rows.append((words(x, rate), words(*through(x, "libmp3lame", "mp3", 64000))))
    for i, j in itertools.product(range(3), repeat=2):
        assert (match(rows[i][0], rows[j][1]).score > 0.6) == (i == j)


def test_match_is_symmetric_and_perfect_with_itself() -> None:
    a, b = originals()[1], words(song(1)[:, 3 * RATE :])
    assert match(a, a).score == 1.0 and match(a, a).offset == 0.0
    there, back = match(a, b), match(b, a)
    assert there.score == pytest.approx(back.score, abs=0.02)
    assert there.offset == pytest.approx(-(back.offset or 0), abs=1e-9)


def test_too_little_to_tell() -> None:
    some = originals()[1]
    assert match(some, some[:20]).score == 0.0 and match(some[:0], some).offset is None


def matcher(rows: list[Words | None]) -> SoundMatcher:
    probe = Probe("audio", "flac", "FLAC")
    results = [DuplicatesResult(None if row is None else encode(row)) for row in rows]
    return SoundMatcher([Candidate(result, probe) for result in results])


def test_copies_in_a_collection() -> None:
    rows = dict(originals())
    rows[11] = words(*through(song(1), *ENCODERS["mp3 64k"]))
    rows[12] = words(np.pad(song(1), ((0, 0), (2 * RATE, 0))))
    rows[41] = words(*through(song(4), *ENCODERS["aac 96k"]))
    places = {name: place for place, name in enumerate(rows)}
    found = matcher(list(rows.values()))

    def copies(name: int) -> set[int]:
        said = {other: found.compare(places[name], other) for other in found.candidates(places[name])}
        return {other for other, one in said.items() if one is not None and one.relation is Relation.COPY}

    assert copies(1) == {places[11], places[12]} and copies(4) == {places[41]}
    assert not any(copies(other) for other in (2, 3, 5))
    later = found.compare(places[1], places[12])
    assert later is not None and later.relation is Relation.COPY and later.score >= SAME
    assert later.reason == "same recording, starts 2.0 s later" and later.offset == pytest.approx(2, abs=0.1)
    other = found.compare(places[1], places[2])
    assert other is not None and other.relation is Relation.OTHER


def test_a_short_sound_is_found_though_hardly_a_word_is_whole() -> None:
    random = np.random.default_rng(0)
    rows = [random.integers(0, 2**32, 77, dtype=np.uint32) for _ in range(50)]
    wrong = np.packbits(random.random((77, 32)) < 0.1, axis=1).view("<u4")[:, 0]
    assert np.count_nonzero(wrong == 0) < 8
    assert list(matcher([*rows, rows[7] ^ wrong]).candidates(50)) == [7]


def test_a_clip_of_what_repeats_itself_is_a_part() -> None:
    loop = originals()[1][:100]
    part = matcher([np.tile(loop, 4), loop]).compare(0, 1)
    assert part is not None and part.relation is Relation.PART


def test_a_clip_is_a_part_and_no_copy() -> None:
    found = matcher([originals()[1], originals()[1][60:130], None])
    part = found.compare(0, 1)
    assert part is not None and part.relation is Relation.PART
    assert part.offset == pytest.approx(-60 * STEP_SECONDS)
    assert found.candidates(0) == [1] and found.compare(0, 2) is None and not found.candidates(2)
    assert not matcher([]).candidates(0)


@pytest.mark.parametrize(("length", "strangers"), [(300, 20), (500, 0)])  # short ones vote with less than whole words
def test_a_thousand_fingerprints_are_not_compared_one_by_one(length: int, strangers: int) -> None:
    random = np.random.default_rng(0)
    rows = [random.integers(0, 2**32, length, dtype=np.uint32) for _ in range(1000)]
    wrong = rows[500] ^ (np.uint32(1) << random.integers(0, 32, length).astype(np.uint32))
    rows.append(np.where(random.random(length) < 0.8, wrong, rows[500]))
    began = time.perf_counter()
    found = matcher(rows)
    pairs = {(one, other) for one in range(1001) for other in found.candidates(one) if one < other}
    assert (500, 1000) in pairs and len(pairs) - 1 <= strangers  # of half a million
    assert time.perf_counter() - began < 10


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 90), min_size=1, max_size=30))
def test_blocks_of_any_size_give_the_same(sizes: list[int]) -> None:
    frames = np.random.default_rng(0).random((sum(sizes), 1025)).astype(np.float32)
    whole, parts, at = Fingerprinter(), Fingerprinter(), 0
    whole.add(frames)
    for size in sizes:
        parts.add(frames[at : at + size])
        at += size
    assert np.array_equal(whole.words, parts.words)


@settings(max_examples=30, deadline=None)
@given(row=st.lists(st.integers(0, 2**32 - 1), max_size=50))
def test_text_there_and_back(row: list[int]) -> None:
    assert decode(encode(np.array(row, np.uint32))).tolist() == row


@pytest.mark.parametrize("text", ["", "hk1", "hk0.AAAA", "hk1.A", "hk1.AAA=", "hk1.é"])
def test_other_text_is_no_fingerprint(text: str) -> None:
    with pytest.raises(ValueError, match="afresh"):
        similarity(text, text)


def test_ten_hours_stay_below_half_a_megabyte() -> None:
    fingerprinter, frames = Fingerprinter(), np.random.default_rng(0).random((4000, 33)).astype(np.float32)
    for _ in range(100):
        fingerprinter._encode(frames)  # 10.3 h, smoothed and thinned out
    places = places_of(len(fingerprinter.words))
    assert np.all(np.diff(places) > 0)
    assert 399_900 < places[-1] < 400_000
    assert len(encode(fingerprinter.words)) < 600_000


def run(frames: NDArray[np.float32]) -> tuple[DuplicatesResult, list[str]]:
    warnings: list[str] = []
    fold = TASKS[0].start(Context(Probe("audio", "flac", "FLAC"), warnings.append), NoOptions())
    for at in range(0, len(frames), 129):
        part = frames[at : at + 129]
        fold.add(Block(Form.SPECTRA, spectra=Spectra(at, part, np.sqrt(part), part[:, :128])))
    return fold.finish(), warnings


def test_the_task_gives_text() -> None:
    result, warnings = run(power(song(1)))
    assert result.fingerprint is not None and result.fingerprint.startswith("hk1.") and not warnings
    assert np.array_equal(decode(result.fingerprint), originals()[1])
    assert result.duration == pytest.approx(20, abs=0.03) and result.words == len(originals()[1])
    assert len(result.fingerprint) < 20 * 60


@pytest.mark.parametrize("seconds", [0, 0.5, 3, 30])
def test_silence_and_short_sounds_have_no_fingerprint(seconds: float) -> None:
    frames = np.zeros((round(seconds * 43), 1025), np.float32)
    result, warnings = run(frames)
    assert result.fingerprint is None and warnings
    assert run(frames[:120] + 1)[0].fingerprint is None
