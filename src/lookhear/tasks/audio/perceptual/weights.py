"""Channel weights of loudness: 1.41 (+1.5 dB) for surround channels, 0 for LFE, 1 for all else (ITU-R BS.1770-4)."""

from __future__ import annotations

import av

_SURROUND = frozenset({"BL", "BR", "BC", "SL", "SR", "SDL", "SDR", "TBL", "TBC", "TBR"})
_EFFECTS = frozenset({"LFE", "LFE2"})


def channel_weights(layout: str, channels: int) -> tuple[float, ...]:
    """One weight per channel, by the channel names of FFmpeg's ``layout``; all 1 where the layout names none.

    As FFmpeg's ebur128 does, every channel at the side or behind counts as surround.
    """
    try:
        names = [channel.name for channel in av.AudioLayout(layout).channels]
    except ValueError:
        names = []
    if len(names) != channels:
        return (1.0,) * channels
    return tuple(0.0 if name in _EFFECTS else 1.41 if name in _SURROUND else 1.0 for name in names)
