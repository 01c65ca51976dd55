"""Cut lists as other programs read them."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import opentimelineio as otio
import pytest

from support.film import encode, texture

LOOKHEAR = str(Path(sys.executable).with_name("lookhear"))


def scenes(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LOOKHEAR, "scenes", *arguments], capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three shots: 50, 40 and 60 frames at 25 a second."""
    path = tmp_path_factory.mktemp("films") / "three shots.mp4"
    path.write_bytes(encode([texture(seed=seed) for seed, count in ((1, 50), (2, 40), (3, 60)) for _ in range(count)]))
    return str(path)


def test_a_table_for_people(film: str) -> None:
    done = scenes(film)
    assert done.returncode == 0 and "3 scenes" in done.stdout and "0:00:03.600" in done.stdout


def test_csv(film: str) -> None:
    rows = list(csv.DictReader(io.StringIO(scenes(film, "--csv").stdout)))
    assert [(row["start"], row["end"], row["start_frame"], row["end_frame"]) for row in rows] == [
        ("0.0", "2.0", "0", "50"),
        ("2.0", "3.6", "50", "90"),
        ("3.6", "6.0", "90", "150"),
    ]
    assert [row["transition"] for row in rows] == ["", "cut", "cut"]


def test_timelines_are_read_by_their_own_library(film: str) -> None:
    timeline = otio.adapters.read_from_string(scenes(film, "--otio").stdout, "otio_json")
    (track,) = timeline.tracks
    assert [clip.source_range.start_time.value for clip in track] == [0, 50, 90]
    assert [clip.source_range.duration.value for clip in track] == [50, 40, 60] and track[
        0
    ].source_range.duration.rate == 25
    assert track[0].media_reference.target_url == Path(film).as_uri()
    assert track[0].media_reference.available_range.duration.value == 150
    cut_list = otio.adapters.read_from_string(scenes(film, "--edl").stdout, "cmx_3600", rate=25)
    assert [clip.source_range.start_time.value for clip in cut_list.tracks[0]] == [0, 50, 90]


def test_the_file_says_by_its_name_what_it_is_to_be(film: str, tmp_path: Path) -> None:
    for name, begins in (("a.csv", "scene,"), ("a.edl", "TITLE:"), ("a.otio", "{"), ("a.html", "<!doctype html>")):
        out = tmp_path / name
        assert scenes(film, "--out", str(out)).returncode == 0
        assert out.read_text().startswith(begins)
        assert scenes(film, "--quiet", "--out", str(out)).returncode == 0  # its own it writes over


def test_wrong_words_are_told(film: str, tmp_path: Path) -> None:
    note = tmp_path / "notes.csv"
    note.write_text("mine")
    for arguments, said in (
        ((film, "--csv", "--edl"), "Choose one: --csv, --edl"),
        ((film, "--out", "list.txt"), "ends in none of .csv, .edl, .otio, .html"),
        ((film, "--out", str(note)), "there already"),
        ((film, "--threshold", "2"), "threshold"),
    ):
        done = scenes(*arguments)
        assert done.returncode == 2 and said in " ".join(done.stderr.split())
    assert note.read_text() == "mine"
    sound = tmp_path / "tone.wav"
    from support.sound import encode as recorded
    from support.sound import tone

    sound.write_bytes(recorded(tone(2)))
    done = scenes(str(sound))
    assert done.returncode == 3 and "its kind is audio" in done.stderr


def test_options_reach_the_task(film: str) -> None:
    assert "2 scenes" in scenes(film, "--min-scene-length", "1.8").stdout


def test_an_edl_can_number_no_more_than_999_scenes(tmp_path: Path) -> None:
    from lookhear.cli.cutlist import edl_text, timeline
    from lookhear.errors import InputError

    row = {"key_frame": 0, "key_time": 0.0, "transition": "cut", "probability": 1.0}
    rows = [
        {**row, "scene": i + 1, "start": i / 25, "end": (i + 1) / 25, "start_frame": i, "end_frame": i + 1}
        for i in range(1000)
    ]
    made = timeline("file:///film.mp4", rows, {"frame_rate_exact": "25", "tags": {}})
    with pytest.raises(InputError, match="numbers 999 scenes at most, and there are 1000"):
        edl_text(made)


@pytest.mark.parametrize("rate", [1, 10, 12.5, 30000 / 1001])
def test_cut_lists_of_any_frame_rate(rate: float, tmp_path: Path) -> None:
    from fractions import Fraction

    exact = Fraction(rate).limit_denominator(1001)
    path = tmp_path / "film.mp4"
    path.write_bytes(encode([texture(seed=seed) for seed in (1, 2, 3) for _ in range(30)], rate=exact))
    timeline = otio.adapters.read_from_string(scenes(str(path), "--otio").stdout, "otio_json")
    lengths = [clip.source_range.duration.to_seconds() for clip in timeline.tracks[0]]
    assert lengths == pytest.approx([30 / rate] * 3, abs=0.05)
    text = scenes(str(path), "--edl").stdout
    base = 24 if rate < 12 else 24 if rate == 12.5 else rate
    cut_list = otio.adapters.read_from_string(text, "cmx_3600", rate=base)
    assert [clip.source_range.duration.to_seconds() for clip in cut_list.tracks[0]] == pytest.approx(lengths, abs=0.1)


def test_what_others_made_is_not_written_over(film: str, tmp_path: Path) -> None:
    for name, text in (
        ("package.otio", '{"precious": 1}'),
        ("mine.edl", "TITLE: my own edit\n* FROM CLIP NAME: scenes by Lookhear\n"),
        ("notes.html", "how to write pages: begin with <html>\n"),
        ("notes.csv", "my list\nscene,start,end,duration\n"),
    ):
        out = tmp_path / name
        out.write_text(text)
        assert scenes(film, "--out", str(out)).returncode == 2 and out.read_text() == text


def test_links_and_pipes_stay_what_they_are(film: str, tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("")
    link.symlink_to(real)
    assert scenes(film, "--out", str(link)).returncode == 0
    assert link.is_symlink() and real.read_text().startswith("scene,")
    assert scenes(film, "--csv", "--out", "/dev/stdout").stdout.startswith("scene,")


def test_damage_is_told(film: str, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mkv"
    whole = encode([texture(seed=seed) for seed in (1, 2) for _ in range(50)], container="matroska")
    cut.write_bytes(whole[: len(whole) // 2])
    done = scenes(str(cut), "--csv")
    assert done.returncode == 0 and ("cut short" in done.stderr or "breaks off" in done.stderr)
    index_lost = tmp_path / "index lost.mp4"
    index_lost.write_bytes(Path(film).read_bytes()[:2000])
    assert "without its index" in scenes(str(index_lost)).stderr
