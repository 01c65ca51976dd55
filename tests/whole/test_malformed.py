"""Broken files from the wild: a typed error, or an honest report of what was readable; nothing else, and soon."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lookhear
from lookhear.errors import LookhearError

_SUFFIXES = {".wav", ".flac", ".mp3", ".ogg", ".x", ".mp4", ".wmv"}


def broken_files(shared: Path) -> list[Path]:
    folder = shared / "malformed"
    return [path for path in sorted(folder.rglob("*")) if path.suffix in _SUFFIXES and path.is_file()]


def attempt(data: bytes, name: str) -> str:
    began = time.monotonic()
    try:
        report = lookhear.analyze(data)
        outcome = "report"
        assert all(error.code != "task_failed" for error in report.errors), (name, report.errors)
        assert lookhear.from_json(lookhear.to_json(report)) == report
    except LookhearError as error:
        outcome = error.code
        assert error.message.endswith(".") and len(error.message) > 20, (name, error.message)
    assert time.monotonic() - began < 10, name
    return outcome


def test_every_broken_file_and_ten_cuts_of_each(shared: Path) -> None:
    outcomes = set()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    files = broken_files(shared)
    assert len(files) > 40
    for path in files:
        data = path.read_bytes()
        for part in range(1, 11):
            cut = data[: max(1, len(data) * part // 10)] if data else data
            outcomes.add(attempt(cut, f"{path.name} cut to {part}/10"))
    assert {"report", "not_a_medium", "empty_medium"} <= outcomes
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 300, f"grew by {grown:.0f} MiB"


@pytest.mark.parametrize("header", [b"", b"RIFF"])
def test_a_huge_sparse_file_is_refused_at_once(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "huge.wav"
    with path.open("wb") as file:
        if header:
            file.write(header + b"\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0")
            file.write(b"data\xff\xff\xff\xff")
        file.truncate(10 * 2**30)
    program = (
        "import re, sys, lookhear, lookhear.errors\n"
        "try: lookhear.analyze(sys.argv[1])\n"
        "except lookhear.errors.LookhearError as error: print(error.code)\n"
        # not ru_maxrss, which a child inherits from whoever forked it
        r"print(re.search(r'VmHWM:\s+(\d+)', open('/proc/self/status').read())[1])"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=30)
    error, peak = done.stdout.split()
    assert error == "limit_exceeded"
    assert int(peak) < 300 * 1024
    assert time.monotonic() - began < 10


def test_one_bad_file_costs_only_itself(shared: Path, tmp_path: Path) -> None:
    good = sorted((shared / "speech").glob("jfk.*"))
    bad = broken_files(shared)[:8]
    answers = list(lookhear.analyze_many([str(path) for path in [*bad, *good]], ["technical", "spectral"], workers=2))
    assert len(answers) == len(bad) + len(good)
    reports = {answer.medium.name for answer in answers if isinstance(answer, lookhear.Report)}
    assert {str(path) for path in good} <= reports
