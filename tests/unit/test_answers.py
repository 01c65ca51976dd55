"""The engine with a memory: what is kept is not made again, and a memory that fails costs only itself."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from lookhear.analysis.codec import to_json
from lookhear.analysis.report import Report
from lookhear.errors import DatabaseUnavailable, StorageUnwritable
from lookhear.models.shelf import shelf_for
from lookhear.settings import Settings
from lookhear.wiring.answers import Answers, Keep, Kept


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
    answer = answers(tmp_path, lost, full, made)
    assert "colors" in answer(image, ["colors"]) and "colors" in answer(image, ["colors"])
    assert len(made) == 2 and "an answer was not kept: The disk is full." in caplog.text
