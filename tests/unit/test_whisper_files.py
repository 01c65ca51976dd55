"""What Whisper's files are taken for: whole, cut short, of another kind. Nothing here loads them."""

from __future__ import annotations

import dataclasses
import json
import struct
from pathlib import Path

import pytest

from lookhear.errors import InvalidModel
from lookhear.models.card import Card
from lookhear.models.catalogue import load_catalogue
from lookhear.models.devices import CPU, CUDA
from lookhear.models.runtimes import ct2_file
from lookhear.models.runtimes.ctranslate2 import check, compute_type, out_of_memory
from lookhear.models.runtimes.whisper import Asked
from lookhear.tasks.audio.transcript import TranscriptOptions
from lookhear.tasks.audio.transcript.languages import CODES

CARDS = {card.name: card for card in load_catalogue().cards if card.role == "transcript"}


def weights(specification: str = "WhisperSpec", bands: int = 80, version: int = 6) -> bytes:
    """A small file of CTranslate2: two variables, one alias."""

    def name(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    def variable(text: str, *sizes: int) -> bytes:
        data = bytes(2 * int(struct.calcsize(f"{sizes[0]}x")))
        return name(text) + struct.pack(f"<B{len(sizes)}IBI", len(sizes), *sizes, 4, len(data)) + data

    head = struct.pack("<I", version) + name(specification) + struct.pack("<II", 3, 2)
    body = variable("decoder/embeddings/weight", 7, 2) + variable("encoder/conv1/weight", 2, bands, 3)
    return head + body + struct.pack("<I", 1) + name("decoder/projection/weight") + name("decoder/embeddings/weight")


def folder(place: Path, **changed: bytes | None) -> Path:
    """A model's files; ``changed``: by the name before the dot, None for one that is not there."""
    files: dict[str, bytes | None] = {
        "model.bin": weights(),
        "config.json": b"{}",
        "tokenizer.json": b'{"model": {}}',
        "vocabulary.json": b"[]",
    }
    files |= {
        next((name for name in files if name.startswith(part)), f"{part}.json"): data for part, data in changed.items()
    }
    place.mkdir(exist_ok=True)
    for name, data in files.items():
        if data is not None:
            (place / name).write_bytes(data)
    return place


def test_shapes_are_read_without_loading(tmp_path: Path) -> None:
    place = tmp_path / "model.bin"
    place.write_bytes(weights(bands=128))
    found = ct2_file.read(place)
    assert found.specification == "WhisperSpec" and found.shapes["encoder/conv1/weight"] == (2, 128, 3)
    place.write_bytes(weights(version=7))  # of a later CTranslate2, which may judge for itself
    assert ct2_file.read(place).shapes == {}


def test_a_file_that_ends_anywhere_is_refused(tmp_path: Path) -> None:
    place, whole = tmp_path / "model.bin", weights()
    for length in range(len(whole)):
        place.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"breaks off|no model|damaged"):
            ct2_file.read(place)
    place.write_bytes(whole + b"more")
    with pytest.raises(ValueError, match="4 bytes too many"):
        ct2_file.read(place)


@pytest.mark.parametrize("data", [b"\x93NUMPY" + bytes(200), b"<html>" * 50, bytes(300), b"\xff" * 300])
def test_another_kind_of_file_is_refused(tmp_path: Path, data: bytes) -> None:
    place = tmp_path / "model.bin"
    place.write_bytes(data)
    with pytest.raises(ValueError, match="no model of CTranslate2"):
        ct2_file.read(place)


def card() -> Card:
    return CARDS["whisper-tiny"]


def test_whole_files_are_taken(tmp_path: Path) -> None:
    check(card(), folder(tmp_path / "a"))
    preprocessor = json.dumps({"feature_size": 128}).encode()
    check(card(), folder(tmp_path / "b", model=weights(bands=128), preprocessor_config=preprocessor))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model": weights()[:90]}, "model.bin .* breaks off"),
        ({"model": weights("TransformerSpec")}, "no whisper: its model.bin holds TransformerSpec"),
        ({"model": weights(bands=128)}, "128 mel bands, but would be given 80. It lacks its preprocessor_config.json"),
        ({"model": None}, "lacks its weights"),
        ({"tokenizer": None}, "lacks its file tokenizer.json"),
        ({"tokenizer": b"{"}, "tokenizer.json .* is damaged"),
        ({"config": b"[1]"}, "config.json .* another kind"),
        ({"vocabulary": None}, "lacks its vocabulary"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(tmp_path: Path, changed: dict[str, bytes | None], said: str) -> None:
    with pytest.raises(InvalidModel, match=said):
        check(card(), folder(tmp_path, **changed))


def test_cards_say_where_every_file_comes_from() -> None:
    assert set(CARDS) == {
        f"whisper-{size}"
        for size in ("tiny", "base", "small", "medium", "large-v3", "large-v3-turbo", "distil-large-v3")
    }
    for one in CARDS.values():
        names = {file.name for file in one.files}
        assert {"model.bin", "config.json", "tokenizer.json"} < names and names & {"vocabulary.txt", "vocabulary.json"}
        assert ("preprocessor_config.json" in names) == ("large" in one.name)
        assert all(len(file.sha256 or "") == 64 and file.size and file.sources[0].hub for file in one.files)
        assert all(len(file.sources[0].revision) == 40 for file in one.files)
    assert [one.name for one in CARDS.values() if one.recommended] == ["whisper-small"]
    assert load_catalogue().find("large-v3").name == "whisper-large-v3"


def test_auto_takes_what_knows_all_languages_before_what_knows_one() -> None:
    best = load_catalogue().of("transcript")
    assert best[0].name == "whisper-large-v3" and best[-1].facts["languages"] == ["en"]


def test_a_device_gets_what_it_knows() -> None:
    known = {"int8", "int8_float16", "float16", "float32"}
    assert [compute_type("auto", device, known) for device in (CPU, CUDA)] == ["int8", "float16"]
    assert [compute_type("int8", device, known) for device in (CPU, CUDA)] == ["int8", "int8_float16"]
    assert compute_type("float16", CPU, known) == compute_type("auto", CUDA, {"float32"}) == "float32"


def test_a_full_device_is_told() -> None:
    assert out_of_memory(RuntimeError("CUDA failed with error out of memory"))
    assert not out_of_memory(RuntimeError("the model is damaged"))


def test_every_way_to_decode_is_an_option() -> None:
    options, ways = (
        {field.name: field.default for field in dataclasses.fields(kind)} for kind in (TranscriptOptions, Asked)
    )
    assert {name: options[name] for name in ways if name != "without_timestamps"} == {
        name: value for name, value in ways.items() if name != "without_timestamps"
    }
    assert len(CODES) == 100 and {"en", "yue", "haw"} < CODES
