"""Technical facts of a film: container, codecs, size, exact frame rate, rotation, colour, high dynamic range, tracks.

Aim: what the file says about itself, corrected by what decoding found.
Reference: FFmpeg's probe; code points of colour from ISO/IEC 23091-2 (H.273); high dynamic range is what its transfer
function says: "PQ" (SMPTE ST 2084, as in HDR10) or "HLG" (ARIB STD-B67).
Conventions: seconds, bit/s, frames/s; ``resolution`` and ``aspect_ratio`` of the upright picture with square pixels, as a
player shows it; ``stored`` as it is in the file. When no other task decodes the frames, one is decoded, and what only the
whole film tells (variable frame rate, damage) is null.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from lookhear.media.probe import AudioStream, VideoStream
from lookhear.tasks.base import Block, Context, Fold, NoOptions, Seen, Task

_JITTER = 0.0025  # s by which frames may be off in containers that count milliseconds
_PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020",
              10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213"}  # fmt: skip
_TRANSFER = {1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear", 11: "iec61966-2-4",
             13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084", 17: "smpte428",
             18: "arib-std-b67"}  # fmt: skip
_SPACE = {0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc",
          10: "bt2020c", 14: "ictcp"}  # fmt: skip
_RANGE = {1: "tv", 2: "pc"}
_HDR = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True)
class FilmTechnical:
    """Facts of the container, of the tracks that were analysed, and of all tracks. Null where nobody says."""

    container: str
    container_name: str
    codec: str | None
    duration: float | None  #: s
    bit_rate: int | None  #: bit/s, whole file
    resolution: tuple[int, int] | None = None  #: (width, height) as shown
    stored: tuple[int, int] | None = None  #: as coded, before rotation and stretching
    aspect_ratio: float | None = None  #: width over height, as shown
    pixel_aspect_ratio: float | None = None
    rotation: int | None = None  #: degrees clockwise that a player turns it by
    frame_rate: float | None = None  #: frames/s, mean
    frame_rate_exact: str | None = None  #: as a fraction, where it is constant: "24000/1001"
    variable_frame_rate: bool | None = None
    frames: int | None = None
    key_frames: int | None = None
    profile: str | None = None
    pixel_format: str | None = None
    bits_per_sample: int | None = None
    color_primaries: str | None = None
    color_transfer: str | None = None
    color_space: str | None = None
    color_range: str | None = None  #: "tv" (16 to 235) or "pc"
    hdr: str | None = None  #: "PQ", "HLG", or null for standard range
    interlaced: bool | None = None  #: as most frames are labelled; the task quality looks for itself
    has_audio: bool = False
    audio_codec: str | None = None
    sample_rate: int | None = None  #: Hz
    audio_channels: int | None = None
    audio_offset: float | None = None  #: s by which the sound begins after the pictures
    has_cover: bool = False
    chapters: int = 0
    quality_score: float | None = None  #: 0..1, from the task quality where it runs too
    damaged_packets: int = 0
    audio_tracks: tuple[AudioStream, ...] = ()
    video_tracks: tuple[VideoStream, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)


class _TechnicalFold:
    def __init__(self, context: Context) -> None:
        self._context = context

    def add(self, block: Block) -> None:
        """Nothing: the facts are in the header and the first frame."""

    def finish(self) -> FilmTechnical:
        """The facts."""
        probe, seen, sound = self._context.probe, self._context.seen, self._context.probe.sound
        moving = probe.moving
        whole = seen.whole and seen.frames > 0
        duration = max(seen.seconds, self._context.heard.seconds) if whole else probe.duration
        rate = moving.frame_rate if moving else None
        variable = _variable(seen) if whole else None
        if seen.frames > 1 and (variable or (rate is None and whole)):
            rate = seen.frames / max(1e-9, seen.seconds - seen.first)
        width, height = seen.size
        color = seen.color if seen.frames else {}
        return FilmTechnical(
            container=probe.container,
            container_name=probe.container_name,
            codec=moving.codec if moving else None,
            duration=duration,
            bit_rate=round(probe.size * 8 / duration) if probe.size and duration else probe.bit_rate,
            resolution=(width, height) if seen.frames else None,
            stored=(seen.width, seen.height) if seen.frames else None,
            aspect_ratio=width / height if seen.frames else None,
            pixel_aspect_ratio=seen.sample_aspect_ratio if seen.frames else None,
            rotation=seen.rotation if seen.frames else None,
            frame_rate=rate,
            frame_rate_exact=_exact(rate) if rate and not variable else None,
            variable_frame_rate=variable,
            frames=seen.frames if whole else moving.frames if moving else None,
            key_frames=seen.key_frames if whole else None,
            profile=moving.profile if moving else None,
            pixel_format=seen.pixel_format or None,
            bits_per_sample=seen.bits if seen.frames else None,
            color_primaries=_PRIMARIES.get(color.get("primaries", 2)),
            color_transfer=_TRANSFER.get(color.get("transfer", 2)),
            color_space=_SPACE.get(color.get("space", 2)),
            color_range=_RANGE.get(color.get("range", 0)),
            hdr=_HDR.get(color.get("transfer", 2)),
            interlaced=2 * seen.interlaced > seen.frames if seen.frames else None,
            has_audio=sound is not None,
            audio_codec=sound.codec if sound else None,
            sample_rate=sound.sample_rate if sound else None,
            audio_channels=sound.channels if sound else None,
            audio_offset=round(probe.start_offset, 6) if sound else None,
            has_cover=any(stream.attached_picture for stream in probe.video),
            chapters=probe.chapters,
            quality_score=getattr(self._context.results.get("quality"), "quality_score", None),
            damaged_packets=seen.damaged_packets + self._context.heard.damaged_packets,
            audio_tracks=probe.audio,
            video_tracks=probe.video,
            tags=probe.tags,
        )


def _variable(seen: Seen) -> bool | None:
    return seen.longest - seen.shortest > max(_JITTER, 0.02 * seen.shortest) if seen.frames > 2 else None


def _exact(rate: float) -> str:
    return str(Fraction(rate).limit_denominator(1001))


class FilmTechnicalTask(Task[NoOptions, FilmTechnical]):
    """Container, codecs, size, frame rate, rotation, colour, tracks."""

    name = "technical"
    version = "1"
    summary = "container, codecs, resolution, exact frame rate, rotation, colour and HDR, tracks, tags"
    kinds = frozenset({"video"})
    after = ("quality",)
    headline: ClassVar[dict[str, str]] = {"length": "duration", "size": "resolution", "codec": "codec"}
    Result = FilmTechnical

    def start(self, context: Context, options: NoOptions) -> Fold[FilmTechnical]:
        """A fold that waits for what decoding finds."""
        return _TechnicalFold(context)


TASKS = (FilmTechnicalTask(),)
