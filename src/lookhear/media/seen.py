"""What decoding a picture track has come upon."""

from __future__ import annotations

from dataclasses import dataclass, field


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
