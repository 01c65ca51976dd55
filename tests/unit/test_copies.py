"""Copies in a collection: real files, re-encoded for real; what is alike is found, what is not is left alone."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import lookhear
from examples.tune import compose, write
from lookhear.analysis import copies as module
from lookhear.analysis.best import pick
from lookhear.analysis.report import MediumFacts, Report
from lookhear.analysis.twins import survey
from lookhear.media.limits import Limits
from lookhear.media.probe import AudioStream, PictureFacts, Probe
from lookhear.tasks.base import Candidate, Likeness, Relation
from lookhear.tasks.image.duplicates import PictureHashes, PictureMatcher
from support.films import encoded, scaled, shots
from support.sound import tone


def scene(seed: int, size: tuple[int, int] = (400, 300)) -> Image.Image:
    coarse = np.random.default_rng(seed).uniform(0, 255, (6, 8, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def reasons(found: lookhear.Copies, folder: Path) -> dict[str, dict[str, str]]:
    """By the name of the best one: each copy's reason."""
    short = {str(folder) + os.sep: ""}
    return {
        os.path.relpath(group.best.path, folder): {
            os.path.relpath(copy.path, folder): copy.reason.replace(*next(iter(short.items()))) for copy in group.copies
        }
        for group in found.groups
    }


def test_pictures_in_other_sizes_formats_and_cuts(tmp_path: Path) -> None:
    picture = scene(1)
    picture.save(tmp_path / "original.png")
    picture.resize((200, 150)).save(tmp_path / "small.jpg", quality=70)
    picture.save(tmp_path / "other.webp", quality=60)
    picture.crop((8, 6, 392, 294)).save(tmp_path / "cut.png")
    picture.convert("L").point(lambda value: value * 0.8).save(tmp_path / "grey.png")
    scene(2).save(tmp_path / "stranger.png")
    Image.new("RGB", (400, 300), "red").save(tmp_path / "red.png")
    Image.new("RGB", (400, 300), "blue").save(tmp_path / "blue.png")
    found = lookhear.duplicates([tmp_path], workers=2)
    (group,) = found.groups
    assert group.best.path == str(tmp_path / "original.png") and group.best.resolution == (400, 300)
    said = reasons(found, tmp_path)["original.png"]
    assert said.keys() == {"small.jpg", "other.webp", "cut.png", "grey.png"}
    assert said["small.jpg"] == "same picture, other size (200 × 150), as JPEG"
    assert said["other.webp"] == "same picture, as WEBP"
    assert said["grey.png"].startswith("same picture")
    assert all(0.8 < copy.score <= 1 for copy in group.copies)
    assert group.spare == sum(os.path.getsize(copy.path) for copy in group.copies) == found.spare
    assert found.files == 8 and not found.refused and not found.related


def test_recordings_in_other_formats_and_cuts(tmp_path: Path) -> None:
    tune = compose(8)
    write(tune, tmp_path / "tune.flac", "flac", "s16")
    write(tune, tmp_path / "tune.mp3", "libmp3lame", "fltp", 96_000)
    write(np.pad(tune, ((0, 0), (3 * 44100, 0)))[:, : tune.shape[1]], tmp_path / "late.flac", "flac", "s16")
    write(tune[:, 4 * 44100 : 10 * 44100], tmp_path / "clip.flac", "flac", "s16")
    write(np.asarray(tune[:, ::-1]), tmp_path / "backwards.flac", "flac", "s16")
    found = lookhear.duplicates([tmp_path])
    said = reasons(found, tmp_path)
    assert said == {"tune.flac": {"tune.mp3": "same recording, as mp3", "late.flac": said["tune.flac"]["late.flac"]}}
    assert said["tune.flac"]["late.flac"] == "same recording, starts 3.0 s later"
    (part,) = found.related
    assert (part.path, part.to) == (str(tmp_path / "clip.flac"), str(tmp_path / "tune.flac"))
    assert part.reason.endswith("s of the shorter one are in the longer, from 4.0 s on")


def test_films_encoded_anew_scaled_and_with_a_lead_in(tmp_path: Path) -> None:
    frames = shots(1)
    black = [np.zeros_like(frames[0])] * 50
    rng = np.random.default_rng(0)
    music = (rng.uniform(-0.1, 0.1, (1, 16 * 44100)) + tone(16)).astype(np.float32)
    speech = np.repeat(rng.uniform(-0.3, 0.3, (1, 16 * 4410)), 10, axis=1).astype(np.float32)
    files = {
        "film.mkv": encoded(frames, sound=music),
        "small.mkv": encoded(scaled(frames, (160, 90)), codec="libx264", crf="30"),
        "lead.mkv": encoded(black + frames, codec="libx264"),
        "dubbed.mkv": encoded(frames, codec="libx264", sound=speech),
        "stranger.mkv": encoded(shots(2), sound=music),
        "still.mkv": encoded([frames[0]] * 160, sound=music),
        "still-again.mkv": encoded([frames[0]] * 160, codec="libx264", sound=music),
        "still-other.mkv": encoded([frames[0]] * 160, sound=speech),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    found = lookhear.duplicates([tmp_path], workers=2)
    said = {name: dict(sorted(copies.items())) for name, copies in reasons(found, tmp_path).items()}
    film = {name for name in files if name.split(".")[0] in ("film", "small", "lead", "dubbed")}
    groups = sorted({name, *copies} for name, copies in said.items())
    assert {"still.mkv", "still-again.mkv"} in groups and len(groups) == 2
    assert film in groups
    leads = {copy: reason for copies in said.values() for copy, reason in copies.items()}
    if "lead.mkv" in said:  # it is the longest
        assert all("without the first 5.0 s" in said["lead.mkv"][name] for name in film - {"lead.mkv"})
    else:
        assert "5.0 s of blank pictures before it" in leads["lead.mkv"]
    assert "160 × 90" in leads["small.mkv"]
    assert "sound track" in leads["still-again.mkv"] if "still-again.mkv" in leads else "still.mkv" in leads


def test_a_film_with_other_sound_says_so(tmp_path: Path) -> None:
    frames, rng = shots(1), np.random.default_rng(0)
    for name, seed in (("one", 1), ("two", 2)):
        rng = np.random.default_rng(seed)
        sound = np.repeat(rng.uniform(-0.3, 0.3, (1, 16 * 4410)), 10, axis=1).astype(np.float32)
        (tmp_path / f"{name}.mkv").write_bytes(encoded(frames, sound=sound, g=str(5 * seed)))
    (group,) = lookhear.duplicates([tmp_path]).groups
    assert group.copies[0].reason == "same film, another sound track"


def test_paths_that_lead_to_one_file(tmp_path: Path) -> None:
    original = tmp_path / "a" / "original.png"
    original.parent.mkdir()
    scene(1).save(original)
    (tmp_path / "soft.png").symlink_to(original)
    os.link(original, tmp_path / "hard.png")
    (tmp_path / "bytes.png").write_bytes(original.read_bytes())
    os.link(tmp_path / "bytes.png", tmp_path / "bytes-link.png")
    (tmp_path / "away.png").symlink_to(tmp_path / "nowhere.png")
    spelled = f"{tmp_path}/a/../a/original.png"
    found = lookhear.duplicates([original, spelled, str(tmp_path)])
    (group,) = found.groups
    assert found.files == 6 and [refusal.error.code for refusal in found.refused] == ["medium_not_found"]
    assert group.best.path == str(original) and group.spare == original.stat().st_size
    assert {os.path.basename(copy.path): (copy.reason, copy.spare > 0) for copy in group.copies} == {
        "soft.png": ("the same file, by a symbolic link", False),
        "hard.png": ("the same file, by a hard link", False),
        "bytes-link.png": ("same bytes", True),
        "bytes.png": (f"the same file, by a hard link, as {tmp_path / 'bytes-link.png'}", False),
    }


def test_nothing_to_find(tmp_path: Path) -> None:
    assert lookhear.duplicates([]) == lookhear.Copies()
    assert lookhear.duplicates(tmp_path) == lookhear.Copies()
    (tmp_path / "notes.txt").write_text("no media at all\n" * 99)
    (tmp_path / "notes-copy.txt").write_text("no media at all\n" * 99)
    (tmp_path / "empty.png").touch()
    (tmp_path / "empty-too.png").touch()
    os.mkfifo(tmp_path / "pipe")
    found = lookhear.duplicates([tmp_path, "-", "http://localhost/x.png"])
    assert not found.groups and found.files == 7
    assert sorted(refusal.error.code for refusal in found.refused) == sorted(
        ["not_a_medium"] * 3 + ["empty_medium"] * 2 + ["source_refused"] * 2
    )
    scene(1).save(tmp_path / "one.png")
    assert lookhear.duplicates([tmp_path / "one.png"]) == lookhear.Copies(files=1)


def test_same_bytes_that_cannot_be_decoded_are_a_group_and_refused(tmp_path: Path) -> None:
    data = io.BytesIO()
    scene(1).save(data, "PNG")
    for name in ("one.png", "two.png"):
        (tmp_path / name).write_bytes(data.getvalue()[:20])
    found = lookhear.duplicates([tmp_path])
    (group,) = found.groups
    assert group.kind is None and group.copies[0].reason == "same bytes"
    assert {refusal.error.code for refusal in found.refused} == {"damaged_medium"} and len(found.refused) == 2


def test_a_file_over_a_limit_costs_only_itself(tmp_path: Path) -> None:
    scene(1).save(tmp_path / "large.png")
    scene(1, (40, 30)).save(tmp_path / "a.png")
    scene(1, (44, 33)).save(tmp_path / "b.png")
    found = lookhear.duplicates([tmp_path], limits=Limits(max_image_pixels=2000))
    assert [refusal.error.code for refusal in found.refused] == ["limit_exceeded"]
    assert [group.best.path for group in found.groups] == [str(tmp_path / "b.png")]


def test_a_survey_reads_no_more_than_it_must(tmp_path: Path) -> None:
    for name, text in (("a", "xx"), ("b", "xx"), ("c", "yy"), ("d", "longer")):
        (tmp_path / name).write_text(text)
    found = survey([str(tmp_path)], Limits(), leave=tmp_path / "d")
    assert {os.path.basename(path) for path in found.sizes} == {"a", "c"}
    assert [os.path.basename(twin.path) for twin in found.twins[str(tmp_path / "a")]] == ["b"]


def picture_report(name: str, size: tuple[int, int], phash: int) -> Report:
    facts = PictureFacts("PNG", "PNG", *size, "RGB", 8, False, 1, 1, None, None)
    return Report(MediumFacts(name, "image", None, None, None, 1, Probe("image", "png", "PNG", picture=facts)))


@settings(max_examples=60, deadline=None)
@given(links=st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25), data=st.data())
def test_every_copy_is_alike_to_the_best_itself(links: set[tuple[int, int]], data: st.DataObject) -> None:
    """Whatever chains there are, a group has none; nothing is in two groups; no pair is lost."""
    alike = {pair for a, b in links if a != b for pair in ((a, b), (b, a))}

    class Given:
        leads = True

        def __init__(self, media: Sequence[Candidate[object]]) -> None:
            pass

        def candidates(self, place: int) -> Sequence[int]:
            return sorted(other for one, other in alike if one == place)

        def compare(self, one: int, other: int) -> Likeness:
            return Likeness(Relation.COPY if (one, other) in alike else Relation.OTHER, 0.5, "given")

    sizes = data.draw(st.lists(st.integers(1, 5), min_size=10, max_size=10))
    media = [(str(i), picture_report(str(i), (width, 1), 0)) for i, width in enumerate(sizes)]
    collection = module._Collection("image", media)
    collection._matchers = [Given(())]
    families = collection.families()
    members = [place for family in families for place in (family.best, *family.others)]
    assert len(members) == len(set(members))
    assert all((family.best, other) in alike for family in families for other in family.others)
    told = {frozenset((int(one.path), int(one.to))) for one in collection.related()}
    grouped = {place: family.best for family in families for place in (family.best, *family.others)}
    for one, other in alike:
        assert one in grouped or other in grouped or frozenset((one, other)) in told
        if one not in grouped:
            assert any(one in pair for pair in told)


def audio(duration: float, codec: str, rate: int, size: int) -> MediumFacts:
    stream = AudioStream(0, codec, 44100, 2, "stereo", "s16", bit_rate=rate)
    return MediumFacts(
        codec, "audio", duration, None, None, size, Probe("audio", codec, codec, audio=(stream,), audio_index=0)
    )


def test_the_best_is_whole_then_lossless_then_fine() -> None:
    flac, mp3, low = audio(200, "flac", 0, 20), audio(202, "mp3", 320_000, 8), audio(202, "mp3", 96_000, 3)
    assert pick([mp3, flac, low]) == (1, "lossless")
    assert pick([low, mp3]) == (1, "highest bit rate")
    assert pick([audio(100, "flac", 0, 10), low]) == (1, "longest")
    assert pick([mp3, mp3]) == (0, "the first of equals")


def hashed(phash: int, dhash: int) -> Candidate[PictureHashes]:
    facts = PictureFacts("PNG", "PNG", 4, 3, "RGB", 8, False, 1, 1, None, None)
    return Candidate(PictureHashes(f"{phash:016x}", f"{dhash:016x}"), Probe("image", "png", "PNG", picture=facts))


bits = st.integers(0, 2**64 - 1)
near = st.sets(st.integers(0, 63), max_size=16).map(lambda places: sum(1 << place for place in places))


@settings(max_examples=60, deadline=None)
@given(
    pictures=st.lists(st.tuples(bits, bits), min_size=1, max_size=8),
    changes=st.lists(st.tuples(near, near), max_size=12),
)
def test_picture_candidates_are_those_that_compare_as_copies(
    pictures: list[tuple[int, int]], changes: list[tuple[int, int]]
) -> None:
    for i, (p, d) in enumerate(changes):
        first = pictures[i % len(pictures)]
        pictures.append((first[0] ^ p, first[1] ^ d))
    matcher = PictureMatcher([hashed(*picture) for picture in pictures] + [Candidate(None, Probe("image", "", ""))])
    count = len(pictures)
    for one in range(count):
        said: Mapping[int, Likeness | None] = {
            other: matcher.compare(one, other) for other in range(count) if other != one
        }
        copies = {other for other, likeness in said.items() if likeness and likeness.relation is Relation.COPY}
        assert set(matcher.candidates(one)) == copies
    assert matcher.candidates(count) == () and matcher.compare(0, count) is None


@pytest.mark.parametrize(("tasks", "errors"), [(None, 0), (("default", "overview"), 0), (("mir", "technical"), 1)])
def test_a_film_without_sound_is_told_once_unless_sound_was_named(tasks: tuple[str, ...] | None, errors: int) -> None:
    report = lookhear.analyze(encoded(shots(1, 4)), tasks)
    assert len(report.errors) == errors
    notes = [note.message for note in report.warnings if "no sound" in note.message]
    assert len(notes) == (0 if errors else 1)
    if not errors:
        assert "mir" in notes[0] and "similarity" in notes[0] and "scenes" not in notes[0]
        assert {"scenes", "technical"} <= {finding.task for finding in report.findings}
    assert ("overview" in report) == (tasks is not None and "overview" in tasks)
    with_sound = lookhear.analyze(encoded(shots(1, 4), sound=tone(4)))
    assert "mir" in with_sound and not any("no sound" in note.message for note in with_sound.warnings)
