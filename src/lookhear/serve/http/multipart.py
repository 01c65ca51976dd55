"""A multipart body as it comes in: files go straight to the spool, fields stay small. Knows no server.

What a file is called decides nothing: a part is a file if the form names it so, whatever it says of itself. Files that
no one asked for are read past.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from lookhear.errors import BadUpload, LimitExceeded
from lookhear.serve.http.parts import Spool, Writing

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_OVERHEAD = 1 << 16  # bytes of boundaries and headers
_LONGEST_NAME = 255
_PLAIN = {b"", b"binary", b"8bit", b"7bit"}


@dataclass(frozen=True)
class Form:
    """What a body may hold. ``files``: parts that are files, and how many of each at most; ``max_bytes`` of one."""

    files: Mapping[str, int]
    max_bytes: int
    setting: str = "MAX_UPLOAD_BYTES"  #: that ``max_bytes`` is from
    max_parts: int = 64  #: all together
    max_field_bytes: int = 1 << 16

    @property
    def max_body(self) -> int:
        """Bytes of the whole body."""
        others = self.max_parts * (self.max_field_bytes + 4096)
        return sum(self.files.values()) * self.max_bytes + others + _OVERHEAD


@dataclass(frozen=True)
class Upload:
    """A file in the spool. ``filename`` and ``content_type`` are what the sender claims."""

    path: Path
    filename: str
    content_type: str
    size: int
    sha256: str
    xxh64: str


@dataclass(frozen=True)
class Uploads:
    """What came. ``unknown``: names of files that nobody asked for."""

    files: Mapping[str, tuple[Upload, ...]] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)  #: of two of the same name the last
    unknown: tuple[str, ...] = ()

    def file(self, name: str) -> Upload:
        """The first of that name."""
        return self.files[name][0]


@dataclass
class _Part:
    """One that is being read. ``headers`` by lower-case name."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    filename: str | None = None
    size: int = 0
    writing: Writing | None = None  #: a file that is wanted
    value: bytearray | None = None  #: a field


class Reader:
    """Takes the body in pieces of any size. ``finish`` or ``close`` it."""

    def __init__(self, content_type: str, form: Form, spool: Spool) -> None:
        self._form, self._spool = form, spool
        self._parser = MultipartParser(_boundary(content_type), self._callbacks())
        self._part, self._open = _Part(), ExitStack()
        self._header, self._value = bytearray(), bytearray()
        self._files: dict[str, list[Upload]] = {}
        self._fields: dict[str, str] = {}
        self._unknown: list[str] = []
        self._parts, self._size, self._ended = 0, 0, False

    def feed(self, data: bytes) -> None:
        """Take the next piece. Raises BadUpload, LimitExceeded, and what the spool raises."""
        self._size += len(data)
        if self._size > self._form.max_body:
            raise too_large(self._form)
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise BadUpload(f"The body is no multipart/form-data as its header says: {error}.") from error

    def finish(self) -> Uploads:
        """All that came. Raises BadUpload if the body breaks off."""
        if not self._ended:
            raise BadUpload("The body breaks off before its last boundary. Send all of it.")
        files = {name: tuple(uploads) for name, uploads in self._files.items()}
        return Uploads(files, self._fields, tuple(self._unknown))

    @property
    def ended(self) -> bool:
        """Has the last boundary come? Then nothing is left to ``close``."""
        return self._ended

    def close(self) -> None:
        """Leave nothing half-written."""
        self._open.close()

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header,
            "on_header_value": self._on_value,
            "on_header_end": self._header_done,
            "on_headers_finished": self._start,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._all,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > self._form.max_parts:
            raise LimitExceeded(f"The body has more than the {self._form.max_parts} parts allowed.")
        self._part = _Part()

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_done(self) -> None:
        self._part.headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _start(self) -> None:
        part = self._part
        _, said = parse_options_header(part.headers.get(b"content-disposition"))
        if b"name" not in said:
            raise BadUpload("A part of the body has no name in its Content-Disposition.")
        if part.headers.get(b"content-transfer-encoding", b"").strip().lower() not in _PLAIN:
            raise BadUpload("A part of the body is encoded. Send the bytes as they are.")
        part.name = _text(said[b"name"])
        part.filename = bare_name(_text(said[b"filename"])) if b"filename" in said else None
        if part.name in self._form.files:
            self._start_file(part)
        elif part.filename is None:
            part.value = bytearray()
        else:
            self._unknown.append(part.name)

    def _start_file(self, part: _Part) -> None:
        most = self._form.files[part.name]
        if len(self._files.get(part.name, ())) >= most:
            raise LimitExceeded(f"There are more than the {most} parts '{part.name}' allowed.")
        part.writing = self._open.enter_context(self._spool.writing(part.filename or part.name))

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        part.size += end - start
        if part.value is not None:
            if part.size > self._form.max_field_bytes:
                raise LimitExceeded(
                    f"The field '{_short(part.name)}' has more than the {self._form.max_field_bytes} bytes allowed."
                )
            part.value += data[start:end]
        elif part.writing is not None:
            if part.size > self._form.max_bytes:
                raise too_large(self._form)
            part.writing.write(data[start:end])

    def _end(self) -> None:
        part = self._part
        if part.value is not None:
            self._fields[part.name] = _text(bytes(part.value))
        if part.writing is None:
            return
        if part.size or part.filename:  # else a browser's form where no file was chosen
            kept = part.writing.done()
            kind = part.headers.get(b"content-type", b"application/octet-stream").decode("latin-1")
            one = Upload(kept.path, part.filename or "", kind, kept.size, kept.sha256, kept.xxh64)
            self._files.setdefault(part.name, []).append(one)
        self._open.close()

    def _all(self) -> None:
        self._ended = True


def bare_name(claimed: str) -> str:
    """The last step of a path as some systems send it, without what could confuse a log or a disk."""
    last = claimed.replace("\\", "/").rpartition("/")[2]
    return "".join(letter if letter.isprintable() else "_" for letter in last)[:_LONGEST_NAME]


def too_large(form: Form) -> LimitExceeded:
    """The refusal of a body or a file over the limit."""
    return LimitExceeded(
        f"The upload is larger than the {form.max_bytes} bytes allowed. Raise {form.setting} if that is meant to be."
    )


def _boundary(content_type: str) -> bytes:
    kind, said = parse_options_header(content_type)
    boundary = said.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise BadUpload("The Content-Type must be multipart/form-data with a boundary.")
    if len(boundary) > 70:
        raise BadUpload("The boundary is longer than the 70 characters that it may have.")
    return boundary


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _short(name: str) -> str:
    return bare_name(name)[:40]
