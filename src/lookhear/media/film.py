"""Decoding films: every frame once, small for all, and as a picture where one is wanted.

FFmpeg decodes and scales, without the interpreter's lock. Times are those of the stream's own clock, counted from where
the container begins; what broken clocks tell is mended so that time never runs back.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import av.error
import numpy as np
from av.codec.context import Flags2
from av.packet import Packet
from av.sidedata.motionvectors import MotionVectors
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream as AvVideo
from numpy.typing import NDArray

from lookhear.errors import InputError
from lookhear.media.forms import Form, Frames, Picture, Sampling
from lookhear.media.medium import Medium

BATCH = 32
_AREA = 128 * 72  # pixels of a small frame, about
_CROP = (480, 640)
_HOPELESS = 500  #: packets that fail in a row, with nothing seen yet
_HD = 720  # lines from which colours that are not labelled are taken for BT.709, as players do
_UNSPECIFIED = 2  # of ISO/IEC 23091-2
_MOST_THREADS = 8
_MOST_VECTORS = 400  # of a frame
Item = Frames | tuple[Sampling, Picture]


@dataclass
class Seen:
    """What decoding has come upon so far."""

    frames: int = 0
    seconds: float = 0.0  #: when the last frame ends
    first: float = 0.0  #: s, when the first begins
    width: int = 0  #: as stored
    height: int = 0
    rotation: int = 0  #: degrees clockwise that make it upright: 0, 90, 180 or 270
    sample_aspect_ratio: float = 1.0
    pixel_format: str = ""
    bits: int = 8
    color: dict[str, int] = field(default_factory=dict)  #: code points of ISO/IEC 23091-2
    interlaced: int = 0  #: frames that say they are
    key_frames: int = 0
    corrupt: int = 0  #: frames that the decoder patched up
    shortest: float = 0.0  #: s between neighbouring frames
    longest: float = 0.0
    damaged_packets: int = 0
    broken_off: str | None = None  #: why reading ended before the end
    ran_back: int = 0  #: times at which the clock jumped back
    changed_format: bool = False
    cut_at_limit: bool = False
    whole: bool = False  #: all was decoded, or as much of it as can be; not just the first frame

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as it is to be shown: upright, with square pixels."""
        width, height = max(1, round(self.width * self.sample_aspect_ratio)), self.height
        return (height, width) if self.rotation % 180 else (width, height)


class FilmTrack:
    """Packets (or pictures with times) in; runs of small frames and sampled pictures out. ``seen`` is current."""

    def __init__(self, medium: Medium, forms: frozenset[Form], samplings: Iterable[Sampling] = ()) -> None:
        moving = medium.probe.moving
        if moving is None:
            raise InputError("There is no picture track in it.")
        self.index = moving.index
        self.seen = Seen()
        self._limits = medium.limits
        self._small = Form.FRAMES in forms or Form.MOTION in forms
        self._samplers = [_Sampler(sampling, medium.probe.duration) for sampling in dict.fromkeys(samplings)]
        self._run = _Run(Form.MOTION in forms)
        self._clock = _Clock(moving.frame_rate, self.seen)
        self._failures = 0
        if medium.has_container:
            self._prepare(medium, Form.MOTION in forms)

    def _prepare(self, medium: Medium, motion: bool) -> None:
        stream = medium.container.streams[self.index]
        assert isinstance(stream, AvVideo)
        self._stream = stream
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = min(2 * len(os.sched_getaffinity(0)), _MOST_THREADS)
        if motion:
            stream.codec_context.flags2 |= Flags2.export_mvs
        start = medium.container.start_time
        self._clock.origin = start / av.time_base if start else 0.0
        ratio = float(stream.sample_aspect_ratio or 1)
        self.seen.sample_aspect_ratio = ratio if 0.05 < ratio < 20 else 1.0

    def take(self, packet: Packet[Any]) -> Iterator[Item]:
        """What this packet completes."""
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError):
            self.seen.damaged_packets += 1
            self._failures += 1
            return
        for frame in frames:
            if isinstance(frame, VideoFrame):
                yield from self._place(frame)

    def _place(self, frame: VideoFrame) -> Iterator[Item]:
        base = frame.time_base
        known = frame.pts is not None and base is not None
        length = float(frame.duration * base) if base is not None and frame.duration else 0.0
        yield from self.show(frame, float(frame.pts * base) if known else None, length)  # type: ignore[operator]

    def show(self, frame: VideoFrame, time: float | None, length: float) -> Iterator[Item]:
        """Take a decoded frame that is shown from ``time`` (s of the stream's clock, None: unknown) for ``length``."""
        seen = self.seen
        if not seen.frames:
            self._begin(frame)
        elif (frame.width, frame.height) != (seen.width, seen.height):
            seen.changed_format = True
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
        if self._small:
            yield from self._run.add(index, at, frame, self._reduce(frame), seen)
        for sampler in self._samplers:
            if sampler.due(index, at):
                yield sampler.sampling, Picture(self._upright(sampler.convert(frame, seen)), False, index, at)

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
        width, height = seen.size
        if seen.rotation % 180:
            width, height = height, width
        scale = (_AREA / (width * height)) ** 0.5
        self._size = max(8, round(width * scale)), max(8, round(height * scale))
        self._reformatter = VideoReformatter()

    def _reduce(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """(3, height, width), upright."""
        small = self._reformatter.reformat(
            frame,
            *self._size,
            "yuv444p",
            interpolation=Interpolation.AREA,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        width, height = self._size
        planes = [np.frombuffer(plane, np.uint8).reshape(height, -1)[:, :width] for plane in small.planes]  # type: ignore[call-overload]
        return np.rot90(np.stack(planes), -self.seen.rotation // 90, axes=(1, 2))

    def _upright(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        turned = np.ascontiguousarray(np.rot90(pixels, -self.seen.rotation // 90))
        turned.flags.writeable = False
        return turned

    def finish(self) -> Iterator[Item]:
        """There are no more packets: what is left."""
        self.seen.whole = True
        yield from self._run.finish(self._clock.end)

    def flush(self) -> Iterator[Item]:
        """Reading broke off: the frames that the decoder still holds."""
        try:
            frames = self._stream.decode(None)
        except (av.error.FFmpegError, ValueError):
            return
        for frame in frames:
            yield from self._place(frame)

    @property
    def over(self) -> bool:
        """Is nothing wanted of the frames to come?"""
        return not self._small and bool(self._samplers) and all(one.over(self.seen.frames) for one in self._samplers)

    @property
    def hopeless(self) -> bool:
        """Have hundreds of packets failed, with nothing seen yet?"""
        return self._failures > _HOPELESS and not self.seen.frames


class _Clock:
    """Times that never run back, from a stream's timestamps."""

    def __init__(self, rate: float | None, seen: Seen) -> None:
        self.origin = 0.0
        self.end = 0.0  #: when the latest frame ends
        self._nominal = 1 / rate if rate and 1e-3 < rate < 1e4 else 0.04
        self._seen = seen
        self._shift = 0.0
        self._latest: float | None = None

    def place(self, time: float | None, length: float) -> float:
        """When the frame begins."""
        at = self.end if time is None or not isfinite(time) else time - self.origin + self._shift
        if self._latest is None:
            if at < 0:
                self._shift, at = -at, 0.0
            self._seen.first = at
        elif at < self._latest:
            if at < self._latest - self._nominal:  # not a frame out of order: the clock itself was set back
                self._seen.ran_back += 1
                self._shift += self.end - at
                at = self.end
            else:
                at = self._latest
        if self._latest is not None:
            gap = at - self._latest
            self._seen.longest = max(self._seen.longest, gap)
            self._seen.shortest = gap if self._seen.frames == 1 else min(self._seen.shortest, gap)
        self._latest = at
        self.end = at + (length if 0 < length < 3600 else self._nominal)
        return at


class _Sampler:
    """Picks frames and turns them into RGB."""

    def __init__(self, sampling: Sampling, duration: float | None) -> None:
        self.sampling = sampling
        self._every = max(sampling.seconds, 1e-3)
        if sampling.most and duration:
            self._every = max(self._every, duration / sampling.most)
        self._due = 0
        self._chosen = frozenset(sampling.at or ())
        self._last = max(sampling.at) if sampling.at else None
        self._reformatter = VideoReformatter()

    def over(self, index: int) -> bool:
        """Is none of the frames from this one on wanted?"""
        return self._last is not None and index > self._last

    def due(self, index: int, time: float) -> bool:
        """Is this frame one of those wanted?"""
        if self.sampling.at is not None:
            return index in self._chosen
        if self.sampling.frames is not None:
            return index % self.sampling.frames == 0
        if time < self._due * self._every - 1e-6:
            return False
        self._due = int((time + 1e-6) // self._every) + 1
        return True

    def convert(self, frame: VideoFrame, seen: Seen) -> NDArray[np.uint8]:
        """(height, width, 3) as stored: not yet turned."""
        hd = frame.height >= _HD and frame.colorspace == _UNSPECIFIED
        side = self.sampling.side
        width, height = frame.width, frame.height
        if side is not None:
            width = max(1, round(width * seen.sample_aspect_ratio))
            scale = min(1.0, side / max(width, height))
            width, height = max(1, round(width * scale)), max(1, round(height * scale))
        rgb: NDArray[np.uint8] = self._reformatter.reformat(
            frame,
            width,
            height,
            "rgb24",
            src_colorspace=Colorspace.ITU709 if hd else None,
            interpolation=Interpolation.AREA,
            threads=1,
        ).to_ndarray()  # type: ignore[assignment]
        if side is not None:
            return rgb
        top, left = max(0, (height - _CROP[0]) // 2), max(0, (width - _CROP[1]) // 2)
        return np.asarray(rgb[top : top + _CROP[0], left : left + _CROP[1]])


class _Run:
    """Collects small frames until a batch is full; the last waits for the next, which tells how long it is shown."""

    def __init__(self, motion: bool) -> None:
        self._start = 0
        self._times: list[float] = []
        self._frames: list[NDArray[np.uint8]] = []
        self._motion: list[NDArray[np.float32]] | None = [] if motion else None
        self._anchor: float | None = None  # s, of the latest frame that others are predicted from

    def add(self, index: int, time: float, frame: VideoFrame, small: NDArray[np.uint8], seen: Seen) -> Iterator[Frames]:
        """Take a frame; a full batch where it begins another."""
        if len(self._frames) == BATCH:
            yield self._batch(time)
            self._start = index
        self._times.append(time)
        self._frames.append(small)
        if self._motion is not None:
            self._motion.append(self._vectors(frame, time, seen))

    def finish(self, end: float) -> Iterator[Frames]:
        """The rest."""
        if self._frames:
            yield self._batch(end)

    def _batch(self, end: float) -> Frames:
        times = np.array(self._times)
        yuv = np.stack(self._frames)
        yuv.flags.writeable = False
        motion = None if self._motion is None else np.stack(self._motion)
        seconds = np.diff(times, append=max(end, self._times[-1]))
        self._times, self._frames = [], []
        if self._motion is not None:
            self._motion = []
        return Frames(self._start, times, seconds, yuv, motion)

    def _vectors(self, frame: VideoFrame, time: float, seen: Seen) -> NDArray[np.float32]:
        """Of P frames, which point back to the latest I or P frame; how far B frames point is not told.

        They are about the frame as stored: turned upright here, with square pixels.
        """
        unknown = np.full(4, np.nan, np.float32)
        if frame.pict_type == PictureType.B:
            return unknown
        anchor, self._anchor = self._anchor, time
        if frame.pict_type != PictureType.P or anchor is None or time <= anchor:
            return unknown
        # one of our own: the frame's would refer to it, and keep it until garbage is collected
        found = SideDataContainer(frame).get("MOTION_VECTORS")  # type: ignore[call-arg]
        if not isinstance(found, MotionVectors):
            return unknown
        vectors = found.to_ndarray()
        stride = 1 + len(vectors) // _MOST_VECTORS  # they come row by row: every so many of them say as much
        vectors = vectors[::stride][vectors["source"][::stride] < 0]
        if not len(vectors):
            return np.array([0, 0, 0, 0], np.float32)
        scale = -1 / (vectors["motion_scale"].astype(np.float32) * np.float32(seen.size[0] * (time - anchor)))
        across, down = vectors["motion_x"] * scale * np.float32(seen.sample_aspect_ratio), vectors["motion_y"] * scale
        for _ in range(seen.rotation // 90):
            across, down = -down, across
        area = vectors["w"].astype(np.float32) * vectors["h"]
        total = float(area.sum())
        mean = float((np.hypot(across, down) * area).sum()) / total
        share = min(1.0, stride * total / (frame.width * frame.height))
        return np.array([np.median(across), np.median(down), mean, share], np.float32)
