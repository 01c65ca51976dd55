"""What is looked at before a model counts. Whatever is wrong, the version that was active stays so, and works."""

from __future__ import annotations

import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookhear.errors import InvalidCard, InvalidModel, LookhearError
from lookhear.models.card import ModelFile, Source
from lookhear.models.inspect import check_sums, is_pickle
from lookhear.models.install import pull
from lookhear.models.runtimes import onnx
from lookhear.models.sessions import Sessions
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Model
from lookhear.models.store import Installed, Store
from support.weights import card, constant, install, outside, rows, times

GOOD = times()
STRUCK: list[str] = []


def strike(path: str) -> None:
    """What a pickle of ours would do if it were read."""
    STRUCK.append(path)


class Evil:
    """Runs ``strike`` when it is unpickled."""

    def __init__(self, padding: int = 0) -> None:
        self.padding = padding

    def __reduce__(self) -> Any:
        return strike, ("x" * self.padding,)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Where version 1 of the model is active."""
    found = Store(tmp_path / "store")
    install(found, tmp_path)
    return found


def answers(one: Installed) -> float:
    pool = Sessions(ModelSettings())
    value = float(Model(one, pool).run(rows(1.0))[0][0, 0])
    pool.close()
    return value


def refused(store: Store, folder: Path, data: bytes, kind: type[LookhearError] = InvalidModel, **facts: Any) -> str:
    """Tries to install ``data`` as version 2, and as version 1 once more; gives what is said of the first."""
    (folder / "bad.onnx").write_bytes(data)
    source = Source(file=str(folder / "bad.onnx"))
    with pytest.raises(kind) as again:
        pull(card(source, **facts), store, force=True)
    assert isinstance(again.value, LookhearError)
    with pytest.raises(kind) as caught:
        pull(card(source, version="2", **facts), store)
    active = store.active("tiny")
    assert active is not None and list(store.all()) == ["tiny@1"] and answers(active) == 2.0
    check_sums(active)
    assert not any(path.is_file() for path in (store.folder / "staging").rglob("*"))
    assert not STRUCK
    return caught.value.message


def test_the_files_of_a_good_model_are_there_and_nothing_else(store: Store, tmp_path: Path) -> None:
    one = store.all()["tiny@1"]
    assert sorted(path.name for path in one.folder.iterdir()) == ["card.json", "tiny.onnx"]
    assert answers(one) == 2.0


BROKEN = {
    "cut short": (GOOD[:60], "tiny.onnx"),
    "cut in half": (times(shape=(1, 4))[:40], "it is damaged, or no ONNX model"),
    "text": (b"<html>Please log in</html>", "it is damaged, or no ONNX model"),
    "noise": (bytes(np.random.default_rng(0).integers(0, 256, 5000, np.uint8)), "it is damaged, or no ONNX model"),
    "empty": (b"", "The file tiny.onnx of tiny@2 is empty"),
    "zeros": (bytes(100_000), "it is damaged, or no ONNX model"),
    "another input": (times(given="image"), "it has no input 'x', but image"),
    "another output": (times(made="boxes"), "it has no output 'y', but boxes"),
    "another size": (times(shape=("b", 5)), "its input 'x' is b × 5, not b × 4"),
    "other dimensions": (times(shape=("b", 2, 4)), "its input 'x' is b × 2 × 4, not b × 4"),
    "one input more": (constant({"x": ("b", 4), "mask": ("b", 4)}, {"y": [[1.0] * 4]}), "beside its inputs.*'mask'"),
}


@pytest.mark.parametrize(("data", "words"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_or_another_model_is_refused_naming_it(
    store: Store, tmp_path: Path, data: bytes, words: str
) -> None:
    import re

    said = refused(store, tmp_path, data)
    assert re.search(words, said) and "tiny@2" in said, said


def test_files_with_bytes_changed_here_and_there_are_refused_in_words_or_load(tmp_path: Path, capfd: Any) -> None:
    random, path = np.random.default_rng(7), tmp_path / "changed.onnx"
    seeds = [times(note="text"), constant({"x": ("b", 4)}, {"y": np.ones((3, 5)), "z": [1.0]})]
    for number in range(200):
        data = bytearray(seeds[number % 2])
        for place in random.integers(0, len(data), random.integers(1, 5)):
            data[place] = random.integers(0, 256)
        path.write_bytes(data)
        try:
            onnx.describe(path)
        except InvalidModel as error:
            assert "changed.onnx" in error.message
    assert capfd.readouterr().out == "", "nothing is printed on the way"


def old_torch() -> bytes:
    """As torch.save wrote before its version 1.6: a magic number, a version, facts of the system, then the object."""
    heads = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, Evil())
    return b"".join(pickle.dumps(head, 2) for head in heads)


def torch_zip(folder: Path, compressed: int = zipfile.ZIP_STORED) -> bytes:
    path = folder / "model.zip"
    with zipfile.ZipFile(path, "w", compressed) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Evil(), 2))
        archive.writestr("archive/data/0", bytes(400_000))
        archive.writestr("archive/version", "3\n")
    return path.read_bytes()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "thing",
    [
        Evil(),
        Evil(100),
        Evil(20_000),
        [Evil()],
        {"state_dict": {"weight": np.arange(9000.0), "evil": Evil()}},
        (Evil(), 1),
        np.arange(5000.0),
        {"a": 1},
        {1, 2},
    ],
    ids=["object", "longer object", "long object", "list", "dictionary", "tuple", "array", "plain", "set"],
)
def test_pickles_are_refused_and_never_run(store: Store, tmp_path: Path, thing: Any, protocol: int) -> None:
    (tmp_path / "bad.onnx").write_bytes(pickle.dumps(thing, protocol))
    assert is_pickle(tmp_path / "bad.onnx")
    with pytest.raises(InvalidModel, match=r"The file tiny\.onnx of tiny@2 is a Python pickle.*it is refused"):
        pull(card(Source(file=str(tmp_path / "bad.onnx")), version="2"), store)
    assert not STRUCK and list(store.all()) == ["tiny@1"]


def test_files_of_torch_are_refused(store: Store, tmp_path: Path) -> None:
    for data in (
        old_torch(),
        torch_zip(tmp_path),
        torch_zip(tmp_path, zipfile.ZIP_DEFLATED),
        torch_zip(tmp_path)[:900],
    ):
        assert "is a Python pickle, which can run anything when read" in refused(store, tmp_path, data)


def test_a_pickle_beside_the_weights_is_refused_too(store: Store, tmp_path: Path) -> None:
    (tmp_path / "good.onnx").write_bytes(GOOD)
    (tmp_path / "extra.bin").write_bytes(pickle.dumps(Evil(), 4))
    files = tuple(ModelFile(name, (Source(file=str(tmp_path / name)),)) for name in ("good.onnx", "extra.bin"))
    with pytest.raises(InvalidModel, match=r"extra\.bin of tiny@2 is a Python pickle"):
        pull(card(version="2", files=files), store)
    assert list(store.all()) == ["tiny@1"] and not STRUCK


HARMLESS = {
    "onnx": GOOD,
    "labels": "\n".join(["cat", "car", "dog", "(other)", "}"] * 900).encode(),
    "few labels": b"cat\ncar\ndog\n",
    "in brackets": b"(one)\n(two)\n",
    "json": b'{"a": [1, 2]}',
    "an array": b"[1, 2]",
    "words with commas": b"closed, open\ncold, warm\n.\n",
    "safetensors": struct.pack("<Q", 2) + b"{}" + bytes(64),
    "an archive of other things": b"PK\x05\x06" + bytes(18),
    "what looks like the end of an archive": bytes(5000) + b"PK\x05\x06" + b"\xff" * 18,
    "nothing": b"",
}


@pytest.mark.parametrize("data", HARMLESS.values(), ids=HARMLESS)
def test_what_is_no_pickle_is_not_taken_for_one(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    assert not is_pickle(tmp_path / "a")


def with_weights(
    folder: Path, location: str, weights: bytes | None, name: str = "tiny.onnx.data"
) -> tuple[ModelFile, ...]:
    """A graph that names the file ``location``, and that file under ``name``."""
    (folder / "graph.onnx").write_bytes(outside(location))
    files = [ModelFile("tiny.onnx", (Source(file=str(folder / "graph.onnx")),))]
    if weights is not None:
        (folder / "weights.data").write_bytes(weights)
        files.append(ModelFile(name, (Source(file=str(folder / "weights.data")),)))
    return tuple(files)


def test_weights_beside_the_graph_belong_to_it(store: Store, tmp_path: Path) -> None:
    weights = np.full(4, 7.0, np.float32).tobytes()
    one = pull(card(version="2", files=with_weights(tmp_path, "tiny.onnx.data", weights)), store)
    assert answers(one) == 7.0 and store.active("tiny") == one
    one = pull(card(version="3", files=with_weights(tmp_path, "sub/w.data", weights, "sub/w.data")), store)
    assert answers(one) == 7.0


@pytest.mark.parametrize("weights", [None, b"abc"])
def test_a_graph_without_its_weights_or_with_a_part_of_them_is_refused(
    store: Store, tmp_path: Path, weights: bytes | None
) -> None:
    with pytest.raises(
        InvalidModel, match=r"tiny@2 lacks the file with its weights that tiny\.onnx names, or part of it"
    ):
        pull(card(version="2", files=with_weights(tmp_path, "tiny.onnx.data", weights)), store)
    assert list(store.all()) == ["tiny@1"]


@pytest.mark.parametrize("place", ["../../secret", "../tiny@1/secret", "{absolute}/secret", "link"])
def test_weights_from_outside_the_folder_are_never_read(store: Store, tmp_path: Path, place: str) -> None:
    secret = np.full(4, 13.0, np.float32).tobytes()
    staging = store.folder / "staging" / "tiny@2"
    staging.mkdir(parents=True)
    for folder in (store.folder, store.folder / "staging", tmp_path):
        (folder / "secret").write_bytes(secret)
    (staging / "link").symlink_to(tmp_path / "secret")
    location = place.format(absolute=tmp_path)
    (tmp_path / "bad.onnx").write_bytes(outside(location))
    with pytest.raises(InvalidModel, match=r"tiny@2"):
        pull(card(Source(file=str(tmp_path / "bad.onnx")), version="2"), store)
    assert list(store.all()) == ["tiny@1"]


def test_a_card_of_a_runtime_that_there_is_none_of_is_refused(store: Store, tmp_path: Path) -> None:
    assert "there is no runtime 'abacus'" in refused(store, tmp_path, GOOD, InvalidCard, runtime="abacus")


def test_an_unreadable_card_of_an_installed_model_is_healed_by_pulling_it(store: Store, tmp_path: Path) -> None:
    for text in ("", "{", "[]", '{"card": {}}', '{"card": {"name": 7}, "catalogue": ""}'):
        (store.folder / "installed/tiny/1/card.json").write_text(text)
        assert Store(store.folder).all() == {}
        one = install(Store(store.folder), tmp_path)
        assert Store(store.folder).all() == {"tiny@1": one} and answers(one) == 2.0


def test_a_file_that_changed_on_the_disk_is_told_and_healed(store: Store, tmp_path: Path) -> None:
    one = store.all()["tiny@1"]
    data = bytearray(one.file().read_bytes())
    data[-1] ^= 1
    one.file().write_bytes(data)
    with pytest.raises(InvalidModel, match=r"tiny\.onnx of tiny@1 has changed.*lookhear models pull --force tiny@1"):
        check_sums(one)
    pull(one.card, store, force=True)
    check_sums(one)
    os.remove(one.file())
    with pytest.raises(InvalidModel, match=r"tiny@1 lacks its file tiny\.onnx"):
        check_sums(one)
