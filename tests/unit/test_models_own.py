"""Models of one's own: recognised by what they hold or by their tensors, never by a guess."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from lookhear.errors import InvalidCard, InvalidModel
from lookhear.models.own import Description, import_file
from lookhear.models.shelf import Shelf
from lookhear.models.store import Installed
from support.weights import constant, outside, pooled, shelf, times

SIDE = (1, 3, 64, 64)
CATALOGUE = """
families:
  tiny: {role: tinies, runtime: onnx, inputs: {x: [b, 4]}, outputs: {y: [b, 4]}}
  twin: {role: twins, runtime: onnx, inputs: {x: [b, n]}, outputs: {y: [b, n]}}
  named: {role: named, runtime: onnx, labels: names.txt, inputs: {n: [b, 4]}, outputs: {m: [b, 4]}}
models:
  - {name: known, version: "3", family: tiny, licence: MIT, files: {weights.onnx: {sha256: SUM}}}
"""


@pytest.fixture
def empty(tmp_path: Path) -> Shelf:
    """Over an empty store, with a catalogue of one's own beside ours."""
    (tmp_path / "names.txt").write_text("left\nright\n")
    (tmp_path / "own.yml").write_text(CATALOGUE.replace("SUM", hashlib.sha256(times(5.0)).hexdigest()))
    return shelf(tmp_path / "store", model_catalogue=tmp_path / "own.yml")


def file(folder: Path, data: bytes, name: str = "My Model (v2).onnx") -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def yolov8(**metadata: str) -> bytes:
    return constant({"images": SIDE}, {"output0": np.zeros((1, 6, 84))}, **metadata)


def taken(shelf: Shelf, path: Path, said: Description | None = None) -> Installed:
    one = import_file(path, shelf, said or Description())
    assert shelf.store.active(one.card.name) == one
    assert all(file.sha256 for file in one.card.kept)
    return one


def test_an_export_of_ultralytics_brings_its_labels(empty: Shelf, tmp_path: Path) -> None:
    one = taken(empty, file(tmp_path, yolov8(names="{0: 'cat', 1: 'guinea pig'}", task="detect")))
    card = one.card
    assert (card.id, card.family, card.role) == ("my-model-v2@1", "yolov8", "objects")
    assert card.labels == ("cat", "guinea pig") and card.facts["size"] == [64, 64]
    assert (card.licence, card.commercial, card.summary) == ("unknown", None, "imported from My Model (v2).onnx")


def test_what_is_said_counts(empty: Shelf, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("one\ntwo\n")
    said = Description("mine", "7", "yolov8", tmp_path / "labels.txt", "ours", True)
    card = taken(empty, file(tmp_path, yolov8(names="{0: 'cat', 1: 'dog'}")), said).card
    assert (card.id, card.labels, card.licence, card.commercial) == ("mine@7", ("one", "two"), "ours", True)


@pytest.mark.parametrize("names", [None, "not python", "{1: 'a'}", "7", "{'a': 'b'}"])
def test_labels_that_nobody_told_are_asked_for_and_not_invented(
    empty: Shelf, tmp_path: Path, names: str | None
) -> None:
    data = yolov8(**({"names": names} if names else {}))
    with pytest.raises(InvalidModel, match="say --labels FILE"):
        import_file(file(tmp_path, data), empty, Description())
    assert empty.store.fresh() == {}


def test_a_family_brings_its_own_labels(empty: Shelf, tmp_path: Path) -> None:
    logits = {"logits": np.zeros((1, 5, 92)), "pred_boxes": np.zeros((1, 5, 4))}
    detr = constant({"pixel_values": SIDE, "pixel_mask": (1, 64, 64)}, logits)
    yolox = constant({"images": SIDE}, {"output": np.zeros((1, 84, 85))})
    one, other = taken(empty, file(tmp_path, detr, "a.onnx")), taken(empty, file(tmp_path, yolox, "b.onnx"))
    assert (one.card.family, len(one.card.labels)) == ("detr", 91)
    assert (other.card.family, len(other.card.labels)) == ("yolox", 80)
    own = taken(empty, file(tmp_path, times(given="n", made="m"), "c.onnx"))
    assert own.card.labels == ("left", "right")


def test_two_families_that_fit_are_named(empty: Shelf, tmp_path: Path) -> None:
    path = file(tmp_path, times())
    with pytest.raises(InvalidModel, match=r"inputs of .* are x \[b × 4\].*It could be tiny, twin\. Say --family"):
        import_file(path, empty, Description())
    assert taken(empty, path, Description(family="twin")).card.role == "twins"


def test_tensors_that_no_family_has_are_told(empty: Shelf, tmp_path: Path) -> None:
    path = file(tmp_path, times(given="prompt", made="answer"))
    with pytest.raises(InvalidModel, match=r"prompt \[b × 4\], its outputs answer \[b × 4\]\. No family is known"):
        import_file(path, empty, Description())


def test_a_classifier_is_not_taken_for_a_face_detector(empty: Shelf, tmp_path: Path) -> None:
    """Half of all old exports call their input input.1; a family whose outputs have no fixed names is not guessed."""
    path = file(tmp_path, constant({"input.1": (1, 3, 224, 224)}, {"500": np.zeros((1, 1000))}))
    with pytest.raises(InvalidModel, match="Say --family"):
        import_file(path, empty, Description())
    assert taken(empty, path, Description(family="scrfd")).card.family == "scrfd"


def test_a_classifier_of_unknown_size_is_not_taken_for_one_of_places(empty: Shelf, tmp_path: Path) -> None:
    """That family tells no names, so that the number of its classes is all there is to tell it by."""
    with pytest.raises(InvalidModel, match="Say --family"):
        import_file(file(tmp_path, pooled()), empty, Description())
    places = constant({"a": ("b", 3, 224, 224)}, {"b": np.zeros((1, 365))})
    assert taken(empty, file(tmp_path, places)).card.family == "places365"
    other = constant({"a": ("b", 3, 224, 224)}, {"b": np.zeros((1, 1000))})
    with pytest.raises(InvalidModel, match="No family is known by such tensors"):
        import_file(file(tmp_path, other), empty, Description())


def test_another_family_than_it_has_the_tensors_of_is_refused(empty: Shelf, tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match=r"is no yolox: it has no output 'output', but output0"):
        import_file(file(tmp_path, yolov8()), empty, Description(family="yolox"))
    with pytest.raises(InvalidModel, match=r"no family 'yolo'\. Known: .*yolox"):
        import_file(file(tmp_path, yolov8()), empty, Description(family="yolo"))
    assert empty.store.fresh() == {}


@pytest.mark.parametrize("name", ["whatever.onnx", "3f2a77", "model.bin"])
def test_a_known_file_is_known_whatever_it_is_called(empty: Shelf, tmp_path: Path, name: str) -> None:
    one = taken(empty, file(tmp_path, times(5.0), name), Description(name="ignored"))
    assert one.card.id == "known@3" and one.file().name == "weights.onnx"


def test_weights_beside_the_file_come_along(empty: Shelf, tmp_path: Path) -> None:
    for ending in (".data", "_data"):
        path = file(tmp_path, outside(f"big.onnx{ending}"), "big.onnx")
        (tmp_path / f"big.onnx{ending}").write_bytes(bytes(16))
        one = taken(empty, path, Description(family="tiny"))
        assert sorted(kept.name for kept in one.card.kept) == ["big.onnx", f"big.onnx{ending}"]
        (tmp_path / f"big.onnx{ending}").unlink()
    with pytest.raises(InvalidModel, match="lacks the file with its weights"):
        import_file(path, empty, Description(family="tiny"))


def test_a_folder_comes_whole_without_what_is_hidden(empty: Shelf, tmp_path: Path) -> None:
    folder = tmp_path / "Some Model"
    (folder / "sub").mkdir(parents=True)
    file(folder, outside("sub/w"), "graph.onnx")
    (folder / "sub" / "w").write_bytes(bytes(16))
    for name in (".hidden", "README.md", "card.json"):
        (folder / name).write_text("text")
    one = taken(empty, folder, Description(family="tiny"))
    assert one.card.id == "some-model@1"
    assert sorted(kept.name for kept in one.card.kept) == ["README.md", "graph.onnx", "sub/w"]


def test_weights_from_outside_are_not_read(empty: Shelf, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(16))
    (tmp_path / "inner").mkdir()
    path = file(tmp_path / "inner", outside("../secret"), "a.onnx")
    with pytest.raises(InvalidModel, match="lacks the file with its weights"):
        import_file(path, empty, Description(family="tiny"))


def test_pickles_are_refused_alone_and_in_a_folder(empty: Shelf, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    file(folder, times(), "a.onnx")
    evil = file(folder, pickle.dumps({"weights": 1}, 2), "extra.bin")
    for path in (evil, folder):
        with pytest.raises(InvalidModel, match=r"extra\.bin is a Python pickle.*it is refused\. Export it to ONNX"):
            import_file(path, empty, Description(family="tiny"))
    assert empty.store.fresh() == {}


def test_what_is_no_model_is_told(empty: Shelf, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    wrong = {
        tmp_path / "nothing.onnx": "There is no ",
        tmp_path / "folder": "It has no ONNX file",
        tmp_path / "pipe": "is no file",
        Path("/dev/zero"): "is no file",
        file(tmp_path, b"text", "a.txt"): "It has no ONNX file",
        file(tmp_path, b"text", "a.onnx"): "it is damaged, or no ONNX model",
        file(tmp_path, times()[:50], "cut.onnx"): "it is damaged, or no ONNX model",
    }
    for path, words in wrong.items():
        with pytest.raises(InvalidModel, match=words):
            import_file(path, empty, Description())
    assert empty.store.fresh() == {}


def test_labels_that_cannot_be_read_are_told(empty: Shelf, tmp_path: Path) -> None:
    path = file(tmp_path, yolov8())
    for labels, words in ((tmp_path / "none.txt", "no file of labels"), (path, "no text in UTF-8")):
        with pytest.raises(InvalidModel, match=words):
            import_file(path, empty, Description(labels=labels))


@pytest.mark.parametrize("said", [Description(name="a/b"), Description(version="../1"), Description(name="a@b")])
def test_names_that_are_none_are_refused(empty: Shelf, tmp_path: Path, said: Description) -> None:
    (tmp_path / "labels.txt").write_text("one\n")
    with pytest.raises(InvalidCard, match="is no name or version"):
        import_file(file(tmp_path, times(given="n", made="m")), empty, said)


def test_an_import_that_fails_leaves_the_one_before_in_use(empty: Shelf, tmp_path: Path) -> None:
    one = taken(empty, file(tmp_path, times(), "mine.onnx"), Description(family="tiny"))
    with pytest.raises(InvalidModel):
        import_file(file(tmp_path, times(given="z"), "mine.onnx"), empty, Description(family="tiny"))
    assert empty.store.fresh() == {"mine@1": one} and one.file().read_bytes() == times()
    again = taken(empty, file(tmp_path, times(9.0), "mine.onnx"), Description(family="tiny"))
    assert again.sha256 != one.sha256 and list(empty.store.fresh()) == ["mine@1"]
