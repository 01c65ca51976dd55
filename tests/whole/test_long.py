"""Memory does not grow with the recording."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np

from support.sound import encode

_PROGRAM = r"""
import re, sys, lookhear
from lookhear.analysis.plan import make_plan
names = [task.name for task in lookhear.tasks("audio")]  # but for those whose models are not installed
names = [name for name in names if not any(step.lacks for step in make_plan("audio", [name]).steps)]
report = lookhear.analyze(sys.stdin.buffer, names)
assert not report.errors, report.errors
with open("/proc/self/status") as status:  # not ru_maxrss, which a child inherits from whoever forked it
    print(report.medium.duration, int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) / 1024)
"""


def peak(minutes: int) -> float:
    """MiB of a process that analyses so many minutes of 8 kHz sound from a pipe."""
    rng = np.random.default_rng(1)
    minute = encode(np.tile(rng.normal(0, 0.1, (1, 8000)).astype(np.float32), (1, 60)), rate=8000)
    start = minute.index(b"data") + 8
    header, data = minute[:start], minute[start : start + 8000 * 2 * 60]
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    with process:
        feed = process.stdin
        unbounded = header[:4] + b"\xff\xff\xff\xff" + header[8:-4] + b"\xff\xff\xff\xff"

        def write() -> None:
            feed.write(unbounded)
            for _ in range(minutes):
                feed.write(data)
            feed.close()

        writer = threading.Thread(target=write)
        writer.start()
        seconds, mebibytes = map(float, process.stdout.read().split())
        writer.join()
    assert seconds > 59 * minutes
    return mebibytes


def test_forty_minutes_take_hardly_more_than_four() -> None:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    assert peak(40) <= 1.3 * peak(4)
