"""What is kept of every frame of a film to find fades in it: 4 bytes, and 36 more where there may be one."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.growing import Growing
from lookhear.dsp.shots import Signals

Floats = NDArray[np.float32]
Gist = NDArray[np.uint8]


class Traces:
    """``add`` the signals of successive runs of frames. Frames that are ``flat`` show next to nothing."""

    FLAT: ClassVar = 7.0  #: levels: luma that spreads more shows something
    PLAIN: ClassVar = 2.0  #: levels: neighbouring pixels that differ more do too
    REACH: ClassVar = 260  #: frames on either side of a flat one whose gist is kept

    def __init__(self) -> None:
        self._spread, self._detail = Growing(np.float16), Growing(np.float16)  # to a two-thousandth: enough
        self._kept: list[tuple[int, Gist]] = []  # (first frame, (n, 3, 12)), in order
        self._recent: deque[tuple[int, Gist]] = deque()
        self._flat = -self.REACH - 1  # the latest flat frame

    def add(self, signals: Signals) -> None:
        """The next frames."""
        first = len(self)
        self._spread.add(signals.spread)
        self._detail.add(signals.detail)
        cells = signals.cells.reshape(len(signals), 3, 3, 3, 4, 4)
        gist = cells.mean(axis=(3, 5)).reshape(len(signals), 3, 12).astype(np.uint8)
        self._recent.append((first, gist))
        flat = np.flatnonzero((signals.spread < self.FLAT) & (signals.detail < self.PLAIN))
        if len(flat):
            self._keep(first + int(flat[0]))
            self._flat = first + int(flat[-1])
        elif first - self._flat <= self.REACH:
            self._keep(first)
        while self._recent and first - self._recent[0][0] - len(self._recent[0][1]) > self.REACH:
            self._recent.popleft()

    def _keep(self, frame: int) -> None:
        """What lies within reach before this frame, and all after it."""
        self._kept += [(first, gist) for first, gist in self._recent if frame - first - len(gist) < self.REACH]
        self._recent.clear()

    def __len__(self) -> int:
        return len(self._spread)

    @property
    def spread(self) -> Floats:
        """(n,) as in Signals."""
        return np.asarray(self._spread.values, np.float32)

    @property
    def detail(self) -> Floats:
        """(n,) as in Signals."""
        return np.asarray(self.details, np.float32)

    @property
    def details(self) -> NDArray[np.float16]:
        """The same, as they are kept."""
        return self._detail.values

    def gist(self, frame: int) -> Gist:
        """(3, 12) means of luma and chromas in a dozen parts; of frames within reach of a flat one."""
        first, gist = self._kept[bisect_right(self._kept, frame, key=lambda run: run[0]) - 1]
        return np.asarray(gist[frame - first])
