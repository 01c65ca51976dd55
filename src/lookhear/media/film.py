"""Decoding films: every frame once, small for all, and as a picture where one is wanted.

FFmpeg decodes and scales, without the interpreter's lock. Times are those of the stream's own clock, counted from where
the container begins; what broken clocks tell is mended so that time never runs back.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import av.error
from av.codec.context import Flags2
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as AvVideo

from lookhear.errors import InputError
from lookhear.media.clock import Clock
from lookhear.media.forms import Form, Frames, Picture, Sampling
from lookhear.media.medium import Medium
from lookhear.media.planes import relabel
from lookhear.media.sampler import Sampler
from lookhear.media.seen import Seen
from lookhear.media.small import SmallFrames

_HOPELESS = 500  #: packets that fail in a row, with nothing seen yet
_MOST_THREADS = 8  # frames wait for one another: more threads than cores keep all cores busy, and each holds frames
_MOST_DELAYED = 15  # of 16 that FFmpeg has room for
_LATE = frozenset({"mpeg4", "rv30", "rv40"})  # decoders that hand on a frame while they decode the next
_LARGE = 1920 * 1088  # pixels of frames that take much memory
Item = Frames | tuple[Sampling, Picture]


class FilmTrack:
    """Packets (or pictures with times) in; runs of small frames and sampled pictures out. ``seen`` is current."""

    def __init__(self, medium: Medium, forms: frozenset[Form], samplings: Iterable[Sampling] = ()) -> None:
        moving = medium.probe.moving
        if moving is None:
            raise InputError("There is no picture track in it.")
        self.index = moving.index
        self.seen = Seen()
        self._limits = medium.limits
        wanted = Form.FRAMES in forms or Form.MOTION in forms
        self._small = SmallFrames(self.seen, Form.MOTION in forms) if wanted else None
        self._samplers = [Sampler(sampling, medium.probe.duration) for sampling in dict.fromkeys(samplings)]
        self._clock = Clock(moving.frame_rate, self.seen)
        self._failures = 0
        if medium.has_container:
            self._prepare(medium, Form.MOTION in forms)

    def _prepare(self, medium: Medium, motion: bool) -> None:
        stream = medium.container.streams[self.index]
        assert isinstance(stream, AvVideo)
        self._stream = stream
        self._tick = float(stream.time_base or 0)  # s
        stream.thread_type = "AUTO"
        large = stream.codec_context.width * stream.codec_context.height > _LARGE
        threads = (2 if large else 4) * len(os.sched_getaffinity(0))
        stream.codec_context.thread_count = min(threads, _MOST_THREADS)
        if self._small is not None or any(sampler.sampling.at is None for sampler in self._samplers):
            # in frames that no other is predicted from, blocks may show: a tenth of decoding is to smooth them
            stream.codec_context.options["skip_loop_filter"] = "noref"
        if motion:
            self._tell_vectors(stream)
        start = medium.container.start_time
        self._clock.origin = start / av.time_base if start else 0.0
        ratio = float(stream.sample_aspect_ratio or 1)
        self.seen.sample_aspect_ratio = ratio if 0.05 < ratio < 20 else 1.0

    def _tell_vectors(self, stream: AvVideo) -> None:
        """FFmpeg copies the vectors of a frame when it hands it on, be it decoded by then or not: see that it is."""
        context = stream.codec_context
        context.flags2 |= Flags2.export_mvs
        if context.name in _LATE:
            stream.thread_type = "SLICE"
        elif context.name == "h264":
            context.reorder_depth = min(_MOST_DELAYED, context.reorder_depth + context.thread_count)

    def take(self, packet: Packet[Any]) -> Iterator[Item]:
        """What this packet completes."""
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError):
            self.seen.damaged_packets += 1
            self._failures += 1
            return
        yield from self._place(frames, last=not packet.size)

    def _place(self, frames: Iterable[object], last: bool) -> Iterator[Item]:
        """``last``: these are all that the decoder still held, of which it hands on those kept for their order at once."""
        found = [frame for frame in frames if isinstance(frame, VideoFrame)]
        settled = len(found) - (self._stream.codec_context.reorder_depth if last else 0)
        for index, frame in enumerate(found):
            time = frame.time if self._tick else None
            yield from self.show(frame, time, frame.duration * self._tick, index < settled)

    def show(self, frame: VideoFrame, time: float | None, length: float, settled: bool = True) -> Iterator[Item]:
        """Take a decoded frame that is shown from ``time`` (s of the stream's clock, None: unknown) for ``length``.

        ``settled``: it was all decoded before its motion vectors were copied.
        """
        seen = self.seen
        if not seen.frames:
            self._begin(frame)
        elif (frame.width, frame.height) != (seen.width, seen.height):
            seen.changed_format = True
        relabel(frame)
        at = self._clock.place(time, length)
        if at > self._limits.max_media_seconds:
            seen.cut_at_limit = True
            return
        index = seen.frames
        seen.frames += 1
        seen.seconds = self._clock.end
        seen.interlaced += frame.interlaced_frame
        seen.key_frames += frame.key_frame
        seen.corrupt += frame.is_corrupt
        if self._small is not None:
            yield from self._small.add(index, at, frame, settled)
        for sampler in self._samplers:
            if sampler.due(index, at, frame):
                yield sampler.sampling, sampler.picture(index, at, frame, seen)

    def _begin(self, frame: VideoFrame) -> None:
        seen = self.seen
        seen.width, seen.height = frame.width, frame.height
        seen.rotation = round(-frame.rotation / 90) % 4 * 90
        seen.pixel_format = frame.format.name
        seen.bits = max((component.bits for component in frame.format.components), default=8)
        seen.color = {
            "space": int(frame.colorspace),
            "range": int(frame.color_range),
            "transfer": int(frame.color_trc),
            "primaries": int(frame.color_primaries),
        }

    def finish(self) -> Iterator[Item]:
        """There are no more packets: what is left."""
        self.seen.whole = True
        if self._small is not None:
            yield from self._small.finish(self._clock.end)

    def flush(self) -> Iterator[Item]:
        """Reading broke off: the frames that the decoder still holds."""
        try:
            frames = self._stream.decode(None)
        except (av.error.FFmpegError, ValueError):
            return
        yield from self._place(frames, last=True)

    @property
    def over(self) -> bool:
        """Is nothing wanted of the frames to come?"""
        over = bool(self._samplers) and all(one.over(self.seen.frames) for one in self._samplers)
        return over and self._small is None

    @property
    def hopeless(self) -> bool:
        """Have hundreds of packets failed, with nothing seen yet?"""
        return self._failures > _HOPELESS and not self.seen.frames
