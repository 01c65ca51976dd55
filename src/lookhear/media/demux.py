"""Reading packets: once through the file, for all tracks that are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av.error
from av.packet import Packet

from lookhear.errors import LookhearError, MediumUnreadable
from lookhear.media.medium import Medium


class Demuxer:
    """Iterate once for the packets of ``tracks`` (stream indexes) in the order of the file, each track's end included.

    ``broken_off`` says why reading ended before the end. Raises MediumUnreadable where the file cannot be read.
    """

    def __init__(self, medium: Medium, tracks: tuple[int, ...]) -> None:
        self.broken_off: str | None = None
        self._container = medium.container
        self._tracks = tracks

    def __iter__(self) -> Iterator[Packet[Any]]:
        packets = self._container.demux([self._container.streams[track] for track in self._tracks])
        while True:
            try:
                packet = next(packets, None)
            except LookhearError:
                raise
            except (av.error.FFmpegError, IndexError, ValueError) as error:
                self.broken_off = getattr(error, "strerror", None) or str(error)
                return
            except OSError as error:
                raise MediumUnreadable(f"Reading failed: {error.strerror or error}.") from error
            if packet is None:
                return
            yield packet
