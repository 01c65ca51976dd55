"""The reader of TensorFlow's checkpoints, on one that TensorFlow wrote (see golden/make_musicnn.py) and on broken ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookhear.errors import InvalidModel
from lookhear.models.builders.crc32c import crc32c, unmasked
from lookhear.models.builders.tf_checkpoint import open_checkpoint
from support.checkpoints import write

SMALL = Path(__file__).parents[1] / "golden" / "checkpoint" / "small.index"
DATA = "small.data-00000-of-00001"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The index of a copy that may be broken."""
    for path in (SMALL, SMALL.with_name(DATA)):
        shutil.copy(path, tmp_path)
    return tmp_path / SMALL.name


def by_bits(data: bytes) -> int:
    """CRC-32C as it is defined, bit by bit."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


def test_check_sums_are_those_of_the_standard() -> None:
    """The examples of RFC 3720, B.4."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(b"") == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9000), st.integers(0, 1000))
def test_many_bytes_at_once_check_as_one_by_one(length: int, seed: int) -> None:
    data = np.random.default_rng(seed).integers(0, 256, length, np.uint8).tobytes()
    assert crc32c(data) == by_bits(data)


def test_the_stored_form_is_undone() -> None:
    check = 0x12345678
    stored = ((check >> 15 | check << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert unmasked(stored) == check


def test_reads_what_tensorflow_wrote() -> None:
    checkpoint = open_checkpoint(SMALL)
    assert len(checkpoint.tensors) == 43
    for i in range(40):
        expected = np.float32(i) + np.arange(6, dtype=np.float32).reshape(2, 3)
        assert np.array_equal(checkpoint.read(f"layer_{i}/kernel", (2, 3)), expected)
    assert np.array_equal(checkpoint.read("long", (700,)), np.arange(700, dtype=np.float32) ** 2)
    assert checkpoint.read("scalar", ()) == np.float32(0.5)


@pytest.mark.parametrize(
    ("name", "shape"), [("nowhere", (2, 3)), ("layer_1/kernel", (3, 2)), ("long", ()), ("whole", (3,))]
)
def test_another_network_is_told_by_its_tensors(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidModel, match=f"'{name}'.*another network"):
        open_checkpoint(SMALL).read(name, shape)


def test_an_index_that_breaks_off_is_refused_wherever_it_does(copied: Path) -> None:
    whole = copied.read_bytes()
    for length in (*range(0, len(whole), 11), len(whole) - 1):
        copied.write_bytes(whole[:length])
        with pytest.raises(InvalidModel, match=r"small\.index"):
            open_checkpoint(copied)


def test_a_changed_byte_of_the_index_is_noticed_or_changes_nothing(copied: Path) -> None:
    whole, tensors = copied.read_bytes(), open_checkpoint(copied).tensors
    for at in (*range(0, len(whole), 11), *range(len(whole) - 48, len(whole))):
        copied.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            assert open_checkpoint(copied).tensors == tensors  # padding of the footer, and an index of nothing
        except InvalidModel:
            continue


@settings(max_examples=200, deadline=None)
@given(junk=st.binary(max_size=200), keep=st.integers(0, 48))
def test_nonsense_is_refused(tmp_path_factory: pytest.TempPathFactory, junk: bytes, keep: int) -> None:
    folder = tmp_path_factory.mktemp("junk")
    footer = SMALL.read_bytes()[-keep:] if keep else b""
    (folder / SMALL.name).write_bytes(junk + footer)
    (folder / DATA).write_bytes(b"")
    with pytest.raises(InvalidModel):
        open_checkpoint(folder / SMALL.name)


def test_data_that_break_off_or_are_changed_are_refused(copied: Path) -> None:
    data = copied.with_name(DATA)
    whole, tensors = data.read_bytes(), open_checkpoint(copied).tensors
    ordered = sorted((entry.offset, name) for name, entry in tensors.items() if entry.kind == 1)
    (_, first), (end, last) = ordered[0], ordered[-1]
    data.write_bytes(whole[: end + tensors[last].size - 1])
    with pytest.raises(InvalidModel, match="not there as a whole"):
        open_checkpoint(copied).read(last, tensors[last].shape)
    data.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    with pytest.raises(InvalidModel, match="check sum"):
        open_checkpoint(copied).read(first, tensors[first].shape)


def test_half_a_checkpoint_is_none(copied: Path) -> None:
    copied.with_name(DATA).unlink()
    with pytest.raises(InvalidModel, match="two files"):
        open_checkpoint(copied)


def test_reads_what_tests_write(tmp_path: Path) -> None:
    tensors = {"a/b": np.arange(12, dtype=np.float32).reshape(3, 4), "c": np.ones(2000, np.float32)}
    write(tensors, tmp_path / "x.index")
    checkpoint = open_checkpoint(tmp_path / "x.index")
    for name, tensor in tensors.items():
        assert np.array_equal(checkpoint.read(name, tensor.shape), tensor)
