"""Does a model still answer as it did? A file that says otherwise must be told from one that only rounds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lookhear.errors import InvalidModel
from lookhear.models.catalogue import load_catalogue
from lookhear.models.golden import check
from lookhear.models.shelf import Shelf
from lookhear.models.store import Installed
from support.weights import constant, install, shelf, times


@pytest.fixture
def found(tmp_path: Path) -> Shelf:
    return shelf(tmp_path / "store")


def swapped(one: Installed, data: bytes) -> None:
    """Other weights where those of ``one`` were, as after an upgrade that computes otherwise."""
    one.file().write_bytes(data)


def anew(found: Shelf) -> Shelf:
    """As a process that comes later."""
    return shelf(found.store.folder)


def test_the_first_answers_are_kept_and_the_same_ones_pass(found: Shelf, tmp_path: Path) -> None:
    one = install(found.store, tmp_path, times(2.0))
    assert check(one, found) == "its answers are kept from now on"
    assert check(one, anew(found)) == "as first seen here, off by 0.0e+00 of the deviation at most"


@pytest.mark.parametrize(("factor", "passes"), [(2.0 * (1 + 1e-5), True), (2.02, False), (-2.0, False), (0.0, False)])
def test_what_rounds_passes_and_what_changed_does_not(
    found: Shelf, tmp_path: Path, factor: float, passes: bool
) -> None:
    one = install(found.store, tmp_path, times(2.0))
    check(one, found)
    swapped(one, times(factor))
    if passes:
        assert check(one, anew(found)).startswith("as first seen here, off by ")
        return
    with pytest.raises(
        InvalidModel, match=r"The output 'y' of tiny@1 is off by .* of its deviation \(allowed 0\.001\)"
    ):
        check(one, anew(found))


def answering(value: float, size: int = 4) -> bytes:
    return constant({"x": ("b", 4)}, {"y": [[1.0, 2.0, 3.0, value][:size]]})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_told_from_one_and_passes_as_itself(found: Shelf, tmp_path: Path, value: float) -> None:
    one = install(found.store, tmp_path, answering(4.0))
    check(one, found)
    swapped(one, answering(value))
    with pytest.raises(InvalidModel, match="is off by inf"):
        check(one, anew(found))
    odd = install(found.store, tmp_path, answering(value), name="odd")
    check(odd, found)
    assert check(odd, anew(found)).startswith("as first seen here")


def test_another_shape_and_a_lost_output_are_told(found: Shelf, tmp_path: Path) -> None:
    one = install(found.store, tmp_path, answering(4.0), outputs={})
    check(one, found)
    swapped(one, answering(4.0, size=3))
    with pytest.raises(InvalidModel, match=r"is of shape \[1, 3\]; it was of shape \[1, 4\]"):
        check(one, anew(found))
    swapped(one, constant({"x": ("b", 4)}, {"z": [[1.0]]}))
    with pytest.raises(InvalidModel, match="The output 'y' of tiny@1 is missing"):
        check(one, anew(found))


def test_whole_numbers_and_free_sizes_get_an_input(found: Shelf, tmp_path: Path) -> None:
    data = constant({"x": ("b", "n", 2)}, {"y": [1.0]})
    one = install(found.store, tmp_path, data, inputs={"x": ("b", "n", 2)}, outputs={}, facts={"golden": {"n": 7}})
    assert check(one, found) == "its answers are kept from now on"


def test_answers_that_cannot_be_read_are_kept_anew(found: Shelf, tmp_path: Path) -> None:
    one = install(found.store, tmp_path)
    check(one, found)
    (kept,) = (found.store.folder / "golden").iterdir()
    kept.write_text("{")
    assert check(one, found) == "its answers are kept from now on"


def test_a_file_that_is_gone_is_told(found: Shelf, tmp_path: Path) -> None:
    one = install(found.store, tmp_path)
    one.file().unlink()
    with pytest.raises(InvalidModel, match="lacks its file"):
        check(one, found)


def test_published_answers_are_of_known_weights() -> None:
    published = json.loads((Path(load_catalogue.__code__.co_filename).parent / "golden.json").read_text())
    known = {file.sha256: entry for entry in load_catalogue().cards for file in entry.files}
    for sha256, facts in published.items():
        assert len(sha256) == 64 and facts["answer"], facts["model"]
        assert sha256 not in known or known[sha256].id == facts["model"]
        for output in facts["answer"].values():
            assert np.isfinite([*output["values"], output["mean"], output["deviation"]]).all()
    assert published
