"""What is known about a medium before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class AudioStream:
    """One sound track, as its container describes it."""

    index: int
    codec: str
    sample_rate: int  #: Hz
    channels: int
    layout: str  #: FFmpeg's name: "mono", "stereo", "5.1", "7.1", …
    sample_format: str  #: FFmpeg's name: "s16", "fltp", …
    bits_per_sample: int | None = None  #: of the coded samples, where the codec has a fixed depth
    bit_rate: int | None = None  #: bit/s
    duration: float | None = None  #: s
    language: str | None = None
    title: str | None = None
    profile: str | None = None
    default: bool = False


@dataclass(frozen=True)
class VideoStream:
    """One picture track, as its container describes it."""

    index: int
    codec: str
    width: int
    height: int
    frame_rate: float | None = None  #: frames/s, average
    bit_rate: int | None = None
    duration: float | None = None
    frames: int | None = None  #: as the container counts them
    language: str | None = None
    title: str | None = None
    profile: str | None = None
    default: bool = False
    attached_picture: bool = False  #: a cover image inside a music file


@dataclass(frozen=True)
class PictureFacts:
    """What a picture file says of itself, with ``width`` and ``height`` of the upright picture."""

    format: str
    format_name: str
    width: int
    height: int
    mode: str  #: Pillow's: "RGB", "RGBA", "L", "P", "CMYK", …
    bits: int  #: per sample
    alpha: bool
    orientation: int  #: EXIF, 1 = upright
    frames: int
    color_profile: str | None  #: name of the ICC profile
    dpi: float | None
    exif: dict[str, str | float] = field(
        default_factory=dict
    )  #: EXIF's names; latitude, longitude (degrees), altitude (m)


@dataclass(frozen=True)
class Probe:
    """Facts from the container's headers. ``kind`` follows the content, never the file name."""

    kind: str  #: "audio", "image" or "video"
    container: str  #: FFmpeg's short name: "mp3", "flac", "mov,mp4,m4a,3gp,3g2,mj2", …
    container_name: str  #: for people: "MP2/3 (MPEG audio layer 2/3)"
    duration: float | None = None  #: s; None for a live stream, or when the file does not say
    bit_rate: int | None = None  #: bit/s over all streams
    size: int | None = None  #: bytes; None for a pipe or stream
    audio: tuple[AudioStream, ...] = ()
    video: tuple[VideoStream, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)  #: container tags, lower-case keys
    chapters: int = 0
    audio_index: int | None = None  #: which of ``audio`` the sweep decodes (position in the tuple)
    video_index: int | None = None  #: likewise, of ``video``
    picture: PictureFacts | None = None  #: of a picture file that can be decoded, animated or not
    start_offset: float = 0.0  #: s by which the sound begins after the pictures; negative: before them

    @property
    def sound(self) -> AudioStream | None:
        """The sound track the sweep decodes."""
        return None if self.audio_index is None else self.audio[self.audio_index]

    @property
    def moving(self) -> VideoStream | None:
        """The picture track the sweep decodes."""
        return None if self.video_index is None else self.video[self.video_index]
