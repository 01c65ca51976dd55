"""Several processes put and search vectors of one folder at once, and whichever has it open is killed again and again."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

from lookhear.outlets.edge import EdgeVectors
from lookhear.outlets.shared import SharedVectors
from support.jobs import eventually

PROCESSES, KILLS, RANGE = 4, 12, 1_000_000
LONGEST = 10.0  # s that a call may take on a machine that is busy with other things; alone it is well below 1

WORKS = """
import os, sys, threading, time
from pathlib import Path
from lookhear.outlets.shared import SharedVectors
from lookhear.outlets.vectors import Made, Point

vectors, first, told = SharedVectors(Path(sys.argv[1])), int(sys.argv[2]), threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), told.set()), daemon=True).start()

def work(first):
    i = first
    while not told.is_set():
        started = time.perf_counter()
        ids = range(i, i + 1 + i % 5)
        made = [Point(n, [1.0, n % 7, n % 5, 0, 0, 0, 0, 0], {"job_id": str(n)}) for n in ids]
        assert vectors.put("c", made) == len(ids)
        longest = time.perf_counter() - started
        started = time.perf_counter()
        assert [hit.id for hit in vectors.search("c", made[0].vector, 1, {"job_id": str(i)})] == [i]
        longest = max(longest, time.perf_counter() - started)
        os.write(1, f"{ids[0]} {ids[-1]} {longest} {int(vectors.owner)}\\n".encode())
        i = ids[-1] + 1

vectors.make("c", 8, Made("m", "1", "0" * 64))
threads = [threading.Thread(target=work, args=(first + n * 100_000,)) for n in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


class Working:
    """A process, and what it has said."""

    def __init__(self, folder: Path, number: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKS, str(folder), str(number * RANGE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[list[str]] = []
        self.errors = ""
        self._threads = [threading.Thread(target=self._listen), threading.Thread(target=self._hear)]
        for thread in self._threads:
            thread.start()

    @property
    def owner(self) -> bool:
        return bool(self.said) and self.said[-1][3] == "1" and self.process.poll() is None

    def end(self, *, kill: bool = False) -> int:
        """The exit code."""
        if kill:
            self.process.kill()
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(60)
        for thread in self._threads:
            thread.join()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return code

    def _listen(self) -> None:
        assert self.process.stdout is not None
        self.said.extend(line.split() for line in self.process.stdout if line.endswith("\n"))

    def _hear(self) -> None:
        assert self.process.stderr is not None
        self.errors = self.process.stderr.read()


def test_nothing_is_lost_and_no_call_fails_while_owners_are_killed(tmp_path: Path) -> None:
    pick = random.Random(1)
    working = [Working(tmp_path, number) for number in range(PROCESSES)]
    gone: list[Working] = []
    for kill in range(KILLS):
        eventually(lambda: all(len(one.said) > 30 for one in working), 60)
        owner = eventually(lambda: next((one for one in working if one.owner), None), 60)
        more = len(owner.said) + pick.randrange(40)
        eventually(lambda one=owner, more=more: len(one.said) > more, 60)
        assert owner.end(kill=True) == -9
        working[working.index(owner)] = Working(tmp_path, PROCESSES + kill)
        gone.append(owner)
    codes = [one.end() for one in working]
    everyone = working + gone
    assert [one.errors for one in everyone] == [""] * len(everyone) and codes == [0] * PROCESSES
    said = [line for one in everyone for line in one.said]
    longest = max(float(line[2]) for line in said)
    print(f"{len(said)} calls of each kind; the longest took {longest:.2f} s")
    assert longest < LONGEST
    ids = [id for line in said for id in range(int(line[0]), int(line[1]) + 1)]
    vectors = EdgeVectors(tmp_path, patience=0.0)
    kept = vectors.get("c", ids)
    assert [one.id for one in kept] == ids and all(one.payload == {"job_id": str(one.id)} for one in kept)
    vectors.close()


def test_whoever_ends_in_good_order_answers_first_and_leaves_the_folder_to_others(tmp_path: Path) -> None:
    working = [Working(tmp_path, number) for number in range(2)]
    eventually(lambda: all(len(one.said) > 30 for one in working), 60)
    owner = next(one for one in working if one.owner)
    (other,) = (one for one in working if one is not owner)
    assert owner.end() == 0
    seen = len(other.said)
    eventually(lambda: len(other.said) > seen + 30 and other.owner)
    assert other.end() == 0 and owner.errors == other.errors == ""
    assert not (tmp_path / ".socket").exists()
    vectors = SharedVectors(tmp_path)
    assert vectors.count("c") == sum(int(line[1]) - int(line[0]) + 1 for one in working for line in one.said)
    assert vectors.owner
    vectors.close()


def test_only_this_user_can_connect(tmp_path: Path) -> None:
    working = Working(tmp_path, 0)
    eventually(lambda: working.owner, 60)
    assert (tmp_path / ".socket").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / ".socket").owner() == Path(f"/proc/{os.getpid()}").owner()
    assert working.end() == 0
