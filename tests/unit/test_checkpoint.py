"""Files of torch.save, read without PyTorch: what tensors need, and nothing that could run anything."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookhear.errors import InvalidModel
from lookhear.models.checkpoint import read_checkpoint
from support.torch_files import Call, Changed, Name, Saved, Stored, ordered, pickled

FORMATS = ("sequence", "archive")
each_format = pytest.mark.parametrize("form", FORMATS)


def written(form: str, value: Any, path: Path, saved: Saved | None = None) -> Path:
    return getattr(saved or Saved(), form)(value, path / "weights.pth.tar")


@each_format
@pytest.mark.parametrize("cuda", [True, False], ids=["PyTorch 0.2 on a GPU", "later"])
def test_tensors_and_plain_values_come_as_they_were(form: str, cuda: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    arrays = {"module.a": rng.normal(size=(3, 4, 5)), "module.b": rng.normal(size=7), "module.c": rng.normal(size=())}
    saved = Saved(cuda=cuda)
    weights = ordered({name: saved.tensor(array.astype(np.float32)) for name, array in arrays.items()})
    value = {"epoch": 90, "arch": "resnet18", "best_prec1": 54.65, "state_dict": weights, "more": [None, True, (1, -2)]}
    found = read_checkpoint(written(form, value, tmp_path, saved))
    assert {name: found[name] for name in ("epoch", "arch", "best_prec1", "more")} == {
        "epoch": 90, "arch": "resnet18", "best_prec1": 54.65, "more": [None, True, [1, -2]]
    }  # fmt: skip
    for name, array in arrays.items():
        assert found["state_dict"][name].dtype == np.float32
        assert (found["state_dict"][name] == array.astype(np.float32)).all()


@each_format
def test_tensors_may_show_parts_of_the_same_numbers(form: str, tmp_path: Path) -> None:
    saved = Saved()
    whole = saved.tensor(np.arange(12, dtype=np.float32))
    storage = whole.arguments[0]
    turned = Call(whole.what, (storage, 2, (2, 3), (1, 2), False, ordered({})))
    found = read_checkpoint(written(form, [whole, turned], tmp_path, saved))
    assert found[1].tolist() == [[2, 4, 6], [3, 5, 7]]


class _Runs:
    """What a hostile pickle would leave behind."""

    def __init__(self, folder: Path) -> None:
        self.mark = folder / "it-ran"
        self.command = f"touch {self.mark}"


def hostile(kind: str, runs: _Runs) -> Any:
    system, evaluate = Name("os", "system"), Name("builtins", "eval")
    write = f"open({str(runs.mark)!r}, 'w').close()"
    return {
        "os.system": Call(system, (runs.command,)),
        "posix.system": Call(Name("posix", "system"), (runs.command,)),
        "builtins.eval": Call(evaluate, (write,)),
        "__builtin__.eval": Call(Name("__builtin__", "eval"), (write,)),
        "nested": {"state_dict": ordered({"module.conv1.weight": [({"a": Call(system, (runs.command,))},)]})},
        "in the arguments of a tensor": Call(
            Name("torch._utils", "_rebuild_tensor_v2"), (Call(evaluate, (write,)), 0, (1,), (1,), False, ordered({}))
        ),
        "as a storage": Stored("0", Call(system, (runs.command,))),
        "as what is changed": Changed(ordered({}), Call(system, (runs.command,))),
        "a name alone": system,
        "a dotted name": Name("collections", "OrderedDict.__init__.__globals__"),
        "torch itself": Call(Name("torch", "load"), (str(runs.mark),)),
        "a module": Call(Name("torch.nn.modules.conv", "Conv2d"), (1, 1, 1)),
        "numpy": Call(Name("numpy.core.multiarray", "_reconstruct"), (1, 1, 1)),
        "getattr": Call(Name("builtins", "getattr"), (ordered({}), "__class__")),
    }[kind]


KINDS = (
    "os.system", "posix.system", "builtins.eval", "__builtin__.eval", "nested", "in the arguments of a tensor",
    "as a storage", "as what is changed", "a name alone", "a dotted name", "torch itself", "a module", "numpy", "getattr",
)  # fmt: skip


@each_format
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_run(form: str, kind: str, tmp_path: Path) -> None:
    runs = _Runs(tmp_path)
    path = written(form, hostile(kind, runs), tmp_path)
    with pytest.raises(InvalidModel, match="nothing of it was run"):
        read_checkpoint(path)
    assert not runs.mark.exists()


def test_the_hostile_files_would_run_elsewhere(tmp_path: Path) -> None:
    runs = _Runs(tmp_path)
    pickle.loads(pickled(hostile("os.system", runs)))
    assert runs.mark.exists()


class _Reduced:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        import os

        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_nor_by_later_protocols(protocol: int, tmp_path: Path) -> None:
    runs = _Runs(tmp_path)
    path = Saved().archive(pickle.dumps({"state_dict": _Reduced(runs.command)}, protocol), tmp_path / "weights.pth")
    with pytest.raises(InvalidModel, match=r"wants posix\.system, which no weights need"):
        read_checkpoint(path)
    assert not runs.mark.exists()


def instructions(*parts: bytes) -> bytes:
    return b"\x80\x02" + b"".join(parts) + b"."


@pytest.mark.parametrize(
    "text, said",
    [
        (instructions(b"(", b"ios\nsystem\n"), "INST"),
        (instructions(b"\x82\x01"), "EXT1"),
        (instructions(b"ccollections\nOrderedDict\n", b")", b"\x81"), "NEWOBJ"),
        (instructions(b"K\x01", b"r\xff\xff\xff\x7f"), "numbers what it remembers"),
        (instructions(b"ccollections\nOrderedDict\n", b"}", b"X\x04\x00\x00\x00_run", b"K\x01", b"s", b"b"), "damaged"),
        (instructions(b"ccollections\nOrderedDict\n", b"N}X\x04\x00\x00\x00_runK\x01s\x86", b"b"), "may only call"),
        (b"\x80\x02]", "damaged"),
        (b"", "damaged"),
        (b"\x80\x02K\x01)R.", "not callable"),
        (b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.", "damaged"),
    ],
)
def test_instructions_that_tensors_do_not_take(text: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match=said):
        read_checkpoint(Saved().archive(text, tmp_path / "weights.pth"))


def storage(count: int = 4, kind: Any = None, **changed: Any) -> Stored:
    told = {
        "what": "storage",
        "kind": kind or Name("torch", "FloatStorage"),
        "key": "0",
        "device": "cpu",
        "count": count,
    }
    return Stored("0", tuple({**told, **changed}.values()))


def shown(where: Any, start: Any, shape: Any, strides: Any) -> Call:
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), (where, start, shape, strides, False, ordered({})))


@pytest.mark.parametrize(
    "value",
    [
        shown(storage(), 0, (5,), (1,)),
        shown(storage(), 4, (1,), (1,)),
        shown(storage(), -1, (1,), (1,)),
        shown(storage(), 0, (2,), (-1,)),
        shown(storage(), 0, (2, 2), (1,)),
        shown(storage(), 0, (1 << 40,), (0,)),
        shown(storage(), 0, (1,) * 9, (1,) * 9),
        shown(storage(), 0.0, (1,), (1,)),
        shown("numbers", 0, (1,), (1,)),
        shown(storage(5), 0, (5,), (1,)),
        shown(storage(1 << 62), 0, (4,), (1,)),
        shown(storage(kind="O"), 0, (4,), (1,)),
        shown(storage(kind=Name("torch", "Size")), 0, (4,), (1,)),
        shown(storage(what="module"), 0, (4,), (1,)),
        shown(storage(key="../../etc/passwd"), 0, (4,), (1,)),
        shown(storage(key=7), 0, (4,), (1,)),
        shown(Stored("0", (*storage().told, ("v", 2, 3))), 0, (3,), (1,)),
        Changed(shown(storage(), 0, (4,), (1,)), {"shape": (1 << 20,)}),
        Changed(shown(storage(), 0, (4,), (1,)), (None, {"shape": (1 << 20,)})),
    ],
)
@each_format
def test_tensors_that_lie_about_their_numbers(form: str, value: Any, tmp_path: Path) -> None:
    saved = Saved()
    saved.tensor(np.arange(4, dtype=np.float32))
    with pytest.raises(InvalidModel, match=r"weights.pth.tar"):
        read_checkpoint(written(form, value, tmp_path, saved))


def test_a_few_lists_cannot_become_a_billion(tmp_path: Path) -> None:
    value: Any = "x"
    for _ in range(200):
        value = [value, value]
    found = read_checkpoint(written("archive", value, tmp_path))
    assert len(found) == 2 and found[0] is found[1]


@each_format
def test_numbers_that_are_shown_again_and_again(form: str, tmp_path: Path) -> None:
    saved = Saved()
    whole = saved.tensor(np.arange(20_000, dtype=np.float32))
    with pytest.raises(InvalidModel, match="larger than the file"):
        read_checkpoint(written(form, [Call(whole.what, whole.arguments) for _ in range(2000)], tmp_path, saved))


def test_lists_that_hold_themselves(tmp_path: Path) -> None:
    value: list[Any] = []
    value.append(value)
    for form in FORMATS:
        with pytest.raises(InvalidModel):
            read_checkpoint(written(form, value, tmp_path))


@each_format
def test_files_that_are_cut_short_or_none(form: str, tmp_path: Path) -> None:
    saved = Saved()
    whole = written(form, {"state_dict": {"a": saved.tensor(np.arange(1000, dtype=np.float32))}}, tmp_path, saved)
    data = whole.read_bytes()
    for length in (0, 1, 2, 10, 60, len(data) // 2, len(data) - 1):
        whole.write_bytes(data[:length])
        with pytest.raises(InvalidModel, match=r"weights.pth.tar is damaged"):
            read_checkpoint(whole)
    with pytest.raises(InvalidModel, match="cannot be read"):
        read_checkpoint(tmp_path / "nothing")


def test_archives_with_something_odd(tmp_path: Path) -> None:
    saved = Saved()
    value = {"a": saved.tensor(np.arange(1000, dtype=np.float32))}
    with pytest.raises(InvalidModel, match="compressed"):
        read_checkpoint(saved.archive(value, tmp_path / "packed.pth", zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(tmp_path / "big.pth", "w") as archive:
        archive.writestr("a/data.pkl", pickled(1))
        archive.writestr("a/byteorder", "big")
    with pytest.raises(InvalidModel, match="highest byte first"):
        read_checkpoint(tmp_path / "big.pth")
    with zipfile.ZipFile(tmp_path / "other.pth", "w") as archive:
        archive.writestr("word/document.xml", "<a/>")
    with pytest.raises(InvalidModel, match="damaged"):
        read_checkpoint(tmp_path / "other.pth")
    (tmp_path / "older.pth").write_bytes(b"storages" + bytes(600))
    with pytest.raises(InvalidModel, match="older than"):
        read_checkpoint(tmp_path / "older.pth")
