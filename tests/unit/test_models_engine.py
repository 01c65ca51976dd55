"""What analysis makes of models that are there, that lack, and that change. Small real weights of real families."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookhear.analysis.engine import analyze
from lookhear.analysis.plan import Plan, make_plan
from lookhear.analysis.report import Report
from lookhear.errors import UnknownModel
from lookhear.models.shelf import Shelf
from support.weights import constant, faces_at, shelf

CARDS = """
models:
  - {name: finder, version: "1", family: ultraface, licence: MIT, commercial: true, rank: 900, recommended: true,
     facts: {size: [48, 64]}, files: {finder.onnx: {sha256: ONE, sources: [{file: FOLDER/one.onnx}]}}}
  - {name: finder, version: "2", family: ultraface, licence: MIT, commercial: true, rank: 900,
     facts: {size: [48, 64]}, files: {finder.onnx: {sha256: TWO, sources: [{file: FOLDER/two.onnx}]}}}
  - {name: bound, version: "1", family: ultraface, licence: no business, commercial: false, rank: 990,
     facts: {size: [48, 64]}, files: {finder.onnx: {sources: [{file: FOLDER/two.onnx}]}}}
  - {name: teller, version: "1", family: sface, licence: MIT, commercial: true, rank: 900, recommended: true,
     files: {teller.onnx: {sources: [{file: FOLDER/teller.onnx}]}}}
"""
ONE, TWO = faces_at(0.125), faces_at(0.25)


@pytest.fixture
def picture() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """Cards of our small weights beside ours."""
    teller = constant({"data": ("b", 3, 112, 112)}, {"fc1": np.ones((1, 8))})
    for name, data in (("one", ONE), ("two", TWO), ("teller", teller)):
        (tmp_path / f"{name}.onnx").write_bytes(data)
    text = CARDS.replace("FOLDER", str(tmp_path))
    for word, data in (("ONE", ONE), ("TWO", TWO)):
        text = text.replace(word, hashlib.sha256(data).hexdigest())
    (tmp_path / "own.yml").write_text(text)
    return tmp_path / "own.yml"


def over(catalogue: Path, *pulled: str, **settings: Any) -> Shelf:
    """A shelf on which these are installed."""
    from lookhear.models.install import pull

    found = shelf(catalogue.parent / "store", model_catalogue=catalogue, **settings)
    for name in pulled:
        pull(found.catalogue.find(name), found.store)
    return found


def run(picture: bytes, shelf: Shelf, *tasks: str, **options: dict[str, Any]) -> Report:
    return analyze(picture, tasks or None, options, shelf=shelf)


def lefts(report: Report) -> list[float]:
    return [face.bbox.x for face in report["faces"].faces]


def hashes(report: Report) -> dict[str, str]:
    return {finding.task: finding.provenance.config_hash for finding in report.findings}


def plan(shelf: Shelf, *tasks: str) -> Plan:
    return make_plan("image", tasks or None, shelf=shelf)


def planned(shelf: Shelf, *tasks: str) -> dict[str, str]:
    return {step.task.name: step.config_hash for step in plan(shelf, *tasks).steps if step.asked}


def test_the_task_uses_the_model_and_tells_name_version_and_checksum(picture: bytes, catalogue: Path) -> None:
    report = run(picture, over(catalogue, "finder@1"), "faces")
    assert lefts(report) == [16.0] and not report.errors
    (used,) = report.findings[0].provenance.models
    assert (used.name, used.version, used.sha256) == ("finder", "1", hashlib.sha256(ONE).hexdigest())


def test_without_a_model_a_task_that_nobody_named_is_left_out_with_one_harmless_note(
    picture: bytes, catalogue: Path
) -> None:
    report = run(picture, over(catalogue))
    assert not report.errors and {"faces", "objects"}.isdisjoint(finding.task for finding in report.findings)
    notes = [note for note in report.warnings if "models that are not installed" in note.message]
    assert len(notes) == 1 and notes[0].harmless and "faces, objects" in notes[0].message
    assert "lookhear models list" in notes[0].message and report.findings


def test_a_named_task_without_a_model_fails_with_the_command_that_helps(picture: bytes, catalogue: Path) -> None:
    report = run(picture, over(catalogue), "faces", "colors")
    (error,) = report.errors
    assert (error.task, error.code) == ("faces", "model_missing")
    assert error.message == "No model for faces is installed. Get one with: lookhear models pull finder"
    assert [finding.task for finding in report.findings] == ["colors"]
    named = run(picture, over(catalogue, "finder@1"), "faces", faces={"model": "finder@2"})
    assert [(error.code, "lookhear models pull finder" in error.message) for error in named.errors] == [
        ("model_missing", True)
    ]


def test_without_a_store_tasks_with_models_fail_alone(picture: bytes) -> None:
    report = analyze(picture, ["faces", "colors"])
    assert [error.code for error in report.errors] == ["model_missing"] and "colors" in hashes(report)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("nobody", r"no model 'nobody' for faces\. Known: bound, finder"),
        ("finder@9", r"no version '9' of the model 'finder'\. Known: 1, 2"),
        ("yolox-s", r"'yolox-s' is for objects, not for faces"),
    ],
)
def test_an_unknown_model_is_refused_before_the_medium_is_touched(catalogue: Path, model: str, words: str) -> None:
    for found in (over(catalogue), over(catalogue, "finder@1")):
        with pytest.raises(UnknownModel, match=words):
            analyze("/no/such/picture.png", ["faces"], {"faces": {"model": model}}, shelf=found)


def test_an_installed_model_for_something_else_is_refused(catalogue: Path) -> None:
    with pytest.raises(UnknownModel, match="'teller' is for face_embedding, not for faces"):
        plan_with = {"faces": {"model": "teller"}}
        make_plan("image", ["faces"], plan_with, shelf=over(catalogue, "teller"))


def test_the_answer_follows_the_active_version_and_the_named_one(picture: bytes, catalogue: Path) -> None:
    found = over(catalogue, "finder@1", "finder@2")
    assert lefts(run(picture, found, "faces")) == [32.0]
    assert lefts(run(picture, found, "faces", faces={"model": "finder@1"})) == [16.0]
    found.store.rollback("finder")
    assert lefts(run(picture, found, "faces")) == [16.0]
    found.store.activate("finder", "2")
    assert lefts(run(picture, found, "faces")) == [32.0]
    found.store.remove("finder", "2")
    assert lefts(run(picture, found, "faces")) == [16.0]


def test_what_was_asked_is_another_question_once_the_model_is_another(picture: bytes, catalogue: Path) -> None:
    found = over(catalogue, "finder@1")
    first = run(picture, found, "faces", "colors")
    assert hashes(first) == planned(found, "faces", "colors"), "a second run finds this answer in the journal"
    over(catalogue, "finder@2")
    assert planned(found, "colors")["colors"] == hashes(first)["colors"]
    assert planned(found, "faces")["faces"] != hashes(first)["faces"]
    found.store.rollback("finder")
    assert planned(found, "faces")["faces"] == hashes(first)["faces"]


def test_a_task_on_top_of_another_names_the_models_of_both(picture: bytes, catalogue: Path) -> None:
    found = over(catalogue, "finder@1", "teller")
    report = run(picture, found, "face_embedding")
    assert [(used.name, used.version) for used in report.findings[0].provenance.models] == [
        ("teller", "1"),
        ("finder", "1"),
    ]
    assert report["face_embedding"].face_count == 1
    assert hashes(report) == planned(found, "face_embedding")
    over(catalogue, "finder@2")
    assert hashes(report) != planned(found, "face_embedding")


def test_fetching_is_done_where_it_is_allowed_for_named_tasks(picture: bytes, catalogue: Path) -> None:
    found = over(catalogue, model_auto_pull=True)
    report = run(picture, found, "faces")
    assert lefts(report) == [16.0] and set(found.store.all()) == {"finder@1"}
    assert hashes(report) == planned(found, "faces")
    by_name = run(picture, found, "faces", faces={"model": "finder@2"})
    assert lefts(by_name) == [32.0] and set(found.store.all()) == {"finder@1", "finder@2"}


def test_fetched_models_of_tasks_below_count_as_if_they_had_been_there(picture: bytes, catalogue: Path) -> None:
    found = over(catalogue, model_auto_pull=True)
    report = run(picture, found, "face_embedding", "faces")
    assert set(found.store.all()) == {"finder@1", "teller@1"}
    assert [used.name for used in report.findings[0].provenance.models] == ["teller", "finder"]
    assert hashes(report) == planned(found, "face_embedding", "faces"), "else every journal is done twice"
    assert hashes(run(picture, found, "face_embedding", "faces")) == hashes(report)


def test_where_fetching_is_allowed_tasks_that_nobody_named_are_fetched_for_too(catalogue: Path) -> None:
    allowed, not_allowed = plan(over(catalogue, model_auto_pull=True)), plan(over(catalogue))
    assert "faces" in not_allowed.waiting and not allowed.waiting
    (step,) = [step for step in allowed.steps if step.task.name == "faces"]
    assert [want.role for want in step.lacks] == ["faces"]


def test_what_cannot_be_fetched_fails_alone(picture: bytes, catalogue: Path) -> None:
    (catalogue.parent / "one.onnx").write_bytes(TWO)
    report = run(picture, over(catalogue, model_auto_pull=True), "faces", "colors")
    (error,) = report.errors
    assert (error.task, error.code) == ("faces", "invalid_model") and "its SHA-256 is" in error.message
    (catalogue.parent / "one.onnx").unlink()
    report = run(picture, over(catalogue, model_auto_pull=True), "faces", "colors")
    assert [error.code for error in report.errors] == ["model_unavailable"] and "colors" in hashes(report)


def test_only_commercial_models_are_used_where_that_is_asked(picture: bytes, catalogue: Path) -> None:
    assert lefts(run(picture, over(catalogue, "finder@1", "bound"), "faces")) == [32.0]
    only = over(catalogue, commercial_only=True)
    assert lefts(run(picture, only, "faces")) == [16.0]
    for installed in (True, False):
        if not installed:
            only.store.remove("bound", "1")
        with pytest.raises(
            UnknownModel, match=r"bound@1 may not be used commercially \(no business\), and COMMERCIAL_ONLY"
        ):
            run(picture, only, "faces", faces={"model": "bound"})
    only.store.remove("finder", "1")
    report = run(picture, only, "faces")
    assert report.errors[0].code == "model_missing" and "pull finder" in report.errors[0].message


def test_the_library_pulls_and_heeds_the_same_bounds(catalogue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lookhear

    monkeypatch.setenv("MODEL_CACHE_DIR", str(catalogue.parent / "store"))
    monkeypatch.setenv("MODEL_CATALOGUE", str(catalogue))
    lookhear.pull("finder@1", "finder@2")
    assert set(over(catalogue).store.all()) == {"finder@1", "finder@2"}
    monkeypatch.setenv("COMMERCIAL_ONLY", "true")
    with pytest.raises(UnknownModel, match="bound@1 may not be used commercially"):
        lookhear.pull("teller", "bound")
    assert set(over(catalogue).store.all()) == {"finder@1", "finder@2"}, "all are looked at before one is fetched"


def test_commercial_only_fetches_no_other(picture: bytes, catalogue: Path) -> None:
    found = over(catalogue, commercial_only=True, model_auto_pull=True)
    with pytest.raises(UnknownModel, match="may not be used commercially"):
        run(picture, found, "faces", faces={"model": "bound"})
    assert found.store.all() == {}


def test_a_damaged_file_fails_the_task_and_no_other(picture: bytes, catalogue: Path) -> None:
    found = over(catalogue, "finder@1")
    path = found.store.all()["finder@1"].file()
    path.write_bytes(path.read_bytes()[:60])
    report = run(picture, found, "faces", "colors")
    assert [(error.task, error.code) for error in report.errors] == [("faces", "invalid_model")]
    assert "colors" in hashes(report)
    path.unlink()
    report = run(picture, found, "faces")
    assert [error.code for error in report.errors] == ["model_missing"]
    assert "lookhear models pull --force finder@1" in report.errors[0].message


def test_a_better_model_of_no_stricter_terms_is_named(picture: bytes, catalogue: Path) -> None:
    found = over(catalogue, "finder@1")
    (used,) = run(picture, found, "faces").findings[0].provenance.models
    assert used.better is None  # what ranks higher may not be used commercially
    text = catalogue.read_text().replace("no business, commercial: false", "MIT, commercial: true")
    (catalogue.parent / "other.yml").write_text(text)
    other = over(catalogue.parent / "other.yml", "finder@2")
    (used,) = run(picture, other, "faces").findings[0].provenance.models
    assert used.better == "bound"
    (named,) = run(picture, other, "faces", faces={"model": "finder"}).findings[0].provenance.models
    assert named.better is None  # it was asked for


def test_what_the_catalogue_says_now_counts_for_what_is_installed(
    catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lookhear.models import catalogue as module
    from lookhear.models.card import Want

    one = over(catalogue, "finder@1").store.all()["finder@1"]
    catalogue.write_text(catalogue.read_text().replace("rank: 900, recommended", "rank: 7, recommended"))
    monkeypatch.setattr("lookhear.models.shelf.stamp_of_ours", lambda: "another")
    monkeypatch.setattr("lookhear.models.store.stamp_of_ours", lambda: "another")
    module._ours.cache_clear()
    from lookhear.models.shelf import _catalogue

    _catalogue.cache_clear()
    found = over(catalogue)
    model = found.find(Want("faces"))
    assert model is not None and model.card.rank == 7 and model.one.sha256 == one.sha256
    assert Shelf(found.settings).store.all()["finder@1"].card.rank == 7
    _catalogue.cache_clear()
