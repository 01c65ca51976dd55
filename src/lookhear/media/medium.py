"""Opening a medium: recognise it by its content, check the limits, and hold the one decoder handle."""

from __future__ import annotations

import ctypes
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, NoReturn

import av
import av.error
from av.audio.stream import AudioStream as AvAudio
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as AvVideo

from lookhear.errors import (
    DamagedMedium,
    EmptyMedium,
    InputError,
    LimitExceeded,
    LookhearError,
    MediumUnreadable,
    NotAMedium,
)
from lookhear.media.forms import LARGEST, Picture
from lookhear.media.limits import Limits
from lookhear.media.probe import AudioStream, Probe, VideoStream
from lookhear.media.reader import Digest, SeekableReader
from lookhear.media.source import Named, Source, open_source

_BUFFER = 1 << 18
_UNKNOWN_SIZE = 0x7FFFF000  # bytes: recorders that pipe WAV out write this or more
_RATES = range(1000, 1_000_001)  # Hz; what FFmpeg's resampler takes without absurd filters
_PICTURES = re.compile(r"_pipe$|^(image2|gif|apng|webp|ico|bmp)")
_ANIMATED = {"GIF", "WEBP", "AVIF", "PNG"}  # where several pictures are one that moves
_STILL_BRANDS = {"avif", "avis", "heic", "heix", "heis", "heim", "mif1", "msf1"}
_PICTURE_BRANDS = {b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"}  # those that Pillow opens
_BITMAPS = {bytes([size, 0, 0, 0]) for size in (12, 40, 52, 56, 64, 108, 124)}
_PLAYLISTS = {"hls", "dash", "concat", "ffmetadata", "sdp", "lrc", "srt", "webvtt", "ass", "tty", "bin", "xbin", "adf"}

#: session descriptions would open sockets past io_open; the index for seeking would grow with the length
_OPTIONS = {"protocol_whitelist": "none", "indexmem": str(1 << 18)}
_MOST_AT_ONCE = 1 << 28  # bytes

av.logging.set_level(None)  # decoder chatter goes to nobody's terminal; what matters becomes a warning or an error
with suppress(OSError, AttributeError):  # FFmpeg believes the sizes in headers: a WAV of 200 KB made it fill 1.6 GB
    ctypes.CDLL(av.logging.__file__).av_max_alloc(ctypes.c_size_t(_MOST_AT_ONCE))


class Medium:
    """One opened image, audio or video. A context manager; decoding consumes it."""

    def __init__(self, source: Source, container: InputContainer | None, probe: Probe, limits: Limits) -> None:
        self.name = source.name
        self.probe = probe
        self.limits = limits
        self._source = source
        self._container = container

    @property
    def has_container(self) -> bool:
        """Does PyAV read it? Pillow reads pictures, those that move too."""
        return self._container is not None

    @property
    def container(self) -> InputContainer:
        """PyAV's handle, for the decoders in this package; pictures have none."""
        assert self._container is not None
        return self._container

    @property
    def interrupted(self) -> bool:
        """Did somebody press Ctrl-C while a byte was waited for?"""
        return self._source.reader.interrupted

    @property
    def only_forward(self) -> bool:
        """Is it MP4 or QuickTime that cannot be jumped about in?"""
        return self.probe.container.startswith("mov,") and not isinstance(self._source.reader, SeekableReader)

    def picture(self, side: int | None = LARGEST) -> Picture:
        """The still picture, at most ``side`` pixels long; None: as large as it is.

        Raises DamagedMedium, LimitExceeded, and NotAMedium for a format that has no decoder.
        """
        if self.probe.picture is None:
            raise NotAMedium("There is no decoder for this kind of picture. Convert it to PNG or JPEG.")
        from lookhear.media.picture import decode  # Pillow, which sound does not need

        return decode(self._source.reader, self.limits, side)

    def animation(self) -> Iterator[tuple[VideoFrame, float, float]]:
        """(frame, its time, its length in s) of a picture that moves. Raises as ``picture`` does."""
        from lookhear.media.animation import frames

        return frames(self._source.reader, self.limits)

    def rewind(self) -> None:
        """Make ready to decode once more, from the start. Raises InputError for what can be read only once."""
        reader = self._source.reader
        if not isinstance(reader, SeekableReader):
            raise InputError("It comes through a pipe, and key frames take a second pass. Save it to a file first.")
        if self._container is not None:
            self._container.close()
            reader.seek(0)
            self._container = _open_container(self._source)

    def digest(self) -> Digest:
        """SHA-256 and xxHash64 of all bytes; call it after decoding, so that the file is read once."""
        try:
            return self._source.reader.digest()
        except OSError as error:
            raise MediumUnreadable(f"Reading failed: {error.strerror or error}.") from error

    def close(self) -> None:
        """Free the decoder and the file."""
        if self._container is not None:
            self._container.close()
        self._source.reader.close()

    def __enter__(self) -> Medium:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_medium(named: Named, limits: Limits | None = None, *, audio_track: int | None = None) -> Medium:
    """Open and probe ``named`` (see open_source). ``audio_track``: which sound track, from 0; the default one if None.

    Raises what open_source raises, NotAMedium, DamagedMedium, LimitExceeded, and Unsupported for HEIC without pi-heif.
    """
    limits = limits or Limits()
    source = open_source(named, limits)
    container: InputContainer | None = None
    try:
        if _begins_picture(source):
            source = _held(source, limits)
            probe = _picture_probe(source, limits)
            _check(probe, limits)
            return Medium(source, None, probe, limits)
        container = _open_container(source)
        probe = _probe(container, source, audio_track)
        _check(probe, limits)
        return Medium(source, container, probe, limits)
    except BaseException:
        if container is not None:
            container.close()
        source.reader.close()
        raise


def is_picture(head: bytes) -> bool:
    """Do these first 32 bytes begin a picture that Pillow decodes for us?"""
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")):
        return True
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return True
    if head[4:8] == b"ftyp" and head[8:12] in _PICTURE_BRANDS:
        return True
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return True
    return head.startswith(b"BM") and head[14:18] in _BITMAPS


def _begins_picture(source: Source) -> bool:
    if isinstance(source.reader, SeekableReader):
        return is_picture(source.reader.peek(0, 32))
    source.reader.start_clock()
    try:
        return is_picture(source.reader.head(32))
    finally:
        source.reader.stop_clock()


def _held(source: Source, limits: Limits) -> Source:
    """A picture that comes through a pipe is read to its end: its decoder jumps about."""
    if isinstance(source.reader, SeekableReader):
        return source
    data = b"".join(iter(lambda: source.reader.read(1 << 20), b""))
    source.reader.close()
    return Source(source.name, SeekableReader(io.BytesIO(data), limits), len(data))


def _picture_probe(source: Source, limits: Limits) -> Probe:
    from lookhear.media.picture import describe

    facts = describe(source.reader, limits)
    moves = facts.frames > 1 and facts.format in _ANIMATED
    name = facts.format.lower()
    stream = VideoStream(0, name, facts.width, facts.height, frames=facts.frames if moves else None)
    return Probe(
        kind="video" if moves else "image",
        container=name,
        container_name=facts.format_name,
        size=source.size,
        video=(stream,),
        video_index=0 if moves else None,
        picture=facts,
    )


def _refuse(url: str, *_: Any) -> NoReturn:
    raise NotAMedium("It points to other files or addresses, which Lookhear does not follow. Name those files instead.")


def _open_container(source: Source) -> InputContainer:
    source.reader.start_clock()
    try:
        return av.open(
            source.reader,
            "r",
            options=_OPTIONS,
            metadata_errors="replace",
            buffer_size=_BUFFER,
            io_open=_refuse,
        )
    except LookhearError:
        raise
    except (av.error.InvalidDataError, av.error.EOFError, IndexError, UnicodeDecodeError, ValueError) as error:
        if source.size is None and source.reader.empty:
            raise EmptyMedium("It is empty: not a single byte arrived.") from error
        if isinstance(source.reader, SeekableReader) and source.reader.peek(4, 4) == b"ftyp":
            raise DamagedMedium(
                "It is an MP4 or QuickTime file without its index: it was cut short. Get a fresh copy of the file."
            ) from error
        raise NotAMedium(
            "It is no audio, video or image that can be recognised, whatever its name says. Check the file."
        ) from error
    except av.error.FFmpegError as error:
        raise DamagedMedium(f"Its header is damaged ({error.strerror}). Get a fresh copy of the file.") from error
    except OSError as error:
        raise MediumUnreadable(f"Reading failed: {error.strerror or error}.") from error
    finally:
        source.reader.stop_clock()
        if source.reader.interrupted:
            raise KeyboardInterrupt


def _probe(container: InputContainer, source: Source, audio_track: int | None) -> Probe:
    # a stream of a codec that FFmpeg does not know has no context, whatever the annotations say
    audio = tuple(_audio(stream) for stream in container.streams.audio if _known(stream))
    video = tuple(_video(stream) for stream in container.streams.video if _known(stream))
    duration = _duration(container, source)
    if container.format.name == "wav":
        audio = tuple(replace(stream, duration=duration) for stream in audio)
    index: int | None = None
    if audio_track is not None:
        if not 0 <= audio_track < len(audio):
            raise InputError(f"There is no sound track {audio_track}: it has {len(audio)}, counted from 0.")
        index = audio_track
    elif audio:
        best = container.streams.best("audio")
        usable = [i for i, stream in enumerate(audio) if best is not None and stream.index == best.index]
        index = usable[0] if usable else 0
    moving = _moving(container, video)
    return Probe(
        kind=_kind(container, audio, video),
        container=container.format.name,
        container_name=container.format.long_name,
        duration=duration,
        bit_rate=container.bit_rate or None,
        size=source.size,
        audio=audio,
        video=video,
        tags=_tags(container, None if index is None else audio[index].index),
        chapters=len(container.chapters()),
        audio_index=index,
        video_index=moving,
        start_offset=_offset(container, audio, index, video, moving),
    )


def _moving(container: InputContainer, video: tuple[VideoStream, ...]) -> int | None:
    """Position of the picture track to decode: FFmpeg's choice, but no cover."""
    usable = [i for i, stream in enumerate(video) if not stream.attached_picture]
    best = container.streams.best("video")
    chosen = [i for i in usable if best is not None and video[i].index == best.index]
    return next(iter(chosen or usable), None)


def _offset(
    container: InputContainer,
    audio: tuple[AudioStream, ...],
    sound: int | None,
    video: tuple[VideoStream, ...],
    moving: int | None,
) -> float:
    if sound is None or moving is None:
        return 0.0
    starts = []
    for index in (audio[sound].index, video[moving].index):
        stream = container.streams[index]
        if stream.start_time is None or stream.time_base is None:
            return 0.0
        starts.append(float(stream.start_time * stream.time_base))
    return starts[0] - starts[1]


def _duration(container: InputContainer, source: Source) -> float | None:
    """What the header promises: of a WAV file cut short, FFmpeg tells what is left of it."""
    if not container.duration or container.duration < 0:
        return None
    seconds = container.duration / av.time_base
    if container.format.name == "wav" and source.size and isinstance(source.reader, SeekableReader):
        promised = int.from_bytes(source.reader.peek(4, 4), "little") + 8
        if source.size < promised < _UNKNOWN_SIZE:
            return seconds * promised / source.size
    return seconds


def _kind(container: InputContainer, audio: tuple[AudioStream, ...], video: tuple[VideoStream, ...]) -> str:
    name = container.format.name
    brand = str(container.metadata.get("major_brand", "")).strip()
    moving = [stream for stream in video if not stream.attached_picture]
    if name in _PLAYLISTS or not (audio or moving):
        raise NotAMedium(f"It holds neither sound nor pictures ({container.format.long_name}). Check the file.")
    if moving and not audio and (_PICTURES.search(name) or brand in _STILL_BRANDS):
        return "image"
    return "video" if moving else "audio"


def _known(stream: AvAudio | AvVideo) -> bool:
    context: object = stream.codec_context
    return context is not None


def layout_name(layout: Any) -> str:
    """FFmpeg's name; of channels whose places the file leaves open, what players take them for."""
    name = str(layout.name)
    if name.endswith(" channels"):
        return {1: "mono", 2: "stereo"}.get(layout.nb_channels, name)
    return name


def _audio(stream: AvAudio) -> AudioStream:
    context = stream.codec_context
    return AudioStream(
        index=stream.index,
        codec=context.codec.canonical_name,
        sample_rate=context.sample_rate or 0,
        channels=context.layout.nb_channels if context.layout else 0,
        layout=layout_name(context.layout) if context.layout else "",
        sample_format=context.format.name if context.format else "",
        bits_per_sample=_bits(context),
        bit_rate=stream.bit_rate or None,
        duration=_seconds(stream),
        language=stream.language,
        title=stream.metadata.get("title"),
        profile=stream.profile,
        default=bool(stream.disposition & Disposition.default),
    )


def _video(stream: AvVideo) -> VideoStream:
    context = stream.codec_context
    rate = stream.average_rate
    return VideoStream(
        index=stream.index,
        codec=context.codec.canonical_name,
        width=context.width,
        height=context.height,
        frame_rate=float(rate) if rate else None,
        bit_rate=stream.bit_rate or None,
        duration=_seconds(stream),
        frames=stream.frames or None,
        language=stream.language,
        title=stream.metadata.get("title"),
        profile=stream.profile,
        default=bool(stream.disposition & Disposition.default),
        attached_picture=bool(stream.disposition & Disposition.attached_pic),
    )


def _seconds(stream: AvAudio | AvVideo) -> float | None:
    if not stream.duration or stream.duration < 0 or stream.time_base is None:
        return None
    return float(stream.duration * stream.time_base)


def _bits(context: Any) -> int | None:
    """Depth of the coded samples: from the codec's name, or FLAC's STREAMINFO (RFC 9639, 8.2)."""
    name = context.codec.canonical_name
    if match := re.match(r"pcm_[suf](\d+)", name):
        return int(match.group(1))
    extra = context.extradata or b""
    if name == "flac" and len(extra) >= 14:
        return (((extra[12] & 1) << 4) | (extra[13] >> 4)) + 1
    return None


def _tags(container: InputContainer, stream: int | None) -> dict[str, str]:
    """Container tags, completed by those of the sound track (Ogg and Opus keep them there)."""
    tags: dict[str, str] = {}
    if stream is not None:
        tags.update(container.streams[stream].metadata)
    tags.update(container.metadata)
    return {key.lower(): value for key, value in tags.items()}


def _check(probe: Probe, limits: Limits) -> None:
    streams = len(probe.audio) + len(probe.video)
    if streams > limits.max_media_streams:
        raise LimitExceeded(f"It has {streams} tracks, more than MAX_MEDIA_STREAMS={limits.max_media_streams} allows.")
    if probe.kind != "image" and (probe.duration or 0) > limits.max_media_seconds:
        raise LimitExceeded(
            f"It lasts {probe.duration:.0f} s, more than MAX_MEDIA_SECONDS={limits.max_media_seconds:g} allows."
        )
    moving = probe.moving
    if moving is not None and moving.width * moving.height > limits.max_frame_pixels:
        raise LimitExceeded(
            f"Its frames have {moving.width} x {moving.height} pixels, more than "
            f"MAX_FRAME_PIXELS={limits.max_frame_pixels} allows. Raise it if that is meant to be."
        )
    sound = probe.sound
    if sound is None:
        return
    if sound.channels > limits.max_audio_channels:
        raise LimitExceeded(
            f"Its sound has {sound.channels} channels, more than MAX_AUDIO_CHANNELS={limits.max_audio_channels} allows."
        )
    if sound.channels < 1 or sound.sample_rate not in _RATES:
        raise DamagedMedium(
            f"Its header claims {sound.channels} channels at {sound.sample_rate} Hz, which no sound has. "
            "Get a fresh copy of the file."
        )
