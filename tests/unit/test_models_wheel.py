"""Files out of wheels, which a real pip fetches from a package index of ours and nobody installs."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookhear.errors import InvalidModel, ModelUnavailable
from lookhear.models.card import ModelFile, Source
from lookhear.models.install import pull
from lookhear.models.store import Store
from support.web import Web, web
from support.weights import card, times

DATA = times()
NAME, VERSION = "lookhear-test-weights", "1.2"
WHEEL = f"lookhear_test_weights-{VERSION}-py3-none-any.whl"


def wheel(files: dict[str, bytes]) -> bytes:
    """A package."""
    info = f"lookhear_test_weights-{VERSION}.dist-info"
    texts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: us\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
        **files,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in texts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Web]:
    """What pip asks instead of the package index of this machine."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    with web() as site:
        monkeypatch.setenv("PIP_INDEX_URL", site.url("/simple"))
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
        monkeypatch.setenv("PIP_RETRIES", "0")
        yield site


def publish(site: Web, data: bytes) -> None:
    digest = hashlib.sha256(data).hexdigest()
    link = f'<a href="/files/{WHEEL}#sha256={digest}">{WHEEL}</a>'
    site.put(f"/simple/{NAME}/", f"<!DOCTYPE html><html><body>{link}</body></html>".encode(), kind="text/html")
    site.put(f"/files/{WHEEL}", data)


def source(path: str = "weights/tiny.onnx", wheel: str = f"{NAME}=={VERSION}") -> Source:
    return Source(wheel=wheel, path=path)


def test_a_file_comes_out_of_a_wheel_that_is_not_installed(index: Web, tmp_path: Path) -> None:
    publish(index, wheel({"weights/tiny.onnx": DATA, "words.txt": b"one"}))
    files = (ModelFile("tiny.onnx", (source(),)), ModelFile("more/words.txt", (source("words.txt"),)))
    one = pull(card(files=files), Store(tmp_path / "store"))
    assert one.file().read_bytes() == DATA and one.file("more/words.txt").read_bytes() == b"one"
    assert sorted(path.name for path in one.folder.iterdir()) == ["card.json", "more", "tiny.onnx"]
    assert [asked.path for asked in index.asked].count(f"/files/{WHEEL}") == 1
    from importlib import metadata

    with pytest.raises(metadata.PackageNotFoundError):
        metadata.distribution(NAME)
    with pytest.raises(ModelUnavailable, match=r"no\.onnx in the wheel .*: there is no such file in it"):
        pull(card(source("no.onnx"), data=DATA, version="2"), Store(tmp_path / "store"))


def test_what_pip_says_is_told(index: Web, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=rf"pip could not fetch it \(No matching distribution .*{NAME}==1\.2"):
        pull(card(source(), data=DATA), Store(tmp_path / "store"))
    assert not [path for path in (tmp_path / "store").rglob("tmp*")]


def test_without_pip_the_way_to_get_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare/bin/python"))
    with pytest.raises(ModelUnavailable, match="pip is missing here, which fetches it: python -m ensurepip"):
        pull(card(source(), data=DATA), Store(tmp_path / "store"))


def test_an_installed_package_is_used_as_it_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(io.BytesIO(wheel({"weights/tiny.onnx": DATA}))) as archive:
        archive.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    one = pull(card(source(), data=DATA), Store(tmp_path / "store"))
    assert one.file().read_bytes() == DATA and not one.file().is_symlink()


def test_an_installed_package_of_another_version_is_not(
    tmp_path: Path, index: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(io.BytesIO(wheel({"weights/tiny.onnx": DATA}))) as archive:
        archive.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(ModelUnavailable, match=r"No matching distribution .*==1\.3"):
        pull(card(source(wheel=f"{NAME}==1.3"), data=DATA), Store(tmp_path / "store"))


def test_another_file_in_the_wheel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(io.BytesIO(wheel({"weights/tiny.onnx": times(9.0)}))) as archive:
        archive.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(InvalidModel, match="its SHA-256 is"):
        pull(card(source(), data=DATA), Store(tmp_path / "store"))


@pytest.mark.parametrize("damaged", [b"no zip at all", wheel({"weights/tiny.onnx": DATA * 99})[:-30]])
def test_a_damaged_wheel_is_told(tmp_path: Path, damaged: bytes) -> None:
    from lookhear.models.fetch import _unpack

    (tmp_path / "a.whl").write_bytes(damaged)
    with pytest.raises(InvalidModel, match="it is damaged"):
        _unpack(tmp_path / "a.whl", "weights/tiny.onnx", tmp_path / "out")
    assert not (tmp_path / "a.whl").exists()
