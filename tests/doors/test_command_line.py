"""The command as a user runs it: real processes, real files."""

from __future__ import annotations

import csv
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from examples.tune import compose, write
from lookhear.analysis.ledger import Ledger

LOOKHEAR = str(Path(sys.executable).with_name("lookhear"))


def lookhear(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LOOKHEAR, *arguments], capture_output=True, text=True, timeout=120, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tune twice, a text that claims to be music, an empty file, and a hidden one."""
    folder = tmp_path_factory.mktemp("media")
    tune = compose(8)
    write(tune, folder / "tune.flac", "flac", "s16", title="<b>Tune</b>")
    write(tune, folder / "tune.mp3", "libmp3lame", "fltp", 128_000)
    (folder / "copy.flac").write_bytes((folder / "tune.flac").read_bytes())
    (folder / "text.mp3").write_text("no music at all\n" * 200)
    (folder / "empty.wav").write_bytes(b"")
    (folder / ".hidden.mp3").write_text("not looked at")
    return folder


def test_one_file_gives_a_table(folder: Path) -> None:
    done = lookhear("analyze", str(folder / "tune.flac"))
    assert done.returncode == 0, done.stderr
    for word in ("tempo", "112", "loudness", "spectral_centroid", "codec", "flac"):
        assert word in done.stdout


def test_many_files_give_a_row_each_and_the_reasons_of_the_refused(folder: Path) -> None:
    done = lookhear("analyze", str(folder))
    assert done.returncode == 3
    for name in ("tune.flac", "tune.mp3", "copy.flac", "text.mp3", "empty.wav"):
        assert name in done.stdout
    assert "holds not a single byte" in done.stdout
    assert ".hidden" not in done.stdout


def test_journal_is_complete_and_a_second_run_does_nothing(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "library.jsonl"
    assert lookhear("analyze", str(folder), "--out", str(out)).returncode == 3
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == 5
    assert {Path(line.get("medium", line)["name"]).name for line in lines} == {
        "tune.flac", "tune.mp3", "copy.flac", "text.mp3", "empty.wav",
    }  # fmt: skip
    before = out.read_bytes()
    again = lookhear("analyze", str(folder), "--out", str(out))
    assert "0 analysed" in again.stderr and "5 known" in again.stderr
    assert out.read_bytes() == before


def test_more_tasks_are_added_without_losing_a_file(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "library.jsonl"
    file = str(folder / "tune.flac")
    lookhear("analyze", file, "--tasks", "technical", "--out", str(out))
    lookhear("analyze", file, "--tasks", "mir,technical", "--out", str(out))
    (line,) = [json.loads(line) for line in out.read_text().splitlines()]
    assert [finding["task"] for finding in line["findings"]] == ["mir", "technical"]
    option = lookhear("analyze", file, "--tasks", "mir", "-O", "mir.max_tempo=100", "--out", str(out))
    assert "1 analysed" in option.stderr


def test_a_half_written_line_is_done_again(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "library.jsonl"
    lookhear("analyze", str(folder / "tune.flac"), str(folder / "tune.mp3"), "-t", "technical", "--out", str(out))
    text = out.read_text()
    out.write_text(text[:-50])
    done = lookhear(
        "analyze", str(folder / "tune.flac"), str(folder / "tune.mp3"), "-t", "technical", "--out", str(out)
    )
    assert "1 analysed, 1 known" in done.stderr
    assert len([json.loads(line) for line in out.read_text().splitlines()]) == 2


@pytest.mark.parametrize("suffix", ["json", "csv", "parquet"])
def test_other_formats_hold_every_file(folder: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"library.{suffix}"
    assert lookhear("analyze", str(folder), "-t", "mir,technical", "--out", str(out)).returncode == 3
    if suffix == "json":
        rows = json.loads(out.read_text())
    elif suffix == "csv":
        rows = list(csv.DictReader(out.read_text().splitlines()))
        assert {row["mir.key"] for row in rows if row["error"] == ""} == {"A"}
    else:
        rows = parquet.read_table(out).to_pylist()
        assert {row["technical.sample_rate"] for row in rows if row["error"] is None} == {44100}
    assert len(rows) == 5


def test_interrupted_run_keeps_what_was_done_and_goes_on(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "library.jsonl"
    source = (folder / "tune.mp3").read_bytes()
    many = tmp_path / "many"
    many.mkdir()
    for i in range(30):
        (many / f"{i:02d}.mp3").write_bytes(source + bytes([i]))  # other bytes, so that nothing is known
    command = [LOOKHEAR, "analyze", str(many), "--out", str(out), "--workers", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while not (out.exists() and out.read_bytes().count(b"\n") >= 2):
            assert time.monotonic() < deadline and process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    done = out.read_bytes().count(b"\n")
    assert 2 <= done < 30
    finished = lookhear("analyze", str(many), "--out", str(out))
    assert finished.returncode == 0
    assert f"{30 - done} analysed" in finished.stderr
    assert out.read_bytes().count(b"\n") == 30


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["analyze", "nowhere.mp3"], 3, "There is no such file"),
        (["analyze", "nowhere.mp3", "--tasks", "tempo"], 2, "There is no task 'tempo'"),
        (["analyze", "x", "-t", "spectrl"], 2, "Did you mean 'spectral'"),
        (["analyze", "x", "-O", "mir.speed=3"], 2, "has no option 'speed'"),
        (["analyze", "x", "-O", "mir.max_tempo=fast"], 2, "max_tempo"),
        (["analyze", "x", "-O", "nonsense"], 2, "TASK.NAME=VALUE"),
        (["analyze", "/dev/zero"], 3, "device"),
        (["analyze", "x", "--out", "x.txt"], 2, ".parquet"),
        (["analyze", "http://localhost/x.mp3"], 3, "ALLOW_URLS"),
        (["analyze"], 2, "PATH"),
        (["listen", "nowhere.wav"], 3, "There is no such file"),
        (["report", "nowhere.wav"], 3, "There is no such file"),
    ],
)
def test_bad_input_is_one_sentence_and_an_exit_code(arguments, code, words, tmp_path: Path) -> None:
    done = lookhear(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_told(folder: Path) -> None:
    done = lookhear("analyze", str(folder / "tune.flac"), env={**os.environ, "MAX_MEDIA_SECONDS": "long"})
    assert done.returncode == 2
    assert "MAX_MEDIA_SECONDS" in done.stderr


def test_a_limit_is_told_with_its_setting(folder: Path) -> None:
    done = lookhear("analyze", str(folder / "tune.flac"), env={**os.environ, "MAX_MEDIA_SECONDS": "5"})
    assert done.returncode == 3
    assert "MAX_MEDIA_SECONDS=5" in done.stderr


def test_standard_input(folder: Path) -> None:
    with (folder / "tune.mp3").open("rb") as sound:
        done = subprocess.run([LOOKHEAR, "analyze", "-", "-t", "mir"], stdin=sound, capture_output=True, timeout=60)
    assert done.returncode == 0
    assert b"112" in done.stdout


def test_listen_tells_while_the_sound_arrives(folder: Path) -> None:
    """The first line must come before the sound has ended."""
    data = (folder / "tune.mp3").read_bytes()
    command = [LOOKHEAR, "listen", "-", "--tasks", "mir,perceptual", "--every", "4", "--window", "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        process.stdin.write(data[: len(data) * 3 // 4])
        process.stdin.flush()
        first = json.loads(process.stdout.readline())
        assert first["final"] is False and 4 <= first["end"] < 14
        process.stdin.write(data[len(data) * 3 // 4 :])
        process.stdin.close()
        lines = [json.loads(line) for line in process.stdout]
        watchdog.cancel()
    assert process.returncode == 0
    assert lines[-1]["final"] is True
    assert lines[-1]["values"]["mir"]["tempo"] == pytest.approx(112, rel=0.02)
    assert lines[-1]["values"]["mir"]["key"] == "A"


def test_doctor_finds_nothing_broken_and_tells_no_secrets() -> None:
    secrets = {"MQTT_PASSWORD": "hidden1", "WEBHOOK_SECRET": "hidden2", "REDIS_URL": "redis://:hidden3@cache.lan/0"}
    done = lookhear("doctor", env={**os.environ, **secrets})
    assert done.returncode == 0, done.stdout
    assert "broken" not in done.stdout and "hidden" not in done.stdout


def test_every_command_explains_itself() -> None:
    for command in ("analyze", "report", "listen", "tasks", "schema", "doctor"):
        done = lookhear(command, "--help")
        assert done.returncode == 0
        assert command in done.stdout


def test_a_closed_pipe_is_no_traceback(folder: Path) -> None:
    done = subprocess.run(
        f"{LOOKHEAR} schema | head -1", shell=True, capture_output=True, text=True, timeout=60, executable="/bin/bash"
    )
    assert "Traceback" not in done.stderr


def test_nobodys_file_is_written_over(folder: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.flac"
    song.write_bytes((folder / "tune.flac").read_bytes())
    before = song.read_bytes()
    done = lookhear("report", str(song), "-o", str(song))
    assert done.returncode == 2 and "no page" in done.stderr and song.read_bytes() == before
    notes = tmp_path / "notes.csv"
    notes.write_text("my,notes\n")
    done = lookhear("analyze", str(song), "--out", str(notes))
    assert done.returncode == 2 and "is there already" in done.stderr and notes.read_text() == "my,notes\n"
    assert lookhear("report", str(song), "-o", str(tmp_path)).returncode == 2


def test_standard_input_goes_into_a_file_too(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    program = [LOOKHEAR, "analyze", "-", str(folder / "tune.mp3"), "--tasks", "technical", "--out", str(out)]
    with (folder / "tune.flac").open("rb") as sound:
        done = subprocess.run(program, stdin=sound, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    kinds = {
        json.loads(line)["medium"]["name"]: json.loads(line)["medium"]["kind"] for line in out.read_text().splitlines()
    }
    assert kinds == {"<stdin>": "audio", str(folder / "tune.mp3"): "audio"}


def test_a_name_that_is_no_text_costs_nothing(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "files"
    place.mkdir()
    for name in (b"bad\xff.flac", b"good.flac"):
        Path(os.fsdecode(os.path.join(os.fsencode(place), name))).write_bytes((folder / "tune.flac").read_bytes())
    for kind in ("jsonl", "csv", "json", "parquet"):
        out = tmp_path / f"out.{kind}"
        for _ in range(2):
            done = lookhear("analyze", str(place), "--tasks", "technical", "--out", str(out))
            assert done.returncode == 0, done.stderr
        assert out.stat().st_size > 100
    names = [
        os.fsencode(json.loads(line)["medium"]["name"]) for line in (tmp_path / "out.jsonl").read_text().splitlines()
    ]
    assert os.path.join(os.fsencode(place), b"bad\xff.flac") in names and len(names) == 2


def test_two_runs_do_not_share_a_journal(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with Ledger(out):
        done = lookhear("analyze", str(folder / "tune.flac"), "--out", str(out))
    assert done.returncode == 3 and "Another run" in done.stderr
    assert lookhear("analyze", str(folder / "tune.flac"), "--out", str(out)).returncode == 0


def test_wrong_words_are_told(folder: Path) -> None:
    song = str(folder / "tune.flac")
    assert "empty" in lookhear("analyze", "").stderr
    assert "above 0" in lookhear("analyze", song, "--timeout", "-1").stderr
    assert lookhear("listen", "--tasks", "technical", song).stdout.count('"final": true') == 1


def test_refused_files_of_a_report_are_named(folder: Path, tmp_path: Path) -> None:
    done = lookhear("report", str(folder / "text.mp3"), str(folder / "tune.flac"), "-o", str(tmp_path / "page.html"))
    assert done.returncode == 3 and "text.mp3: It is no audio" in done.stderr


def test_an_interruption_while_waiting_for_sound_is_one_word() -> None:
    program = [LOOKHEAR, "listen", "-", "--tasks", "technical", "--every", "1"]
    process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    size = 2 * 8000 * 3600
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", size + 36, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", size
    )
    process.stdin.write(head + bytes(16000 * 40))
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["final"] is False  # it has begun, and will soon wait for more
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert errors.decode() == "lookhear: Interrupted.\n" and process.returncode == 130


def test_a_wrong_option_of_a_task_on_pictures_is_told_at_once(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "library.jsonl"
    done = lookhear("analyze", str(folder), "-t", "colors", "-O", "colors.nope=1", "-o", str(out))
    assert done.returncode == 2 and "has no option 'nope'" in done.stderr and not out.exists()


def test_tasks_may_be_named_one_by_one(folder: Path) -> None:
    done = lookhear("analyze", str(folder / "tune.flac"), "-t", "technical", "-t", "perceptual")
    assert done.returncode == 0 and "codec" in done.stdout and "loudness" in done.stdout


def test_a_raised_limit_lets_what_was_refused_in(folder: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "library.jsonl")
    command = ("analyze", str(folder / "tune.flac"), "-t", "technical", "-o", out)
    assert lookhear(*command, env={**os.environ, "MAX_MEDIA_SECONDS": "2"}).returncode == 3
    done = lookhear(*command)
    assert done.returncode == 0 and "1 analysed" in done.stderr
