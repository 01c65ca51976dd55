"""Files of torch.save, read without PyTorch and without running anything they say.

Reference: the formats of torch/serialization.py: the archive of 1.6 and later, and the sequence of pickles before it. A
pickle is a program that may call whatever it names; before any of it runs, all of its instructions are looked at, and of
names only those that tensors are made of are known: each stands for a function of ours that takes numbers and nothing
else. Whatever else is in there makes the file be refused.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookhear.errors import InvalidModel

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_LARGEST = 8 << 20  # bytes of a pickle, without the numbers of its tensors
_SHARED = 4  # times the size of the file that all tensors may take together
_KINDS = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip
_HARMLESS = frozenset({
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET",
    "LONG_BINGET", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT",
    "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "LIST", "APPEND", "APPENDS",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "BINPERSID", "REDUCE", "BUILD", "GLOBAL", "STACK_GLOBAL",
})  # fmt: skip


class _Storage(NamedTuple):  # a tuple, since pickles can change the fields of everything else
    """Numbers in a row, of which tensors show parts. ``length`` of them, from ``start`` on."""

    key: str
    kind: str
    length: int
    start: int = 0


class _Tensor(NamedTuple):
    """Some of these numbers; strides count numbers."""

    storage: _Storage
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Known:
    """A function that a pickle may call, and nothing else may be done to."""

    __slots__ = ("_run",)
    _run: Callable[..., Any]

    def __init__(self, run: Callable[..., Any]) -> None:
        object.__setattr__(self, "_run", run)

    def __call__(self, *arguments: Any) -> Any:
        return self._run(*arguments)

    def __setattr__(self, name: str, value: Any) -> None:
        raise pickle.UnpicklingError("it changes what it may only call")


def read_checkpoint(path: Path) -> Any:
    """What was saved, with arrays in place of tensors. Raises InvalidModel for anything but plain values and tensors."""
    try:
        if zipfile.is_zipfile(path):
            return _archive(path)
        with path.open("rb") as file:
            return _sequence(file, path.stat().st_size)
    except InvalidModel:
        raise
    except OSError as error:
        raise InvalidModel(f"{path.name} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # what is broken on purpose breaks in any way
        raise InvalidModel(f"{path.name} is damaged, or was not written by torch.save ({error}).") from error


def _archive(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        (main,) = (name for name in entries if name.endswith("/data.pkl") or name == "data.pkl")
        folder = main.removesuffix("data.pkl")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
            raise pickle.UnpicklingError("its parts are compressed, which PyTorch never does")
        if f"{folder}byteorder" in entries and archive.read(f"{folder}byteorder") != b"little":
            raise pickle.UnpicklingError("its numbers have their highest byte first")
        if entries[main].file_size > _LARGEST:
            raise pickle.UnpicklingError("it is too large for weights")
        saved = _load(io.BytesIO(archive.read(main)))
        return _Arrays(lambda key: archive.read(f"{folder}data/{key}"), path.stat().st_size).of(saved)


def _sequence(file: IO[bytes], size: int) -> Any:
    """Marks, system, what was saved, the keys of its storages, then these."""
    if file.read(2) != b"\x80\x02":
        raise pickle.UnpicklingError("it does not begin as one; files older than PyTorch 0.1.10 cannot be read")
    file.seek(0)
    if _load(file) != _MAGIC or _load(file) != _PROTOCOL or not _load(file)["little_endian"]:
        raise pickle.UnpicklingError("its marks are others")
    saved, keys, raw = _load(file), _load(file), {}
    sizes = {one.key: np.dtype(one.kind).itemsize for one in _storages(saved, {})}
    for key in keys:
        count = int.from_bytes(file.read(8), "little")
        length = count * sizes.get(key, size)
        if length > size - file.tell():
            raise pickle.UnpicklingError("it breaks off")
        raw[key] = file.read(length)
    return _Arrays(raw.__getitem__, size).of(saved)


def _load(file: IO[bytes]) -> Any:
    """The next pickle of the file, once all of it was found to be harmless."""
    begin = file.tell()
    text = file.read(_LARGEST)
    end = _check(text)
    file.seek(begin + end)
    return _Unpickler(io.BytesIO(text[:end]), encoding="latin1").load()


def _check(text: bytes) -> int:
    """How long it is. Raises UnpicklingError for instructions that no tensor takes."""
    for step, (code, argument, place) in enumerate(pickletools.genops(text)):
        if code.name not in _HARMLESS:
            raise pickle.UnpicklingError(f"it holds the instruction {code.name}, which tensors do not take")
        if code.name == "GLOBAL":
            _check_name(*str(argument).split(" ", 1))
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > step:
            raise pickle.UnpicklingError("it numbers what it remembers as no pickle does")
        if code.name == "STOP":
            return int(place or 0) + 1
    raise pickle.UnpicklingError("it does not end")


def _check_name(module: str, name: str) -> None:
    if (module, name) not in _NAMES:
        raise pickle.UnpicklingError(f"it wants {module}.{name}, which no weights need; nothing of it was run")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        _check_name(module, name)
        return _NAMES[module, name]

    def persistent_load(self, told: Any) -> _Storage:
        """('storage', its kind, key, device, how many numbers), and of old ones the part of them that is meant."""
        what, kind, key, _, count, *rest = told
        start = 0
        if rest and rest[0] is not None:
            _, start, count = rest[0]
        if what != "storage" or kind not in _KINDS.values() or not (isinstance(key, str) and _is_count(count)):
            raise pickle.UnpicklingError("it refers to something else than numbers")
        return _Storage(key, kind, count, start if _is_count(start) else sys.maxsize)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= sys.maxsize


def _tensor(storage: Any, start: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    shape, strides = tuple(shape), tuple(strides)
    if not isinstance(storage, _Storage) or not all(map(_is_count, (start, *shape, *strides))) or len(shape) > 8:
        raise pickle.UnpicklingError("it holds a tensor of no shape")
    last = start + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if math.prod(shape) and (last >= storage.length or math.prod(shape) > storage.length):
        raise pickle.UnpicklingError("it holds a tensor that is larger than its numbers")
    return _Tensor(storage, start, shape, strides)


def _parameter(data: Any, *_: Any) -> Any:
    return data


_NAMES: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Known(OrderedDict),
    ("torch._utils", "_rebuild_tensor"): _Known(_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): _Known(_tensor),
    ("torch._utils", "_rebuild_parameter"): _Known(_parameter),
    ("torch", "Size"): _Known(tuple),
    **{(module, name): kind for module in ("torch", "torch.cuda") for name, kind in _KINDS.items()},
}


def _storages(value: Any, seen: dict[int, Any]) -> list[_Storage]:
    """All that its tensors show, without those in ``seen``, which grows."""
    if isinstance(value, _Tensor):
        return [value.storage]
    if id(value) in seen:
        return []
    seen[id(value)] = value
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return [storage for part in parts for storage in _storages(part, seen)]


class _Arrays:
    """Makes arrays of tensors. ``raw`` gives the bytes of a storage, ``size`` how many the file has in all."""

    def __init__(self, raw: Callable[[str], bytes], size: int) -> None:
        self._raw = raw
        self._left = _SHARED * size  # bytes that may still be read and made
        self._read: dict[str, bytes] = {}
        self._done: dict[int, tuple[Any, Any]] = {}  # what is there twice stays so: a few lists can hold a billion

    def of(self, value: Any) -> Any:
        """With an array for each tensor."""
        if id(value) in self._done:
            return self._done[id(value)][1]
        made = self._made(value)
        self._done[id(value)] = (value, made)
        return made

    def _made(self, value: Any) -> Any:
        if isinstance(value, _Tensor):
            return self._array(value)
        if isinstance(value, Mapping):
            return {key: self.of(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.of(part) for part in value]
        return value

    def _array(self, tensor: _Tensor) -> NDArray[Any]:
        storage, kind = tensor.storage, np.dtype(tensor.storage.kind)
        if storage.key not in self._read:
            self._read[storage.key] = self._raw(storage.key)
            self._spend(len(self._read[storage.key]))
        self._spend(math.prod(tensor.shape) * kind.itemsize)
        numbers = np.frombuffer(self._read[storage.key], kind)[storage.start :][: storage.length]
        if len(numbers) < storage.length:
            raise pickle.UnpicklingError("it breaks off")
        strides = tuple(stride * kind.itemsize for stride in tensor.strides)
        return np.lib.stride_tricks.as_strided(numbers[tensor.start :], tensor.shape, strides, writeable=False).copy()

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise pickle.UnpicklingError("its tensors are larger than the file")
