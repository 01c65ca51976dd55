"""The files of jobs: ``embedding.bin``, ``faces/0.jpg``, ``faces/0.bin`` (NumPy ``.npy`` bytes) and ``report.json``."""

from __future__ import annotations

import io
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lookhear.errors import InvalidId
from lookhear.outlets.disk import write, writing

_REMOVED = ".removed"


@dataclass(frozen=True)
class Usage:
    """``bytes``: on the disk, as far as files tell."""

    jobs: int
    files: int
    bytes: int


class JobFiles:
    """A folder for each job, below ``folder``; what else lies there is left alone.

    All calls raise InvalidId for what is no job's id; those that write raise FilesUnwritable, and then leave nothing half.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, job_id: str) -> Path:
        """Where a job's files are, or would be."""
        return self.folder / check_job_id(job_id)

    def put_embedding(self, job_id: str, vector: np.ndarray[Any, Any]) -> Path:
        """The vector as ``embedding.bin``."""
        return _put(self.of(job_id) / "embedding.bin", _npy(vector))

    def put_face(self, job_id: str, index: int, crop: bytes, vector: np.ndarray[Any, Any] | None = None) -> Path:
        """A face's JPEG and, if there is one, its vector."""
        if index < 0:
            raise ValueError("faces are counted from 0")
        folder = self.of(job_id) / "faces"
        if vector is not None:
            _put(folder / f"{index}.bin", _npy(vector))
        return _put(folder / f"{index}.jpg", crop)

    def put_report(self, job_id: str, report: str | dict[str, Any]) -> Path:
        """A report, or its JSON."""
        text = report if isinstance(report, str) else json.dumps(report, ensure_ascii=False, allow_nan=False)
        return _put(self.of(job_id) / "report.json", text.encode())

    def vector(self, job_id: str, name: str = "embedding.bin") -> np.ndarray[Any, Any] | None:
        """What ``put_embedding`` or, with ``faces/0.bin``, ``put_face`` kept; None where there is none."""
        path = self.of(job_id) / name
        if not path.resolve().is_relative_to(self.of(job_id).resolve()):
            raise InvalidId(f"'{name[:80]}' is no file of a job.")
        return np.load(path, allow_pickle=False) if path.is_file() else None

    def remove(self, job_id: str) -> int:
        """Nothing of the job is left; how many files there were."""
        place = self.of(job_id)
        gone = self.folder / f"{_REMOVED}-{uuid.uuid4().hex}"
        with writing(self.folder):
            try:
                os.rename(place, gone)  # at once: nobody sees half of it
            except FileNotFoundError:
                return 0
            count = sum(1 for _ in _files(gone))
            _clear(gone)
        return count

    def usage(self) -> Usage:
        """Of all jobs."""
        folders = list(self._folders())
        sizes = [size for folder in folders for size in _files(folder)]
        return Usage(len(folders), len(sizes), sum(sizes))

    def orphans(self, exists: Callable[[str], bool]) -> list[str]:
        """Folders of jobs that do not exist; asked one by one, after they were found, so that no new job is among them."""
        return [folder.name for folder in self._folders() if not exists(folder.name)]

    def sweep(self, exists: Callable[[str], bool]) -> int:
        """No folder without a job is left, nor what a killed process was removing; how many files went."""
        for left in self.folder.glob(f"{_REMOVED}-*"):
            _clear(left)
        return sum(self.remove(job_id) for job_id in self.orphans(exists))

    def _folders(self) -> Iterator[Path]:
        if not self.folder.is_dir():
            return
        for one in sorted(self.folder.iterdir()):
            if _is_job_id(one.name) and one.is_dir() and not one.is_symlink():
                yield one


def check_job_id(job_id: str) -> str:
    """A UUID as jobs carry it. Raises InvalidId."""
    if not isinstance(job_id, str) or not _is_job_id(job_id):
        raise InvalidId(f"'{str(job_id)[:80]}' is no job's id: those are UUIDs in lower case, with hyphens.")
    return job_id


def _is_job_id(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _npy(vector: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    np.save(out, np.ascontiguousarray(vector), allow_pickle=False)
    return out.getvalue()


def _put(path: Path, data: bytes) -> Path:
    write(path, data)
    return path


def _files(folder: Path) -> Iterator[int]:
    """Sizes; what vanishes meanwhile is not counted."""
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(os.path.join(place, name)).st_size
            except FileNotFoundError:
                continue


def _clear(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)
