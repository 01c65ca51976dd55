"""A store on a disk that is full, that cannot be written to, or that is no folder: said in words, and nothing lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookhear.errors import StoreUnwritable
from lookhear.models.bundle import write_bundle
from lookhear.models.card import ModelFile, Source
from lookhear.models.disk import check_room, megabytes, read_json, read_table, write_json
from lookhear.models.install import pull
from lookhear.models.locks import locked
from lookhear.models.store import Store
from support.web import web
from support.weights import card, install, times

FULL = Path("/dev/full")
DATA = times()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "store")
    install(found, tmp_path)
    return found


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


def on_a_full_disk(path: Path) -> None:
    """Whatever is written to ``path`` from now on finds no room."""
    if not FULL.exists():
        pytest.skip("this system has no /dev/full")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(FULL)


@pytest.mark.parametrize("size", [0, 100, 1 << 20])
def test_a_download_onto_a_full_disk_is_told(store: Store, size: int) -> None:
    """Few bytes find out only when the file is closed."""
    on_a_full_disk(store.folder / "staging/tiny@2/tiny.onnx.part")
    with web() as site:
        source = Source(https=site.put("/a", DATA + bytes(size)))
        with pytest.raises(
            StoreUnwritable, match=r"The disk of .*staging.* is full\. Free some space, or set MODEL_CACHE"
        ):
            pull(card(source, version="2"), store)
    assert list(store.all()) == ["tiny@1"]


def test_a_copy_onto_a_full_disk_is_told_and_no_other_source_is_tried(store: Store, tmp_path: Path) -> None:
    on_a_full_disk(store.folder / "staging/tiny@2/tiny.onnx.part")
    (tmp_path / "a.onnx").write_bytes(DATA)
    with web() as site:
        sources = Source(file=str(tmp_path / "a.onnx")), Source(https=site.put("/a", DATA))
        with pytest.raises(StoreUnwritable, match="is full"):
            pull(card(*sources, version="2"), store)
        assert not site.asked
    assert list(store.all()) == ["tiny@1"]


def test_our_own_files_find_no_room_either(store: Store, tmp_path: Path) -> None:
    place = store.folder / f".state.json.{os.getpid()}.new"
    on_a_full_disk(place)
    with pytest.raises(StoreUnwritable, match="is full"):
        install(store, tmp_path, version="2")
    assert store.fresh()["tiny@1"] == store.active("tiny")
    place.unlink(missing_ok=True)
    assert install(store, tmp_path, version="2") == store.active("tiny")


def test_a_bundle_onto_a_full_disk_leaves_nothing(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out.tar"
    out.write_text("the last one")
    on_a_full_disk(tmp_path / f".out.tar.{os.getpid()}.new")
    with pytest.raises(StoreUnwritable, match="is full"):
        write_bundle([store.all()["tiny@1"]], out)
    assert out.read_text() == "the last one" and sorted(tmp_path.glob(".out*")) == []


def test_a_disk_that_fills_up_keeps_the_active_version_and_what_has_come(small_disk: Path, tmp_path: Path) -> None:
    store = Store(small_disk)
    install(store, tmp_path)
    with web() as site:
        files = (ModelFile("tiny.onnx", (Source(https=site.put("/a", DATA)),)),
                 ModelFile("more.bin", (Source(https=site.put("/b", bytes(1 << 18))),)))  # fmt: skip
        with pytest.raises(StoreUnwritable, match="is full"):
            pull(card(version="2", files=files), store)
        assert store.active("tiny") == store.all()["tiny@1"] and len(store.all()) == 1
        subprocess.run(["mount", "-o", "remount,size=1m", str(small_disk)], check=True)
        before = site.sent
        assert pull(card(version="2", files=files), store) == store.active("tiny")
        assert site.sent - before < 1 << 18, "what had come stays"


def test_what_will_not_fit_is_not_begun(small_disk: Path) -> None:
    with web() as site:
        file = ModelFile("tiny.onnx", (Source(https=site.put("/a", DATA)),), size=3_000_000)
        with pytest.raises(StoreUnwritable, match=r"It takes 3 MB, but only \d+ kB are free on the disk of .*disk"):
            pull(card(files=(file,)), Store(small_disk / "store"))
        assert not site.asked


def test_a_disk_that_is_read_only_can_still_be_read(small_disk: Path, tmp_path: Path) -> None:
    store = Store(small_disk)
    one = install(store, tmp_path)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(
        StoreUnwritable, match=r"Nothing can be written to .*Change its permissions, or set MODEL_CACHE"
    ):
        install(store, tmp_path, version="2")
    assert Store(small_disk).active("tiny") == one
    with pytest.raises(StoreUnwritable, match="Nothing can be written"):
        store.remove("tiny", "1")
    with pytest.raises(StoreUnwritable, match="Nothing can be written"):
        store.activate("tiny")


def test_a_file_where_the_store_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    for place in (tmp_path / "store", tmp_path / "store" / "deeper"):
        with pytest.raises(StoreUnwritable, match=r"Writing to .* failed: (Not a directory|File exists)"):
            install(Store(place), tmp_path)
        assert Store(place).all() == {}


def test_room_is_looked_for_where_the_folder_will_be(tmp_path: Path) -> None:
    check_room(tmp_path / "not/there/yet", 1)
    check_room(tmp_path, -5)
    with pytest.raises(StoreUnwritable, match=r"It takes 1000000\.0 GB, but only"):
        check_room(tmp_path / "not/there/yet", 10**15)


def test_json_is_written_whole_and_read_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "deep/er/a.json"
    write_json(path, {"ä": [1, 2.5, None]})
    assert read_json(path) == read_table(path) == {"ä": [1, 2.5, None]}
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["a.json"]
    for damaged in (b"", b"{", b"\xff", b"[" * 10_000):
        path.write_bytes(damaged)
        assert read_json(path) is None and read_table(path) == {}
    path.write_bytes(b"[1]")
    assert read_json(path) == [1] and read_table(path) == {}


def test_sizes_are_told_in_the_unit_that_suits() -> None:
    assert [megabytes(size) for size in (0, 92, 1500, 612e6, 1.5e9)] == ["0 B", "92 B", "2 kB", "612 MB", "1.5 GB"]


def test_a_lock_is_held_by_one_thread_at_a_time(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    inside: list[int] = []

    def enter(number: int) -> bool:
        for _ in range(20):
            with locked(tmp_path / "a.lock"):
                inside.append(number)
                alone = inside == [number]
                inside.clear()
            if not alone:
                return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(enter, range(4)))
