"""Models in one file: all that goes in comes out elsewhere, and a file that lies changes nothing."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lookhear.errors import InvalidModel, StoreUnwritable
from lookhear.models.bundle import is_bundle, read_bundle, write_bundle
from lookhear.models.card import ModelFile, Source
from lookhear.models.inspect import check_sums
from lookhear.models.install import pull
from lookhear.models.store import Installed, Store
from support.weights import card, install, times


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two models; one has several files, one of them in a folder of its own."""
    found = Store(tmp_path / "store")
    install(found, tmp_path, labels=("a", "b"), aliases=("other.pt",), metrics={"mAP": 1.5}, facts={"size": [1, 2]})
    (tmp_path / "words.txt").write_text("one\ntwo\n")
    (tmp_path / "other.onnx").write_bytes(times(3.0))
    names = {"tiny.onnx": "other.onnx", "more/words.txt": "words.txt"}
    files = tuple(ModelFile(name, (Source(file=str(tmp_path / path)),)) for name, path in names.items())
    pull(card(name="several", version="2.0", files=files), found)
    return found


@pytest.fixture
def bundle(store: Store, tmp_path: Path) -> Path:
    write_bundle(list(store.all().values()), tmp_path / "models.tar")
    return tmp_path / "models.tar"


@pytest.fixture
def there(tmp_path: Path) -> Store:
    return Store(tmp_path / "there")


def clean(store: Store) -> bool:
    """Is nothing installed, nor anything left behind?"""
    left = [path for path in store.folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return store.fresh() == {} and left == []


def test_what_was_bundled_is_installed_elsewhere_as_it_was(store: Store, bundle: Path, there: Store) -> None:
    assert is_bundle(bundle)
    found = read_bundle(bundle, there)
    assert [one.card for one in found] == [one.card for one in store.all().values()]
    assert {one.sha256 for one in found} == {one.sha256 for one in store.all().values()}
    for one in found:
        check_sums(one)
        assert there.active(one.card.name) == one
    several = there.all()["several@2.0"]
    assert several.file("more/words.txt").read_text() == "one\ntwo\n"


def test_a_bundle_may_be_squeezed_by_other_tools(bundle: Path, there: Store) -> None:
    squeezed = bundle.with_suffix(".tar.gz")
    squeezed.write_bytes(gzip.compress(bundle.read_bytes()))
    assert is_bundle(squeezed) and len(read_bundle(squeezed, there)) == 2


def test_a_bundle_over_a_model_that_is_there_replaces_it(bundle: Path, there: Store, tmp_path: Path) -> None:
    own = install(there, tmp_path, times(9.0))
    found = {one.card.id: one for one in read_bundle(bundle, there)}
    assert found["tiny@1"].sha256 != own.sha256 and there.active("tiny") == found["tiny@1"]


@pytest.mark.parametrize("name", ["text", "tar", "none", "folder"])
def test_what_is_no_bundle_is_told_apart(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "text":
        path.write_text("no bundle")
    elif name == "folder":
        path.mkdir()
    elif name == "tar":
        with tarfile.open(path, "w") as archive:
            archive.addfile(tarfile.TarInfo("a"))
    assert not is_bundle(path)


def test_a_bundle_that_is_cut_anywhere_installs_no_half_model(bundle: Path, there: Store) -> None:
    data = bundle.read_bytes()
    for part in range(1, 20):
        bundle.write_bytes(data[: len(data) * part // 20])
        try:
            read_bundle(bundle, there)
        except InvalidModel as error:
            assert "damaged or cut short" in error.message and str(bundle) in error.message
        for one in there.fresh().values():
            check_sums(one)
        assert not [path for path in (there.folder / "staging").rglob("*") if path.is_file()]


def test_a_squeezed_bundle_that_is_cut_or_damaged_is_told(bundle: Path, there: Store) -> None:
    data = gzip.compress(bundle.read_bytes())
    for damaged in (data[: len(data) // 2], data[:300] + bytes(60) + data[360:]):
        bundle.write_bytes(damaged)
        with pytest.raises(InvalidModel, match="damaged or cut short"):
            read_bundle(bundle, there)


def test_a_flipped_byte_is_found(bundle: Path, there: Store) -> None:
    data, weights = bytearray(bundle.read_bytes()), times()
    data[data.index(weights) + len(weights) - 1] ^= 1
    bundle.write_bytes(data)
    with pytest.raises(InvalidModel, match=r"damaged: tiny\.onnx of tiny@1 is not what was put in"):
        read_bundle(bundle, there)
    assert "tiny@1" not in there.fresh()


def forged(path: Path, head: Any, *members: tuple[str | tarfile.TarInfo, Any]) -> Path:
    """A bundle with these members; what is no bytes is written as JSON."""
    with tarfile.open(path, "w") as archive:
        for name, value in (("lookhear-models.json", head), *members):
            entry = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            if entry.isreg():
                entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def head(*ids: str) -> dict[str, Any]:
    return {"format": 1, "models": list(ids)}


def told(**facts: Any) -> dict[str, Any]:
    """A card as bundles hold it."""
    return json.loads(json.dumps(dataclasses.asdict(card(data=times()) if not facts else card(data=times(), **facts))))  # type: ignore[no-any-return]


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


@pytest.mark.parametrize(
    "facts",
    [
        {"name": "../../victim"},
        {"name": ".."},
        {"version": "../../../victim"},
        {"version": "/victim"},
        {"version": ".."},
        {"name": "a b"},
        {"files": (ModelFile("../../victim/file", sha256="0" * 64),)},
        {"files": (ModelFile("/victim/file", sha256="0" * 64),)},
        {"files": (ModelFile("card.json", sha256="0" * 64),)},
    ],
    ids=str,
)
def test_no_name_in_a_bundle_leads_out_of_the_store(tmp_path: Path, there: Store, facts: dict[str, Any]) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_text("precious")
    (tmp_path / "victim@1").mkdir()
    (tmp_path / "victim@1" / "file").write_text("precious")
    evil = card(data=times(), **facts)
    members = [(f"{evil.id}/{file.name}", times()) for file in evil.files]
    path = forged(tmp_path / "evil.tar", head(evil.id), (f"{evil.id}/card.json", told(**facts)), *members)
    with pytest.raises(InvalidModel):
        read_bundle(path, there)
    assert (victim / "file").read_text() == "precious" and (tmp_path / "victim@1" / "file").read_text() == "precious"
    assert clean(there)


FORGERIES: dict[str, Callable[[Path], Path]] = {
    "links out": lambda path: forged(
        path,
        head("tiny@1"),
        ("tiny@1/card.json", told()),
        (link("tiny@1/tiny.onnx", "/etc/hostname", tarfile.SYMTYPE), b""),
    ),
    "hard links out": lambda path: forged(
        path,
        head("tiny@1"),
        ("tiny@1/card.json", told()),
        (link("tiny@1/tiny.onnx", "../../etc/hostname", tarfile.LNKTYPE), b""),
    ),
    "links to itself": lambda path: forged(
        path,
        head("tiny@1"),
        ("tiny@1/card.json", told()),
        (link("tiny@1/tiny.onnx", "tiny.onnx", tarfile.SYMTYPE), b""),
    ),
    "a device": lambda path: forged(
        path, head("tiny@1"), ("tiny@1/card.json", told()), (link("tiny@1/tiny.onnx", "", tarfile.CHRTYPE), b"")
    ),
    "a folder as head": lambda path: _with_folder_as_head(path),
    "another format": lambda path: forged(path, {"format": 2, "models": []}),
    "no models": lambda path: forged(path, {"format": 1}),
    "models in words": lambda path: forged(path, {"format": 1, "models": "tiny@1"}),
    "a list as head": lambda path: forged(path, [1]),
    "a head that is no JSON": lambda path: forged(path, b"{"),
    "a card that lacks": lambda path: forged(path, head("tiny@1")),
    "a card that is a list": lambda path: forged(path, head("tiny@1"), ("tiny@1/card.json", [1])),
    "a card of the future": lambda path: forged(path, head("tiny@1"), ("tiny@1/card.json", told() | {"colour": 1})),
    "a card of another": lambda path: forged(path, head("big@1"), ("big@1/card.json", told())),
    "a file that lacks": lambda path: forged(path, head("tiny@1"), ("tiny@1/card.json", told())),
    "another file": lambda path: forged(
        path, head("tiny@1"), ("tiny@1/card.json", told()), ("tiny@1/tiny.onnx", times(7.0))
    ),
    "files of unknown sums": lambda path: forged(
        path,
        head("tiny@1"),
        ("tiny@1/card.json", told(files=(ModelFile("tiny.onnx"),))),
        ("tiny@1/tiny.onnx", times()),
    ),
}


def _with_folder_as_head(path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("lookhear-models.json")
        entry.type = tarfile.DIRTYPE
        archive.addfile(entry)
    return path


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_forged_bundles_are_refused_and_leave_nothing(
    tmp_path: Path, there: Store, forge: Callable[[Path], Path]
) -> None:
    path = forge(tmp_path / "forged.tar")
    assert is_bundle(path)
    with pytest.raises(InvalidModel, match=r"forged\.tar is "):
        read_bundle(path, there)
    assert clean(there)


def test_other_members_are_left_alone(tmp_path: Path, there: Store) -> None:
    evil = [("../../victim", b"evil"), ("/tmp/victim-of-lookhear", b"evil"), ("tiny@1/../../x", b"evil")]
    members = [("tiny@1/card.json", told()), ("tiny@1/tiny.onnx", times()), *evil]
    (one,) = read_bundle(forged(tmp_path / "a.tar", head("tiny@1"), *members), there)
    assert sorted(path.name for path in one.folder.iterdir()) == ["card.json", "tiny.onnx"]
    assert not (tmp_path / "victim").exists() and not Path("/tmp/victim-of-lookhear").exists()


def test_a_card_that_wants_something_built_builds_nothing(tmp_path: Path, there: Store) -> None:
    members = [("tiny@1/card.json", told(build="os")), ("tiny@1/tiny.onnx", times())]
    (one,) = read_bundle(forged(tmp_path / "a.tar", head("tiny@1"), *members), there)
    assert isinstance(one, Installed) and one.card.build is None


def test_a_bundle_that_cannot_be_written_is_told_and_leaves_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "none" / "a.tar", tmp_path / "file" / "a.tar"):
        with pytest.raises(StoreUnwritable, match=r"Writing to .* failed: .*choose another --out"):
            write_bundle(list(store.all().values()), out)
    assert not list(tmp_path.rglob("*.new"))
