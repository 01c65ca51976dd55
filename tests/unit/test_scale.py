"""Rows in a place: what is known, what is dropped, what is refused. No Ray is needed for it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from lookhear.analysis.batch import Pool, Request
from lookhear.errors import InputError, MediumUnreadable
from lookhear.scale.known import Known, survey
from lookhear.scale.listing import found, to_do
from lookhear.scale.manifest import agree
from lookhear.scale.place import Folder, Place, Prefix, place
from lookhear.scale.rows import encoded, key_of, name_of, row, schema, table
from support.files import jpeg
from support.s3 import serving


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("s3") / "log") as stores:
        stores.put("s3://rows/empty", b"")
        yield "s3://rows"


@pytest.fixture(params=["folder", "store"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    found = place(str(tmp_path) if request.param == "folder" else f"{request.getfixturevalue('store')}/{tmp_path.name}")
    with found.held():
        yield found


def refusal(name: str, code: str = "not_a_medium") -> str:
    return json.dumps({"name": name, "error": {"task": "", "code": code, "message": "No."}, "sha256": None})


def put(where: Place, *names: str, code: str = "not_a_medium", version: str = "1") -> str:
    """A file of rows; its name."""
    block = table([row(name.encode(), version, refusal(name, code)) for name in names])
    name = name_of(block["key"].to_pylist())
    where.put(name, encoded(block))
    return name


def paths(where: Place) -> list[str]:
    told = []
    for name in where.names():
        with where.open(name) as file:
            told += parquet.read_table(file)["path"].to_pylist()
    return sorted(told)


def test_what_is_written_is_known(where: Place) -> None:
    put(where, "a", "b")
    put(where, "c")
    kept = survey(where)
    assert kept.rows == kept.errors == 3 and kept.codes == {"not_a_medium": 3}
    assert key_of(b"a", "1") in kept.known
    assert key_of(b"a", "2") not in kept.known and key_of(b"d", "1") not in kept.known


def test_the_same_rows_written_again_are_the_same_file(where: Place) -> None:
    assert put(where, "a", "b") == put(where, "a", "b")
    assert paths(where) == ["a", "b"]


def test_rows_that_are_there_twice_are_dropped(where: Place) -> None:
    put(where, "a", "b", "c")
    put(where, "b", "d")
    put(where, "a")
    kept = survey(where)
    assert kept.rows == 4 and paths(where) == ["a", "b", "c", "d"]
    assert survey(where).rows == 4


def test_what_may_be_well_the_next_time_is_asked_again(where: Place) -> None:
    put(where, "a", "b")
    put(where, "c", code="objects_unreachable")
    put(where, "d", version="")
    assert survey(where).rows == 4
    kept = survey(where, again=True)
    assert kept.rows == 2 and paths(where) == ["a", "b"]


def test_many_keys_take_no_more_room_than_they_do() -> None:
    keys = [key_of(str(number).encode(), "") for number in range(20_000)]
    known = Known(b"".join(keys[:10_000]))
    assert len(known) == 10_000 and all(key in known for key in keys[:10_000])
    assert not any(key in known for key in keys[10_000:])
    assert not known.twice() and Known(b"".join(keys[:3] + keys[1:2])).twice() == {keys[1]}


def test_a_place_is_of_one_question(where: Place) -> None:
    agree(where, Request(("technical",)))
    agree(where, Request(("technical",)))
    with pytest.raises(InputError, match="other tasks"):
        agree(where, Request(("technical", "colors")))
    with pytest.raises(InputError, match="other tasks"):
        agree(where, Request(("technical",), {"colors": {"count": 3}}))


def test_parquet_of_others_is_left_alone(where: Place) -> None:
    put(where, "a")
    with pytest.raises(InputError, match="something else"):
        agree(where, Request())


def test_one_run_at_a_time_and_no_half_files(tmp_path: Path) -> None:
    (tmp_path / ".part-x.parquet.1.new").write_bytes(b"half")
    with Folder(tmp_path).held(), pytest.raises(MediumUnreadable, match="Another run"), Folder(tmp_path).held():
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["_lock"]


def test_a_place_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="is a file"):
        place(str(tmp_path / "file"))
    with pytest.raises(MediumUnreadable, match="Cannot write"), place(str(tmp_path / "file" / "below")).held():
        pass
    assert isinstance(place("s3://bucket/x/"), Prefix)


def test_each_file_is_listed_once_and_what_is_written_never(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "a/b/2.jpg", "a/out/part-1.parquet", "c.jpg", "a/.hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    sources = [str(tmp_path / "a" / "b"), str(tmp_path), str(tmp_path / "c.jpg"), str(tmp_path / "none.jpg")]
    out = str(tmp_path / "a" / "out")
    seen = [os.fsdecode(one.path) for index in range(4) for one in found(sources, index, out)]
    assert [os.path.relpath(name, tmp_path) for name in seen] == ["a/b/2.jpg", "c.jpg", "a/1.jpg"]
    assert [one.version for one in found([sources[3]], 0, out)] == [""]
    known = {key_of(*next(iter(found(sources, 0, out))))}
    assert list(to_do(sources, 0, known, out, 8)) == [([], 1, 1)]


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.jpg"
    Path(os.fsdecode(name)).write_bytes(b"x")
    (one,) = found([str(tmp_path)], 0, "none")
    assert one.path == name
    made = table([row(name, one.version, refusal("\udcff.jpg"))])
    assert made["path"][0].as_py().endswith("\\udcff.jpg") and made.schema == schema()


def test_a_process_that_was_killed_while_it_had_nothing_to_do_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    pool = Pool(Request(("technical",)))
    try:
        for _ in range(2):
            ((path, line),) = pool.run([str(tmp_path / "a.jpg")])
            assert path.endswith("a.jpg") and json.loads(line)["findings"]
            process = pool._workers[0].process
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
    finally:
        pool.close()
