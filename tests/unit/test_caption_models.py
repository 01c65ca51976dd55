"""Models for captions before they are loaded: what is taken, what is refused and why. Nothing here takes PyTorch."""

from __future__ import annotations

import importlib.util
import json
import struct
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookhear.analysis.engine import analyze
from lookhear.errors import InvalidModel, InvalidOptions
from lookhear.models.batching import Batcher
from lookhear.models.catalogue import load_catalogue
from lookhear.models.inspect import is_pickle
from lookhear.models.own import Description, import_file
from lookhear.models.safetensors import describe
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Shelf
from lookhear.tasks.image.caption import CaptionOptions, FilmCaptionOptions
from support.files import jpeg

Entry = dict[str, Any]


def safetensors(header: dict[str, Any], data: bytes, pad: int = 0) -> bytes:
    """The bytes of a file; the header is filled up with ``pad`` blanks."""
    raw = json.dumps(header).encode() + b" " * pad
    return struct.pack("<Q", len(raw)) + raw + data


def two(**changed: Any) -> dict[str, Any]:
    """A header of two tensors of 8 and 12 bytes."""
    first: Entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    second: Entry = {"dtype": "BF16", "shape": [2, 3], "data_offsets": [8, 20]}
    return {"__metadata__": {"format": "pt"}, "first": first, "second": {**second, **changed}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a model for captions looks like, as far as it is looked at without being loaded."""
    made = tmp_path / "own-blip"
    made.mkdir()
    (made / "config.json").write_text(json.dumps({"architectures": ["BlipForConditionalGeneration"]}))
    (made / "model.safetensors").write_bytes(safetensors(two(), bytes(20)))
    for name in ("tokenizer.json", "preprocessor_config.json"):
        (made / name).write_text("{}")
    return made


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(ModelSettings(model_cache_dir=tmp_path / "store", use_gpu=False))


def test_a_folder_is_known_by_its_architecture(folder: Path, shelf: Shelf) -> None:
    one = import_file(folder, shelf, Description())
    assert (one.card.name, one.card.family, one.card.role) == ("own-blip", "blip", "caption")
    assert shelf.store.active("own-blip") == one


def test_of_a_folder_only_what_is_read_is_kept(folder: Path, shelf: Shelf) -> None:
    (folder / "modeling_own.py").write_text("raise SystemExit")
    (folder / "README.md").write_text("# it")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(b"no model")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04K\x01.")
    one = import_file(folder, shelf, Description())
    there = {path.name for path in one.folder.rglob("*") if path.is_file()}
    assert there == {"card.json", "config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"}


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def only_a_pickle(folder: Path) -> None:
    no_weights(folder)
    with zipfile.ZipFile(folder / "pytorch_model.bin", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")


def a_pickle_by_another_name(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x80\x04\x95" + bytes(40))


def cut_short(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def cut_in_its_header(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:60])


def longer_than_it_says(folder: Path) -> None:
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"\0")


def no_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 12) + b"{not json!!}" + bytes(20))


def tensors_that_overlap(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(safetensors(two(data_offsets=[4, 16]), bytes(16)))


def a_shape_of_another_size(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(safetensors(two(shape=[2, 4]), bytes(20)))


def another_architecture(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"architectures": ["BertModel"]}))


def a_broken_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"architectures": ["Blip')


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def half_a_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").rename(folder / "vocab.json")


def nothing_on_pictures(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()


def a_part_is_missing(folder: Path) -> None:
    index = {"weight_map": {"first": "model.safetensors", "third": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def a_part_lacks_a_tensor(folder: Path) -> None:
    index = {"weight_map": {"first": "model.safetensors", "third": "model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (no_weights, "no file that ends in .safetensors"),
        (only_a_pickle, "pytorch_model.bin is a Python pickle"),
        (a_pickle_by_another_name, "model.safetensors is a Python pickle"),
        (cut_short, r"model.safetensors is damaged: it holds \d+ bytes instead of \d+"),
        (cut_in_its_header, "model.safetensors is no file of safetensors, or breaks off within its header"),
        (longer_than_it_says, r"model.safetensors is damaged: it holds \d+ bytes instead of \d+"),
        (no_header, "The header of model.safetensors is damaged"),
        (tensors_that_overlap, "do not lie one after the other"),
        (a_shape_of_another_size, "do not lie one after the other"),
        (another_architecture, "its config.json says BertModel, not BlipForConditionalGeneration"),
        (a_broken_config, "config.json of .* is missing or damaged"),
        (no_tokenizer, "has no tokenizer"),
        (half_a_tokenizer, "has no tokenizer"),
        (nothing_on_pictures, "lacks preprocessor_config.json"),
        (a_part_is_missing, "names the file model-00002-of-00002.safetensors, which is missing"),
        (a_part_lacks_a_tensor, "model.safetensors lacks the weights 'third'"),
    ],
)
def test_what_is_no_good_is_refused_and_the_active_version_stays(
    broken: Callable[[Path], None], reason: str, folder: Path, shelf: Shelf
) -> None:
    good = import_file(folder, shelf, Description(version="1"))
    broken(folder)
    with pytest.raises(InvalidModel, match=reason):
        import_file(folder, shelf, Description(version="2", family="blip"))
    assert shelf.store.active("own-blip") == good
    assert not list((shelf.store.folder / "staging").iterdir())


def test_an_architecture_that_nobody_knows_is_named(folder: Path, shelf: Shelf) -> None:
    another_architecture(folder)
    with pytest.raises(InvalidModel, match=r"Its config.json says BertModel, which no family has"):
        import_file(folder, shelf, Description())


def test_a_header_may_be_as_long_as_the_mark_of_a_pickle(tmp_path: Path) -> None:
    """Files of safetensors begin with the length of their header: 0x280 is the mark of pickles of protocol 2."""
    path = tmp_path / "model.safetensors"
    plain = len(json.dumps(two()))
    path.write_bytes(safetensors(two(), bytes(20), pad=0x280 - plain))
    assert path.read_bytes().startswith(b"\x80\x02") and not is_pickle(path)
    assert describe(path) == {"first": (2,), "second": (2, 3)}


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is installed")
def test_without_pytorch_one_is_told_what_to_install(folder: Path, shelf: Shelf) -> None:
    import_file(folder, shelf, Description())
    (error,) = analyze(jpeg(), ["caption"], shelf=shelf).errors
    assert error.code == "unsupported" and "pip install 'lookhear[captions]'" in error.message


def test_without_a_model_one_is_told_what_to_pull(shelf: Shelf) -> None:
    (error,) = analyze(jpeg(), ["caption"], shelf=shelf).errors
    assert error.code == "model_missing" and "lookhear models pull blip-base" in error.message


def test_options_that_make_no_sense_are_refused() -> None:
    for wrong in ({"max_new_tokens": 0}, {"max_new_tokens": 10_000}, {"num_beams": 0}, {"prompt": " "}):
        with pytest.raises(InvalidOptions):
            CaptionOptions(**wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidOptions):
        FilmCaptionOptions(seconds=0)


def test_cards_for_captions_name_what_their_runtime_reads() -> None:
    for card in load_catalogue().of("caption"):
        names = {file.name for file in card.files}
        assert {"config.json", "preprocessor_config.json", "tokenizer.json"} <= names
        assert all(source.hub and source.revision != "main" for file in card.files for source in file.sources)
        assert not any(name.endswith((".bin", ".py", ".pt")) for name in names)
    assert [card.name for card in load_catalogue().of("caption", commercial_only=True)] == [
        "blip-base",
        "florence-2-base",
    ]


def test_only_callers_who_ask_for_the_same_share_a_run() -> None:
    began, go, runs = threading.Event(), threading.Event(), []

    def run(feeds: Any, times: int) -> list[Any]:
        runs.append((len(feeds["x"]), times))
        began.set()
        go.wait(10)
        return [feeds["x"] * times]

    shared, answers = Batcher(run, 8), {}

    def ask(place: int, times: int) -> None:
        answers[place] = shared({"x": np.full((1, 2), place)}, times)[0].tolist()

    callers = [threading.Thread(target=ask, args=(place, 1 + place % 2)) for place in range(7)]
    callers[0].start()
    assert began.wait(10)
    for caller in callers[1:]:
        caller.start()
    while len(shared._waiting) < 6:
        time.sleep(0.001)
    go.set()
    for caller in callers:
        caller.join()
    assert answers == {place: [[place * (1 + place % 2)] * 2] for place in range(7)}
    assert runs[0] == (1, 1) and sorted(runs[1:]) == [(3, 1), (3, 2)]
