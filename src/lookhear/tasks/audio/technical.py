"""Technical facts of a recording: container, codec, rates, duration, tracks, tags.

Aim: what the file says about itself, corrected by what decoding found.
Reference: FFmpeg's probe; duration and bit rate from the decoded samples where the sound was decoded.
Conventions: seconds, Hz, bit/s; ``resolution``, ``frame_rate`` and ``aspect_ratio`` belong to moving pictures, and are
null without them. The header alone is read when no other task decodes the sound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from lookhear.media.probe import AudioStream, VideoStream
from lookhear.tasks.base import Block, Context, Fold, NoOptions, Task


@dataclass(frozen=True)
class TechnicalResult:
    """Facts of the container, of the sound track that was analysed, and of all tracks."""

    container: str
    container_name: str
    codec: str | None
    duration: float | None  #: s
    bit_rate: int | None  #: bit/s, whole file
    sample_rate: int | None  #: Hz
    audio_channels: int | None
    channel_layout: str | None
    bits_per_sample: int | None  #: null for codecs without a fixed depth
    sample_format: str | None
    lossless: bool | None
    has_audio: bool
    has_cover: bool
    resolution: tuple[int, int] | None = None
    frame_rate: float | None = None
    aspect_ratio: float | None = None
    quality_score: float | None = None  #: 0..1, from the task quality where it runs too
    audio_tracks: tuple[AudioStream, ...] = ()
    video_tracks: tuple[VideoStream, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    damaged_packets: int = 0


_LOSSLESS = {"flac", "alac", "ape", "wavpack", "tta", "tak", "shorten", "mlp", "truehd", "als", "wmalossless"}


class _TechnicalFold:
    def __init__(self, context: Context) -> None:
        self._context = context

    def add(self, block: Block) -> None:
        """Nothing: the facts are in the header."""

    def finish(self) -> TechnicalResult:
        """The facts."""
        probe, heard, sound = self._context.probe, self._context.heard, self._context.probe.sound
        moving = next((stream for stream in probe.video if not stream.attached_picture), None)
        duration = heard.seconds if heard.samples and moving is None else probe.duration
        quality = self._context.results.get("quality")
        return TechnicalResult(
            container=probe.container,
            container_name=probe.container_name,
            codec=sound.codec if sound else None,
            duration=duration,
            bit_rate=_bit_rate(probe.size, duration) or probe.bit_rate,
            sample_rate=sound.sample_rate if sound else None,
            audio_channels=sound.channels if sound else None,
            channel_layout=sound.layout if sound else None,
            bits_per_sample=sound.bits_per_sample if sound else None,
            sample_format=sound.sample_format if sound else None,
            lossless=_lossless(sound.codec) if sound else None,
            has_audio=sound is not None,
            has_cover=any(stream.attached_picture for stream in probe.video),
            resolution=(moving.width, moving.height) if moving else None,
            frame_rate=moving.frame_rate if moving else None,
            aspect_ratio=moving.width / moving.height if moving and moving.height else None,
            quality_score=getattr(quality, "quality_score", None),
            audio_tracks=probe.audio,
            video_tracks=probe.video,
            tags=probe.tags,
            damaged_packets=heard.damaged_packets,
        )


def _bit_rate(size: int | None, duration: float | None) -> int | None:
    return round(size * 8 / duration) if size and duration else None


def _lossless(codec: str) -> bool:
    return codec in _LOSSLESS or (codec.startswith("pcm_") and codec not in {"pcm_mulaw", "pcm_alaw"})


class Technical(Task[NoOptions, TechnicalResult]):
    """Container, codec, rates, duration, tracks, tags."""

    name = "technical"
    version = "1"
    summary = "container, codec, sample rate, bit rate, duration, tracks, tags"
    kinds = frozenset({"audio"})
    after = ("quality",)
    headline: ClassVar[dict[str, str]] = {"length": "duration", "codec": "codec"}
    Result = TechnicalResult

    def start(self, context: Context, options: NoOptions) -> Fold[TechnicalResult]:
        """A fold that waits for what decoding finds."""
        return _TechnicalFold(context)


TASKS = (Technical(),)
