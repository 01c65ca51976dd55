"""Files of jobs, on real disks that fill up."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lookhear.errors import FilesUnwritable, InvalidId
from lookhear.outlets.files import JobFiles, Usage

JOB, OTHER = str(uuid.uuid4()), str(uuid.uuid4())
VECTOR = np.linspace(-1, 1, 512, dtype=np.float32)


@pytest.fixture
def files(tmp_path: Path) -> JobFiles:
    return JobFiles(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 256 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_each_file_is_where_the_contract_says(files: JobFiles) -> None:
    files.put_embedding(JOB, VECTOR)
    files.put_face(JOB, 0, b"jpeg", VECTOR[::2])
    files.put_face(JOB, 1, b"another")
    files.put_report(JOB, {"ü": 1})
    assert listing(files.folder / JOB) == ["embedding.bin", "faces/0.bin", "faces/0.jpg", "faces/1.jpg", "report.json"]
    assert np.array_equal(np.load(files.folder / JOB / "embedding.bin", allow_pickle=False), VECTOR)
    assert np.array_equal(files.vector(JOB, "faces/0.bin"), VECTOR[::2])  # type: ignore[arg-type]
    assert (files.folder / JOB / "faces/0.jpg").read_bytes() == b"jpeg"
    assert json.loads((files.folder / JOB / "report.json").read_text("utf-8")) == {"ü": 1}
    assert files.vector(OTHER) is None


def test_what_is_written_again_takes_the_place_of_the_first(files: JobFiles) -> None:
    files.put_report(JOB, "1")
    files.put_report(JOB, "2")
    assert files.put_report(JOB, "3").read_text() == "3" and listing(files.folder) == [f"{JOB}/report.json"]


@pytest.mark.parametrize(
    "bad",
    ["", ".", "..", "../" + JOB, JOB + "/..", JOB.upper(), JOB.replace("-", ""), "{" + JOB + "}", "x" * 36, JOB + "\0"],
    ids=["empty", "here", "above", "from above", "back again", "upper case", "digits", "braces", "as long", "and more"],
)
def test_what_is_no_uuid_reaches_no_file(files: JobFiles, bad: str) -> None:
    if bad == JOB:
        pytest.skip("a UUID of digits alone")
    for call in (files.remove, files.vector, lambda id: files.put_report(id, "1"), files.of):
        with pytest.raises(InvalidId):
            call(bad)  # type: ignore[operator]
    assert list(files.folder.iterdir()) == []


def test_a_vector_elsewhere_cannot_be_named(files: JobFiles) -> None:
    files.put_embedding(OTHER, VECTOR)
    with pytest.raises(InvalidId):
        files.vector(JOB, f"../{OTHER}/embedding.bin")


def test_removing_takes_all_of_a_job_and_nothing_else(files: JobFiles) -> None:
    files.put_embedding(JOB, VECTOR)
    files.put_face(JOB, 0, b"jpeg", VECTOR)
    files.put_embedding(OTHER, VECTOR)
    (files.folder / "lookhear.db").write_bytes(b"kept")
    assert files.remove(JOB) == 3 and files.remove(JOB) == 0
    assert listing(files.folder) == sorted([f"{OTHER}/embedding.bin", "lookhear.db"])


def test_a_link_in_a_jobs_place_is_removed_and_not_what_it_leads_to(files: JobFiles, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "a").write_text("1")
    (files.folder / JOB).symlink_to(kept)
    files.remove(JOB)
    assert not (files.folder / JOB).is_symlink() and (kept / "a").read_text() == "1"


def test_usage_counts_jobs_alone(files: JobFiles, tmp_path: Path) -> None:
    assert files.usage() == Usage(0, 0, 0) == JobFiles(tmp_path / "none").usage()
    files.put_face(JOB, 0, b"12345")
    files.put_report(OTHER, "123")
    (files.folder / "uploads").mkdir()
    (files.folder / "uploads" / "big").write_bytes(bytes(1000))
    assert files.usage() == Usage(2, 2, 8)


def test_orphans_are_found_and_swept(files: JobFiles) -> None:
    files.put_report(JOB, "1")
    files.put_report(OTHER, "1")
    left = files.folder / ".removed-0123"
    left.mkdir()
    (files.folder / "vectors").mkdir()
    assert files.orphans(lambda id: id == OTHER) == [JOB]
    assert files.sweep(lambda id: id == OTHER) == 1
    assert sorted(one.name for one in files.folder.iterdir()) == sorted([OTHER, "vectors"])


def test_a_full_disk_is_told_and_leaves_nothing_half(small_disk: Path) -> None:
    files = JobFiles(small_disk)
    files.put_report(JOB, "before")
    with pytest.raises(FilesUnwritable, match=r"disk of .* is full\. Free some space") as told:
        files.put_face(JOB, 0, bytes(1 << 20))
    with pytest.raises(FilesUnwritable):
        files.put_report(JOB, "x" * (1 << 20))
    assert told.value.retryable and told.value.http_status == 507
    assert listing(small_disk) == [f"{JOB}/report.json"]
    assert (files.folder / JOB / "report.json").read_text() == "before"
    files.put_face(JOB, 0, bytes(1000))


def test_a_file_in_the_way_is_told(files: JobFiles) -> None:
    (files.folder / JOB).write_text("in the way")
    with pytest.raises(FilesUnwritable, match="Check the disk"):
        files.put_report(JOB, "1")
