"""Decoding sound: one decode, one filter graph that makes every form asked for.

The graph works on runs of several seconds, so its cost is that of the arithmetic. FFmpeg works without the GIL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import av
import av.error
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.filter import Graph
from av.filter.context import FilterContext
from av.packet import Packet

from lookhear.errors import InputError
from lookhear.media.forms import FloatArray, Form, Samples
from lookhear.media.medium import Medium, layout_name

BLOCK_SECONDS = 3.0
_RATES = {Form.MONO_22K: 22050, Form.MONO_16K: 16000}
_LOUDEST = np.float32(64.0)  # +36 dBFS: float files hold stray values beyond any sound
_HOPELESS = 500  #: packets that fail in a row, with nothing heard yet


@dataclass
class Heard:
    """What decoding has come upon so far."""

    samples: int = 0  #: per channel, at ``sample_rate``
    sample_rate: int = 0
    channels: int = 0
    layout: str = ""
    damaged_packets: int = 0
    broken_off: str | None = None  #: why reading ended before the end
    changed_format: bool = False
    wild_samples: bool = False  #: NaN, infinite or absurdly large values were replaced
    cut_at_limit: bool = False

    @property
    def seconds(self) -> float:
        """Length of the sound that was decoded."""
        return self.samples / self.sample_rate if self.sample_rate else 0.0


class SoundTrack:
    """Packets in, (form, samples) out, in order; ``heard`` is current throughout."""

    def __init__(self, medium: Medium, forms: frozenset[Form], block_seconds: float = BLOCK_SECONDS) -> None:
        if medium.probe.sound is None:
            raise InputError("There is no sound track in it.")
        self.index = medium.probe.sound.index
        self.heard = Heard()
        self._limit = medium.limits.max_media_seconds
        self._forms = tuple(form for form in Form if form in forms)
        self._seconds = block_seconds
        self._starts = dict.fromkeys(self._forms, 0)
        self._graph: _Graph | None = None
        self._failures = 0

    def take(self, packet: Packet[Any]) -> Iterator[tuple[Form, Samples]]:
        """What this packet completes."""
        for frame in self._frames(packet):
            if self._graph is None or not self._graph.fits(frame):
                yield from self._rebuild(frame)
                assert self._graph is not None
            if self._graph.push(frame):
                yield from self._drain()
                self.heard.cut_at_limit = self.heard.seconds > self._limit

    def finish(self) -> Iterator[tuple[Form, Samples]]:
        """There are no more packets: what is left."""
        if self._graph is not None:
            self._graph.end()
            yield from self._drain()
            self._graph = None

    @property
    def hopeless(self) -> bool:
        """Have hundreds of packets failed, with nothing heard yet?"""
        return self._failures > _HOPELESS and self._graph is None

    def _frames(self, packet: Packet[Any]) -> list[AudioFrame]:
        """Decoded frames; damaged packets are counted."""
        try:
            frames: Sequence[object] = packet.decode()
        except (av.error.FFmpegError, ValueError):
            self.heard.damaged_packets += 1
            self._failures += 1
            return []
        return [frame for frame in frames if isinstance(frame, AudioFrame) and frame.samples]

    def _rebuild(self, frame: AudioFrame) -> Iterator[tuple[Form, Samples]]:
        if self._graph is not None:
            self.heard.changed_format = True
            yield from self.finish()
        else:
            self.heard.sample_rate, self.heard.layout = frame.sample_rate, layout_name(frame.layout)
            self.heard.channels = frame.layout.nb_channels
        self._graph = _Graph(frame, self._forms, self.heard, self._seconds)

    def _drain(self) -> Iterator[tuple[Form, Samples]]:
        assert self._graph is not None
        self.heard.samples = self._graph.base + self._graph.pushed * self.heard.sample_rate // self._graph.rate
        for form, data in self._graph.pull():
            start = self._starts[form]
            self._starts[form] += data.shape[-1]
            yield form, Samples(start, _RATES.get(form, self.heard.sample_rate), self._tame(data))

    def _tame(self, data: FloatArray) -> FloatArray:
        """No NaN, no infinity, nothing absurd reaches a task."""
        top, bottom = data.max(), data.min()
        if not (top <= _LOUDEST and bottom >= -_LOUDEST):  # also true of NaN
            self.heard.wild_samples = True
            data = np.clip(np.nan_to_num(data, nan=0.0, posinf=0.0, neginf=0.0), -1.0, 1.0)
        data.flags.writeable = False
        return data


class _Graph:
    """FFmpeg filters from frames of one format to the forms."""

    def __init__(self, frame: AudioFrame, forms: tuple[Form, ...], heard: Heard, seconds: float) -> None:
        self._key = (frame.format.name, frame.layout.name, frame.sample_rate)
        self.rate = frame.sample_rate
        self.base, self.pushed = heard.samples, 0
        self._block = max(1024, round(seconds * frame.sample_rate))
        self._fifo = AudioFifo()  # cheaper than a push per frame
        self._passed = 0
        self._graph = Graph()
        source = self._graph.add(
            "abuffer",
            sample_rate=str(frame.sample_rate),
            sample_fmt=frame.format.name,
            channel_layout=frame.layout.name,
            time_base=f"1/{frame.sample_rate}",
        )
        blocks = self._chain(source, [("aformat", "sample_fmts=fltp")])
        split = self._chain(blocks, [("asplit", str(len(forms)))]) if len(forms) > 1 else blocks
        self._source = source
        self._sinks: list[tuple[Form, FilterContext]] = []
        for pad, form in enumerate(forms):
            filters = [*_filters(form, frame, heard), ("abuffersink", "")]
            self._sinks.append((form, self._chain(split, filters, pad)))
        self._graph.configure()

    def _chain(self, head: FilterContext, filters: list[tuple[str, str]], pad: int = 0) -> FilterContext:
        for name, arguments in filters:
            following = self._graph.add(name, arguments) if arguments else self._graph.add(name)
            head.link_to(following, pad, 0)
            head, pad = following, 0
        return head

    def fits(self, frame: AudioFrame) -> bool:
        """Is this frame of the format the graph was built for?"""
        return self._key == (frame.format.name, frame.layout.name, frame.sample_rate)

    def push(self, frame: AudioFrame) -> bool:
        """Feed a frame. Has it filled a block, so that there is something to pull?"""
        frame.pts = None
        self._fifo.write(frame)
        self.pushed += frame.samples
        if self.pushed - self._passed < self._block:
            return False
        while self._fifo.samples >= self._block:
            self._pass(self._block)
        return True

    def end(self) -> None:
        """There are no more frames: what is left becomes ready."""
        if self._fifo.samples:
            self._pass(self._fifo.samples)
        self._source.push(None)

    def _pass(self, samples: int) -> None:
        run = self._fifo.read(samples)
        assert run is not None
        run.pts = self._passed  # our own clock: broken timestamps must not reach the filters
        self._passed += samples
        self._source.push(run)

    def pull(self) -> Iterator[tuple[Form, FloatArray]]:
        """All that the graph has ready."""
        for form, sink in self._sinks:
            while True:
                try:
                    frame = sink.pull()
                except (av.error.BlockingIOError, av.error.EOFError):
                    break
                assert isinstance(frame, AudioFrame)
                if frame.samples:
                    data: FloatArray = np.asarray(frame.to_ndarray(), np.float32)
                    if form is not Form.NATIVE:
                        yield form, data[0]
                    elif frame.format.is_planar:
                        yield form, data
                    else:
                        yield form, np.ascontiguousarray(data.reshape(-1, frame.layout.nb_channels).T)


def _filters(form: Form, frame: AudioFrame, heard: Heard) -> list[tuple[str, str]]:
    if form is Form.NATIVE:
        # PyAV 18 reads past the planes of a planar frame of eight channels or more: let those come interleaved
        kind = "fltp" if heard.channels < 8 else "flt"
        if (frame.sample_rate, layout_name(frame.layout)) == (heard.sample_rate, heard.layout):
            return [] if kind == "fltp" else [("aformat", "sample_fmts=flt")]
        return [
            ("aresample", str(heard.sample_rate)),
            ("aformat", f"sample_fmts={kind}:channel_layouts={heard.layout}"),
        ]
    channels = frame.layout.nb_channels
    mean = "+".join(f"{1 / channels:.9f}*c{i}" for i in range(channels))
    chain = [] if channels == 1 else [("pan", f"mono|c0={mean}")]
    return [*chain, ("aresample", str(_RATES[form])), ("aformat", "sample_fmts=fltp")]
