"""Who can be certain that a process is gone."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from lookhear.jobs.here import Where, gone, here

_SAY = "from lookhear.jobs.here import here; w = here(); print(w.pid, w.born, w.place, flush=True); input()"


def told(process: subprocess.Popen[str]) -> Where:
    assert process.stdout is not None
    pid, born, place = process.stdout.readline().strip().split(" ", 2)
    return Where(here().host, int(pid), place, int(born))


def begun(*before: str) -> subprocess.Popen[str]:
    command = [*before, sys.executable, "-c", _SAY]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def test_a_process_is_gone_once_it_has_ended_even_if_nobody_has_buried_it() -> None:
    with begun() as process:
        where = told(process)
        assert where.place == here().place and not gone(where)
        process.kill()
        assert process.stdout is not None and process.stdout.read() == ""  # it has ended, and is a zombie
        while not gone(where):
            pass
    assert gone(where)


def test_a_number_that_was_given_out_again_is_another_process() -> None:
    ours = here()
    assert ours.born is not None and not gone(ours)
    assert gone(replace(ours, born=ours.born - 1))


def test_what_cannot_be_seen_from_here_is_never_gone() -> None:
    nowhere = replace(here(), pid=2**22 - 1)
    assert gone(nowhere)
    for hidden in ({"place": None}, {"born": None}, {"place": "another kernel"}):
        assert not gone(replace(nowhere, **hidden))  # type: ignore[arg-type]


def test_a_container_counts_for_itself() -> None:
    try:
        subprocess.run(["unshare", "-pf", "--mount-proc", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("namespaces cannot be made here")
    with begun("unshare", "-pf", "--mount-proc", "--kill-child") as process:
        where = told(process)
        assert where.place not in (None, here().place) and where.pid < 10
        process.kill()
    assert not gone(where)
