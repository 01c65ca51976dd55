"""How much a medium may ask of us before it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds checked while opening and decoding; each is a setting of the same name."""

    max_media_bytes: int = 8 * 2**30
    max_media_seconds: float = 24 * 3600.0
    max_media_streams: int = 64
    max_audio_channels: int = 32
    max_image_pixels: int = 80_000_000  #: width times height, by the header
    max_frame_pixels: int = 40_000_000  #: width times height of a film, by the header
    media_open_seconds: float = 8.0  #: time to recognise a file, or to get the first bytes of a stream
    allow_urls: bool = False
    allow_private_urls: bool = False  #: URLs that resolve to loopback, private or link-local addresses
    object_prefixes: str = ""  #: s3://bucket/prefix, parted by commas: objects that requests may name
