"""Uploads: whole or not at all, once each, as long as a job needs them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import xxhash

from lookhear.errors import EmptyMedium, LimitExceeded, StorageUnwritable
from lookhear.jobs.spool import Spool, Upload


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", 1 << 20)


def upload(spool: Spool, *chunks: bytes) -> Upload:
    with spool.writing("a name.mp3") as writing:
        for chunk in chunks:
            writing.write(chunk)
        return writing.done()


def files(spool: Spool) -> list[str]:
    return sorted(path.name for path in spool.folder.rglob("*") if path.is_file())


def test_what_is_sent_lies_whole_under_its_sum(spool: Spool) -> None:
    got = upload(spool, b"one ", b"", b"two")
    assert got.path.read_bytes() == b"one two"
    assert got.sha256 == hashlib.sha256(b"one two").hexdigest() == got.path.name
    assert got.xxh64 == xxhash.xxh64(b"one two").hexdigest()
    assert (got.name, got.size) == ("a name.mp3", 7)
    assert spool.find(got.sha256) == got.path
    assert spool.size() == 7


def test_the_same_bytes_lie_there_once(spool: Spool) -> None:
    assert upload(spool, b"same").path == upload(spool, b"sa", b"me").path
    assert len(files(spool)) == 1


def test_what_breaks_off_leaves_nothing(spool: Spool) -> None:
    with pytest.raises(ConnectionResetError), spool.writing() as writing:
        writing.write(b"some")
        raise ConnectionResetError
    with spool.writing() as writing:
        writing.write(b"never done")
    assert files(spool) == []


def test_too_large_is_refused_at_once(spool: Spool) -> None:
    with pytest.raises(LimitExceeded, match="MAX_UPLOAD_BYTES"), spool.writing() as writing:
        writing.write(b"x" * (1 << 20))
        writing.write(b"x")
    assert files(spool) == []


def test_empty_is_refused(spool: Spool) -> None:
    with pytest.raises(EmptyMedium):
        upload(spool)
    assert files(spool) == []


def test_room_is_left_for_the_database(tmp_path: Path) -> None:
    with pytest.raises(StorageUnwritable, match="full") as refused:
        upload(Spool(tmp_path, 1 << 20, reserve=1 << 60), b"some")
    assert refused.value.retryable
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_disk_that_fills_up_meanwhile(tmp_path: Path) -> None:
    """A limit of the kernel on files of the process refuses a write halfway, as a full disk does."""
    code = f"""
import resource, signal
from pathlib import Path
from lookhear.errors import StorageUnwritable
from lookhear.jobs.spool import Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with Spool(Path({str(tmp_path)!r}), 1 << 30).writing() as writing:
        for _ in range(100):
            writing.write(b"x" * 10_000)
except StorageUnwritable as error:
    print(error.retryable)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "True"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageUnwritable):
        upload(Spool(tmp_path / "file", 100), b"x")


def test_a_sweep_takes_what_no_living_job_needs(spool: Spool) -> None:
    needed, done, loose = upload(spool, b"needed"), upload(spool, b"done"), upload(spool, b"loose")
    assert spool.refer(needed.sha256, "alive")
    spool.refer(needed.sha256, "dead")
    spool.refer(done.sha256, "dead")
    assert spool.sweep(lambda job: True, grace=3600) == 0
    assert spool.sweep(lambda job: job == "alive", grace=-1) == 2
    assert spool.find(needed.sha256) and not spool.find(done.sha256) and not spool.find(loose.sha256)
    spool.release("alive")
    assert spool.sweep(lambda job: True, grace=-1) == 1
    assert files(spool) == []
    assert not spool.refer(needed.sha256, "late")


def test_many_jobs_let_go_at_once(spool: Spool) -> None:
    uploads = [upload(spool, b"%d" % i) for i in range(4)]
    for i, one in enumerate(uploads):
        assert spool.refer(one.sha256, f"job-{i}") and spool.refer(one.sha256, "all")
    spool.release("job-0", "job-1", "all", "none")
    assert spool.sweep(lambda job: True, grace=-1) == 2
    assert [spool.find(one.sha256) is not None for one in uploads] == [False, False, True, True]


def test_a_sweep_takes_parts_of_the_dead(spool: Spool) -> None:
    part = spool.folder / "parts" / "1.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"half")
    assert spool.sweep(lambda job: True) == 0
    os.utime(part, (0, 0))
    assert spool.sweep(lambda job: True) == 1


def test_sent_again_is_young_again(spool: Spool) -> None:
    got = upload(spool, b"same")
    os.utime(got.path, (0, 0))
    upload(spool, b"same")
    assert spool.sweep(lambda job: False) == 0
