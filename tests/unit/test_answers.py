"""The engine with a memory: what is kept is not made again, and a memory that fails costs only itself."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from PIL import Image

from lookhear.analysis.codec import to_json
from lookhear.analysis.report import Report
from lookhear.errors import DatabaseUnavailable, StorageUnwritable
from lookhear.models.shelf import shelf_for
from lookhear.settings import Settings
from lookhear.wiring.answers import Answers
from lookhear.wiring.later import Keep, Kept, Later


@pytest.fixture
def image(tmp_path: Path) -> Path:
    body = io.BytesIO()
    Image.new("RGB", (32, 24), (200, 30, 30)).save(body, "PNG")
    path = tmp_path / "red.png"
    path.write_bytes(body.getvalue())
    return path


def answers(folder: Path, kept: Kept, keep: Keep, made: list[Report]) -> Answers:
    settings = Settings(storage_dir=folder, model_cache_dir=folder)
    return Answers(settings, shelf_for(settings), kept, keep, made.append)


def lost(key: str) -> str | None:
    """A database that does not answer."""
    raise DatabaseUnavailable("It does not answer.")


def full(key: str, json: str) -> None:
    """A disk that takes no more."""
    raise StorageUnwritable("The disk is full.")


def test_what_is_kept_is_not_made_again(tmp_path: Path, image: Path) -> None:
    memory: dict[str, str] = {}
    made: list[Report] = []
    answer = answers(tmp_path, memory.get, memory.__setitem__, made)
    assert to_json(answer(image, ["colors"])) == to_json(answer(image, ["colors"]))
    assert len(made) == len(memory) == 1


def test_without_a_memory_the_work_is_done_all_the_same(
    tmp_path: Path, image: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[Report] = []
    memory = Later(lost, full)
    for _ in range(2):
        assert "colors" in answers(tmp_path, lost, memory.keep, made)(image, ["colors"])
    memory.close()
    assert len(made) == 2 and "an answer was not kept: The disk is full." in caplog.text


def test_what_waits_to_be_written_is_known_and_in_the_end_written() -> None:
    written: dict[str, str] = {}
    begun, go_on = threading.Event(), threading.Event()

    def slow(key: str, json: str) -> None:
        begun.set()
        go_on.wait(10)
        written[key] = json

    memory = Later(written.get, slow)
    memory.keep("one", "1")
    assert begun.wait(10) and not written
    memory.keep("one", "new")
    memory.keep("two", "2")
    assert (memory.kept("one"), memory.kept("two"), memory.kept("three")) == ("new", "2", None)
    go_on.set()
    memory.close()
    assert written == {"one": "new", "two": "2"} and memory.kept("one") == "new"


def test_whatever_keeps_one_from_being_written_the_next_is(caplog: pytest.LogCaptureFixture) -> None:
    written: dict[str, str] = {}
    go_on = threading.Event()

    def odd(key: str, json: str) -> None:
        go_on.wait(10)
        if key == "odd":
            raise RuntimeError("Nobody thought of that.")
        written[key] = json

    memory = Later(written.get, odd)
    memory.keep("odd", "1")
    memory.keep("next", "2")
    go_on.set()
    memory.close()
    assert written == {"next": "2"} and memory.kept("odd") is None and "Nobody thought of that." in caplog.text


def test_more_than_may_wait_is_written_by_whoever_brings_it() -> None:
    written: dict[str, str] = {}
    go_on = threading.Event()
    writers: set[str] = set()

    def slow(key: str, json: str) -> None:
        writers.add(threading.current_thread().name)
        if threading.current_thread().name == "lookhear-keep":
            go_on.wait(10)
        written[key] = json

    memory = Later(written.get, slow)
    for number in range(100):
        memory.keep(str(number), "x")
    assert threading.current_thread().name in writers
    go_on.set()
    memory.close()
    assert len(written) == 100
