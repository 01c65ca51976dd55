"""Writes files as torch.save does, without PyTorch, and such as it never does."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


@dataclass(frozen=True)
class Name:
    """What a pickle looks up."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """What a pickle calls."""

    what: Name
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Changed:
    """A value that is changed once it is made, by the instruction BUILD."""

    value: Any
    state: Any


@dataclass(frozen=True)
class Stored:
    """What tensors refer to."""

    key: str
    told: Any


class Writer(pickle._Pickler):
    """Names, calls and changes as plain instructions."""

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Stored) and save_persistent_id:
            self.save(obj.told)
            self.write(pickle.BINPERSID)
        elif isinstance(obj, Name):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, Call):
            self.save(obj.what)
            self.save(obj.arguments)
            self.write(pickle.REDUCE)
        elif isinstance(obj, Changed):
            self.save(obj.value)
            self.save(obj.state)
            self.write(pickle.BUILD)
        else:
            super().save(obj, save_persistent_id)


def pickled(value: Any, protocol: int = 2) -> bytes:
    out = io.BytesIO()
    Writer(out, protocol).dump(value)
    return out.getvalue()


class Saved:
    """Tensors and their numbers, as PyTorch 0.2 under Python 2 kept them (on a GPU), or a later one."""

    def __init__(self, *, cuda: bool = False) -> None:
        self.raw: dict[str, tuple[bytes, int]] = {}
        self._module = "torch.cuda" if cuda else "torch"
        self._view = (None,) if cuda else ()
        self._rebuild = Name("torch._utils", "_rebuild_tensor" if cuda else "_rebuild_tensor_v2")

    def tensor(self, array: np.ndarray) -> Call:
        key, array = str(len(self.raw)), np.array(array, "<f4", order="C")
        self.raw[key] = (array.tobytes(), array.size)
        storage = Stored(key, ("storage", Name(self._module, "FloatStorage"), key, "cuda:0", array.size, *self._view))
        strides = tuple(stride // array.itemsize for stride in array.strides)
        return Call(self._rebuild, (storage, 0, array.shape, strides, *(() if self._view else (False, ordered({})))))

    def sequence(self, value: Any, path: Path) -> Path:
        """Before PyTorch 1.6."""
        system = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
        parts = [pickled(part) for part in (MAGIC, PROTOCOL, system, value, sorted(self.raw))]
        numbers = [struct.pack("<q", count) + raw for _, (raw, count) in sorted(self.raw.items())]
        path.write_bytes(b"".join([*parts, *numbers]))
        return path

    def archive(self, value: Any, path: Path, compression: int = zipfile.ZIP_STORED) -> Path:
        """Since PyTorch 1.6."""
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr("archive/data.pkl", value if isinstance(value, bytes) else pickled(value))
            archive.writestr("archive/byteorder", "little")
            for key, (raw, _) in self.raw.items():
                archive.writestr(f"archive/data/{key}", raw)
        return path


def ordered(values: Mapping[str, Any]) -> Any:
    """An OrderedDict, made as Python 2 did: by a call with pairs."""
    return Call(Name("collections", "OrderedDict"), ([[key, value] for key, value in values.items()],))
