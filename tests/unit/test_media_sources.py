"""Where bytes come from: pipes that stall, file objects that misbehave, sources without an end."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

import lookhear
from lookhear.errors import EmptyMedium, InputError, LimitExceeded, MediumUnreadable, NotAMedium
from lookhear.media.limits import Limits
from lookhear.media.medium import open_medium
from support.files import Odd, endless, wav_of_unknown_length
from support.sound import encode, tone

FACTS = ["technical", "spectral"]


@pytest.fixture(scope="module")
def wav() -> bytes:
    return encode(tone(2))


def test_a_file_object_is_read_from_its_start_and_left_open(wav: bytes) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(wav)
        report = lookhear.analyze(file, FACTS)
        assert report.complete and report.medium.size == len(wav)
        assert not file.closed
        assert lookhear.analyze(file, FACTS)["spectral"] == report["spectral"]


def test_buffers_of_any_shape(wav: bytes) -> None:
    even = wav[: len(wav) // 4 * 4]
    for buffer in (
        bytearray(even),
        memoryview(even).cast("i"),
        memoryview(np.frombuffer(even, np.uint8).reshape(-1, 4)),
    ):
        report = lookhear.analyze(buffer, FACTS)
        assert report.medium.size == report.medium.probe.size == len(even)


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_short_reads(wav: bytes, piece: int) -> None:
    for seekable in (False, True):
        report = lookhear.analyze(Odd(wav[:20000], piece, seekable=seekable), FACTS)
        assert report.medium.duration == pytest.approx((20000 - 44) / 88200, abs=0.02)


@pytest.mark.parametrize("seekable", [False, True])
@pytest.mark.parametrize(
    "failure", [OSError(5, "Input/output error"), ValueError("odd"), EOFError("odd"), RuntimeError("odd")], ids=repr
)
@pytest.mark.parametrize("after", [1, 1000, 60000])
def test_a_read_that_fails_is_told(wav: bytes, failure: Exception, after: int, seekable: bool) -> None:
    with pytest.raises(MediumUnreadable, match=r"Reading failed: (odd|Input/output error)"):
        lookhear.analyze(Odd(wav[:after], 50000, seekable=seekable, failure=failure), FACTS)


def test_a_file_opened_as_text_is_told_how_to_open_it(tmp_path: Path, wav: bytes) -> None:
    path = tmp_path / "tone.wav"
    path.write_bytes(wav)
    with path.open(encoding="latin-1") as text, pytest.raises(InputError, match="binary mode"):
        lookhear.analyze(text, FACTS)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="binary mode"):
        lookhear.analyze(io.StringIO("words, words, words"), FACTS)  # type: ignore[arg-type]


def test_a_closed_file_is_told(tmp_path: Path, wav: bytes) -> None:
    path = tmp_path / "tone.wav"
    path.write_bytes(wav)
    file = path.open("rb")
    file.close()
    with pytest.raises(MediumUnreadable, match="closed file"):
        lookhear.analyze(file, FACTS)


@pytest.mark.alone
@pytest.mark.parametrize(
    "chunk", [bytes(65536), os.urandom(65536), b"not a sound at all\n" * 3000], ids=["0", "?", "a"]
)
def test_an_endless_pipe_of_anything_is_refused_at_once(chunk: bytes) -> None:
    began = time.monotonic()
    with endless(chunk) as pipe, pytest.raises(NotAMedium):
        lookhear.analyze(pipe, FACTS)
    assert time.monotonic() - began < 2


def test_endless_sound_is_cut_at_the_limit_of_bytes() -> None:
    with endless(bytes(65536), first=wav_of_unknown_length(b"")) as pipe, pytest.raises(LimitExceeded):
        lookhear.analyze(pipe, FACTS, limits=Limits(max_media_bytes=1 << 20))


def test_a_pipe_that_closes_at_once_is_empty() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe, pytest.raises(EmptyMedium, match="not a single byte"):
        lookhear.analyze(pipe, FACTS)


def test_a_named_pipe_that_stalls_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    os.write(writer, b"RIFF")
    with pytest.raises(LimitExceeded, match="MEDIA_OPEN_SECONDS"):
        open_medium(path, Limits(media_open_seconds=0.3))
    os.close(writer)


def test_standard_input_that_stalls_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with endless(b"", first=b"RIFF") as pipe:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(pipe))
        with pytest.raises(LimitExceeded, match="MEDIA_OPEN_SECONDS"):
            open_medium("-", Limits(media_open_seconds=0.3))
        assert not pipe.closed
        sys.stdin.detach()


@pytest.mark.alone
def test_what_is_not_recognised_by_much_is_no_medium(tmp_path: Path) -> None:
    """An ID3 tag that claims 256 MB, and nothing but zeros after it."""
    path = tmp_path / "song.mp3"
    with path.open("wb") as file:
        file.write(b"ID3\x03\x00\x00\x7f\x7f\x7f\x7f")
        file.truncate(2 << 30)
    began = time.monotonic()
    with pytest.raises(NotAMedium):
        lookhear.analyze(path, FACTS)
    assert time.monotonic() - began < 5


def test_failures_leave_no_words_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "song.wav"
    with path.open("wb") as file:
        file.write(b"RIFF\xff\xff\xff\xffWAVE")
        file.truncate(1 << 26)
    with pytest.raises(InputError):
        lookhear.analyze(path, FACTS, limits=Limits(media_open_seconds=0.2))
    assert capfd.readouterr() == ("", "")
