"""A media store that is a folder, so that nothing else must run."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from lookhear.errors import InvalidId, LimitExceeded, MediumNotFound, MediumUnreadable
from lookhear.models.disk import megabytes
from lookhear.outlets.disk import write
from lookhear.outlets.files import check_job_id
from lookhear.outlets.media_store import MediaStore, Sink, check_media_id

RESULTS = "results"
_RUN = 1 << 20
_LONGEST_NAME = 200  # bytes; the system allows 255
Lookup = Callable[[str], Path | None]


class MediaFolder(MediaStore):
    """Ids name files of ``folder`` and its subfolders, with or without their last extension, or what ``uploads`` finds.

    Results lie in its subfolder ``results``, in a folder for each medium: ``<job_id>.json``, ``<job_id>-0.jpg`` …
    Hidden files, and what links lead to elsewhere, are not there.
    """

    def __init__(self, folder: Path, uploads: Lookup = lambda media_id: None) -> None:
        self.folder, self._uploads = folder, uploads

    def find(self, media_id: str) -> Path:
        """The file. Raises MediumNotFound, InvalidId."""
        check_media_id(media_id)
        found = self._uploads(media_id) or self._below(media_id)
        if found is None:
            raise MediumNotFound(
                f"There is no medium '{media_id}': no such upload, nor a file of that name in MEDIA_STORE_FOLDER."
            )
        return found

    def fetch(self, media_id: str, to: Sink, limit: int) -> int:
        done = 0
        with _opened(self.find(media_id), media_id) as file:
            while run := file.read(_RUN):
                done += len(run)
                if done > limit:
                    raise LimitExceeded(f"The medium '{media_id}' is over the limit of {megabytes(limit)}.")
                to.write(run)
        return done

    def deliver(self, media_id: str, job_id: str, result: Mapping[str, Any], crops: Sequence[bytes] = ()) -> None:
        check_job_id(job_id)
        place = self.folder / RESULTS / _safe(check_media_id(media_id))
        for index, crop in enumerate(crops):
            write(place / f"{job_id}-{index}.jpg", crop)
        text = json.dumps({"job_id": job_id, **result}, ensure_ascii=False, allow_nan=False)
        write(place / f"{job_id}.json", text.encode())  # last: where it is, all is

    def close(self) -> None:
        """Nothing is open."""

    def _below(self, media_id: str) -> Path | None:
        parts = media_id.split("/")
        if any(not part or part.startswith(".") or "\\" in part for part in parts):
            raise InvalidId(f"'{media_id[:80]}' does not name a file of the media folder.")
        if parts[0] == RESULTS:
            return None
        root = self.folder.resolve()
        named = self.folder.joinpath(*parts)
        return next((path for path in (named, *_of_stem(named)) if _inside(path, root)), None)


def _of_stem(named: Path) -> list[Path]:
    try:
        names = sorted(os.listdir(named.parent))
    except OSError:
        return []
    return [named.parent / name for name in names if Path(name).stem == named.name and not name.startswith(".")]


def _inside(path: Path, root: Path) -> bool:
    try:
        real = path.resolve(strict=True)
        hidden = any(part.startswith(".") for part in real.relative_to(root).parts)
        return not hidden and real.is_file()
    except (OSError, ValueError, RuntimeError):  # not there, elsewhere, or a loop of links
        return False


def _opened(path: Path, media_id: str) -> BinaryIO:
    try:
        number = os.open(path.resolve(strict=True), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise MediumNotFound(f"The medium '{media_id}' was removed.") from error
    except OSError as error:
        raise MediumUnreadable(f"The medium '{media_id}' cannot be read: {error.strerror}.") from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise MediumUnreadable(f"The medium '{media_id}' is not a file.")
    return os.fdopen(number, "rb")


def _safe(media_id: str) -> str:
    """A name of its own for each id."""
    name = quote(media_id, safe="").replace(".", "%2E", 1) if media_id.startswith(".") else quote(media_id, safe="")
    return name if len(name) <= _LONGEST_NAME else hashlib.sha256(media_id.encode()).hexdigest()
