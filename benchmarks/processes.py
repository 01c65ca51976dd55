"""Whole processes: wall time, processor time and peak memory as the kernel counts them."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """One process, from start to end."""

    wall: float  #: s
    cpu: float  #: s, user and system
    peak: float  #: MiB resident


@dataclass(frozen=True)
class Figures:
    """Medians over the runs of one command, and its fastest and slowest."""

    wall: float
    cpu: float
    peak: float
    fastest: float
    slowest: float

    @classmethod
    def of(cls, runs: list[Run]) -> Figures:
        """The figures of at least one run."""
        walls = [one.wall for one in runs]
        middle = [statistics.median(getattr(one, field) for one in runs) for field in ("wall", "cpu", "peak")]
        return cls(*middle, min(walls), max(walls))


def _environment() -> dict[str, str]:
    return {**os.environ, "ESSENTIA_LOG": "0"}


def run(command: list[str]) -> Run:
    """Run it once. Raises CalledProcessError when it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_environment())
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def compare(commands: dict[str, list[str]], rounds: int) -> dict[str, Figures]:
    """Each command once to warm up, then in turn, so that a slow moment of the machine hits all alike."""
    for command in commands.values():
        run(command)
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name].append(run(command))
    return {name: Figures.of(done) for name, done in runs.items()}


def warm(command: list[str], rounds: int) -> float:
    """Median seconds of one analysis in a process that has done it before; the program repeats itself."""
    command = [*command, str(rounds + 1)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=_environment()).stdout
    return statistics.median(float(line) for line in said.split()[-rounds:])
