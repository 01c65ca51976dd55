"""Files made byte by byte, where encoders would not make them, and file objects that misbehave."""

from __future__ import annotations

import io
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np


def id3(*frames: tuple[bytes, bytes]) -> bytes:
    """An ID3v2.3 tag of raw frames, to stand before MP3 frames."""
    body = b"".join(name + struct.pack(">IH", len(data), 0) + data for name, data in frames)
    return b"ID3\x03\x00\x00" + bytes((len(body) >> shift) & 0x7F for shift in (21, 14, 7, 0)) + body


def jpeg() -> bytes:
    """A small picture."""
    context = av.VideoCodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt, context.time_base = 64, 48, "yuvj420p", Fraction(1, 25)
    pixels = np.arange(64 * 48 * 3, dtype=np.uint8).reshape(48, 64, 3)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuvj420p")
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def wav_of_unknown_length(samples: bytes, rate: int = 8000) -> bytes:
    """What a recorder pipes out: 16-bit mono, with both lengths at their greatest."""
    form = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16)
    return b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + form + b"data\xff\xff\xff\xff" + samples


class Odd(io.RawIOBase):
    """A file object that gives ``data`` in pieces of ``piece`` bytes, then ``failure`` if there is one."""

    def __init__(self, data: bytes, piece: int, *, seekable: bool = False, failure: Exception | None = None) -> None:
        self._data = io.BytesIO(data)
        self._piece, self._seekable, self._failure = piece, seekable, failure

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._seekable

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._data.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        data = self._data.read(self._piece if size < 0 else min(size, self._piece))
        if not data and self._failure is not None:
            raise self._failure
        return data


@contextmanager
def endless(chunk: bytes, first: bytes = b"") -> Iterator[BinaryIO]:
    """The reading end of a pipe into which ``first`` is written, then ``chunk`` for ever; empty chunk: then nothing."""
    reading, writing = os.pipe()

    def write() -> None:
        with suppress(OSError):
            os.write(writing, first)
            while chunk:
                os.write(writing, chunk)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with os.fdopen(reading, "rb") as pipe:
            yield pipe
    finally:
        writer.join()
        os.close(writing)
