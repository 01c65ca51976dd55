"""Times of frames that never run back, from a stream's timestamps."""

from __future__ import annotations

from math import isfinite

from lookhear.media.seen import Seen


class Clock:
    """``place`` gives when each frame begins; ``end`` when the latest ends. ``origin``: where the container begins."""

    def __init__(self, rate: float | None, seen: Seen) -> None:
        self.origin = 0.0
        self.end = 0.0
        self._nominal = 1 / rate if rate and 1e-3 < rate < 1e4 else 0.04
        self._seen = seen
        self._shift = 0.0
        self._latest: float | None = None

    def place(self, time: float | None, length: float) -> float:
        """When the frame begins that the stream's clock puts at ``time``, None: nowhere, for ``length``; all in s."""
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
