"""A media store that is a folder, with tricks in it."""

from __future__ import annotations

import io
import json
import os
import uuid
from pathlib import Path

import pytest

from lookhear.errors import InvalidId, LimitExceeded, MediumNotFound, MediumUnreadable
from lookhear.outlets.media_folder import MediaFolder

JOB = str(uuid.uuid4())
MUCH = 1 << 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "media"
    (found / "sub").mkdir(parents=True)
    for name in ("7.jpg", "song.tar.gz", "sub/film.mp4", ".hidden", "sub/.secret"):
        (found / name).write_bytes(name.encode())
    (tmp_path / "outside.jpg").write_bytes(b"outside")
    return found


def taken(store: MediaFolder, id: str, limit: int = MUCH) -> bytes:
    to = io.BytesIO()
    store.fetch(id, to, limit)
    return to.getvalue()


@pytest.mark.parametrize(
    ("id", "file"),
    [
        ("7.jpg", "7.jpg"),
        ("7", "7.jpg"),
        ("song.tar", "song.tar.gz"),
        ("sub/film", "sub/film.mp4"),
        ("sub/film.mp4", "sub/film.mp4"),
    ],
)
def test_ids_name_files_with_and_without_extension(folder: Path, id: str, file: str) -> None:
    assert taken(MediaFolder(folder), id) == file.encode()


def test_a_whole_name_goes_before_a_stem(folder: Path) -> None:
    (folder / "7").write_bytes(b"the very one")
    assert taken(MediaFolder(folder), "7") == b"the very one"


@pytest.mark.parametrize(
    "id",
    [
        "../outside.jpg",
        "sub/../../outside.jpg",
        "/etc/passwd",
        ".hidden",
        "sub/.secret",
        "..",
        "",
        "a//b",
        "sub\\film",
        "7.jpg\0",
        "./7",
    ],
)
def test_no_trick_leads_elsewhere(folder: Path, id: str) -> None:
    with pytest.raises(InvalidId):
        taken(MediaFolder(folder), id)


def test_links_lead_nowhere_but_inside(folder: Path, tmp_path: Path) -> None:
    (folder / "out.jpg").symlink_to(tmp_path / "outside.jpg")
    (folder / "up").symlink_to(tmp_path)
    (folder / "hid.jpg").symlink_to(folder / ".hidden")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "in.jpg").symlink_to(folder / "7.jpg")
    os.mkfifo(folder / "pipe")
    for id in ("out.jpg", "out", "up/outside.jpg", "up/outside", "hid.jpg", "loop", "pipe", "sub", "nobody"):
        with pytest.raises(MediumNotFound):
            taken(MediaFolder(folder), id)
    assert taken(MediaFolder(folder), "in.jpg") == b"7.jpg"


def test_uploads_come_first_and_need_not_lie_there(folder: Path, tmp_path: Path) -> None:
    uploads = {"7": tmp_path / "outside.jpg", "pipe": tmp_path / "pipe", "gone": tmp_path / "gone"}
    os.mkfifo(tmp_path / "pipe")
    store = MediaFolder(folder, uploads.get)
    assert taken(store, "7") == b"outside" and taken(store, "7.jpg") == b"7.jpg"
    with pytest.raises(MediumUnreadable):
        taken(store, "pipe")
    with pytest.raises(MediumNotFound):
        taken(store, "gone")


def test_the_folder_has_a_limit_too(folder: Path) -> None:
    with pytest.raises(LimitExceeded):
        taken(MediaFolder(folder), "sub/film.mp4", 5)
    assert taken(MediaFolder(folder), "7.jpg", 5) == b"7.jpg"


def test_a_folder_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    with pytest.raises(MediumNotFound):
        taken(MediaFolder(tmp_path / "none"), "7")


@pytest.mark.parametrize("id", ["7", "sub/film.mp4", "..x", "x" * 500, "ü" * 100])
def test_results_lie_beside_the_media_each_in_its_place(folder: Path, id: str) -> None:
    store, other = MediaFolder(folder), str(uuid.uuid4())
    before = {path for path in folder.rglob("*") if path.is_file()}
    store.deliver(id, JOB, {"face_count": 1}, [b"jpeg"])
    store.deliver(id, JOB, {"face_count": 1}, [b"jpeg"])
    store.deliver(id, other, {"embedding_dimension": 512})
    fresh = sorted(path for path in folder.rglob("*") if path.is_file() and path not in before)
    assert {path.name for path in fresh} == {f"{JOB}.json", f"{JOB}-0.jpg", f"{other}.json"}
    (place,) = {path.parent for path in fresh}
    assert place.parent == folder / "results"
    assert json.loads((place / f"{JOB}.json").read_text("utf-8")) == {"job_id": JOB, "face_count": 1}
    with pytest.raises(MediumNotFound):
        taken(store, f"results/{place.name}/{JOB}.json")


def test_no_result_lands_outside(folder: Path) -> None:
    for id, job in (("..", JOB), ("7", "../../x"), ("", JOB)):
        with pytest.raises(InvalidId):
            MediaFolder(folder).deliver(id, job, {})
