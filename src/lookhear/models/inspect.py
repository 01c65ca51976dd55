"""What is looked at before a model counts: is it whole, is it safe to read, is it what its card says?"""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
from pathlib import Path

from lookhear.errors import InvalidModel
from lookhear.models.card import Card
from lookhear.models.disk import sha256_of
from lookhear.models.store import Installed

_HEAD = 1 << 13  # bytes that are looked at
_PICKLE = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))


def is_pickle(path: Path) -> bool:
    """Would reading it run what it says? Python pickles, and archives of PyTorch that hold one."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if path.suffix == ".safetensors" and head[8:9] == b"{":
        return False  # what lies before is a length, which may look like the mark of a pickle
    if head.startswith(_PICKLE):
        return True
    if head.startswith(b"PK") and b".pkl" in head:
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return _is_old_pickle(head)


def _is_old_pickle(head: bytes) -> bool:
    """Protocol 0 and 1 have no mark: such a file begins with opcodes that build a container, and goes on in opcodes."""
    if not head.startswith((b"(", b"]", b"}", b"c")):
        return False
    stream, count = io.BytesIO(head), 0
    try:
        for code, told, _ in pickletools.genops(stream):
            if code.name == "GLOBAL" and not re.fullmatch(r"[\w.]+ [\w.]+", str(told)):
                return False
            count += 1
    except Exception:  # whatever its readers of arguments stumble over
        return count > 1 and len(head) == _HEAD and stream.tell() == len(head)
    return count > 1


def check_files(card: Card, folder: Path) -> None:
    """All kept files are there, not empty, and no pickles. Raises InvalidModel."""
    for file in card.kept:
        path = folder / file.name
        if not path.is_file():
            raise InvalidModel(f"{card.id} lacks its file {file.name}. Get it again: lookhear models pull {card.id}")
        if path.stat().st_size == 0:
            raise InvalidModel(f"The file {file.name} of {card.id} is empty.")
        if is_pickle(path):
            raise InvalidModel(
                f"The file {file.name} of {card.id} is a Python pickle, which can run anything when read; it is refused. "
                "Convert it to ONNX or safetensors."
            )


def check_sums(one: Installed) -> None:
    """Every file is, byte for byte, what was installed. Raises InvalidModel."""
    check_files(one.card, one.folder)
    for file in one.card.kept:
        if file.sha256 is not None and sha256_of(one.folder / file.name) != file.sha256:
            raise InvalidModel(
                f"The file {file.name} of {one.card.id} has changed on the disk. "
                f"Get it again: lookhear models pull --force {one.card.id}"
            )
