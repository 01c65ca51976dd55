"""A worker that dies or hangs costs one file."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from lookhear.analysis.batch import Request, analyze_many
from support.sound import encode, tone


def workers_of_this_process() -> list[int]:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [pid for pid in map(int, children) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_killed_worker_is_replaced_and_its_file_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hangs.wav")
    blocker = os.open(tmp_path / "hangs.wav", os.O_RDWR)  # a writer that never writes: the worker waits for its bytes
    os.write(blocker, b"RIFF")
    good = tmp_path / "good.wav"
    good.write_bytes(encode(tone(1)))
    answers = {}
    lines = analyze_many([str(tmp_path / "hangs.wav"), str(good), str(good)], Request(("technical",)), workers=2)
    path, line = next(lines)  # the good file, while the other worker hangs
    answers[path] = json.loads(line)
    assert "medium" in answers[str(good)]
    next(lines)
    for pid in workers_of_this_process():
        os.kill(pid, signal.SIGKILL)
    path, line = next(lines)
    os.close(blocker)
    assert path.endswith("hangs.wav")
    assert json.loads(line)["error"]["code"] == "crashed"


def test_a_slow_file_is_given_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hangs.wav")
    blocker = os.open(tmp_path / "hangs.wav", os.O_RDWR)
    os.write(blocker, b"RIFF")
    ((_, line),) = analyze_many([str(tmp_path / "hangs.wav")], Request(("technical",), timeout=1.5), workers=1)
    os.close(blocker)
    assert json.loads(line)["error"]["code"] == "timed_out"
