"""Mains hum over a stream: steady lines at 50 or 60 Hz and their harmonics.

Method: the mean of the channels is decimated to between 1 and 2 kHz with a cubic B-spline (four boxcars), and cut into
windows of 4096. A hum is in every window, a note is not: so each bin is judged by the power that four fifths of the
windows exceed. A line counts when it stands 12 dB above the median of its surroundings; hum is two or more lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.quality_units import FloatArray

_WINDOW = 4096
_SEGMENTS = 4  # of the decimation filter
_MOST = 128  # windows kept; then every other one, and so on
_LEAST = 4  # windows: below, a long note could be a hum
_PROMINENT = 12.0  # dB
_LINES = 6
_SHARE = 0.2


@dataclass(frozen=True)
class Hum:
    """Steady lines at multiples of the mains frequency."""

    frequency: int  #: Hz, 50 or 60
    level: float  #: dBFS, all lines together
    prominence: float  #: dB, the strongest line above its surroundings
    harmonics: tuple[int, ...]  #: which multiples stand out, 1 = the fundamental


class HumFinder:
    """Running spectra of the low frequencies. It keeps at most 128 windows."""

    def __init__(self, rate: int) -> None:
        self._step = 2 ** max(0, round(np.log2(rate / 1400)))
        self._rate = rate / self._step
        box = np.ones(self._step) / self._step
        spline = box
        for _ in range(_SEGMENTS - 1):
            spline = np.convolve(spline, box)
        spline = np.append(spline, np.zeros(_SEGMENTS - 1))
        self._kernel = np.ascontiguousarray(spline.reshape(_SEGMENTS, self._step)[::-1].T, np.float32)
        self._carry: FloatArray = np.zeros((_SEGMENTS - 1, _SEGMENTS), np.float32)
        self._held: list[FloatArray] = []
        self._filled = 0
        self._spectra: list[FloatArray] = []
        self._seen, self._stride = 0, 1
        self._taper = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)

    def add(self, x: FloatArray) -> None:
        """Take (channels, n) samples; those after the last whole step of decimation are left out."""
        steps = x.shape[1] // self._step
        rows = x[:, : steps * self._step].reshape(len(x), steps, self._step)
        parts = np.concatenate([self._carry, np.add.reduce(np.matmul(rows, self._kernel)) / len(x)])
        self._carry = parts[1 - _SEGMENTS :].copy()
        count = len(parts) - _SEGMENTS + 1
        self._held.append(sum((parts[i : i + count, i] for i in range(_SEGMENTS)), np.zeros(count, np.float32)))
        self._filled += count
        if self._filled >= _WINDOW:
            row = np.concatenate(self._held)
            for at in range(0, len(row) - _WINDOW + 1, _WINDOW):
                self._take(row[at : at + _WINDOW])
            rest = row[len(row) // _WINDOW * _WINDOW :]
            self._held, self._filled = [rest], len(rest)

    def _take(self, row: FloatArray) -> None:
        if self._seen % self._stride == 0:
            limit = int(420 / self._rate * _WINDOW)
            bins = np.fft.rfft(row * self._taper)[:limit]
            self._spectra.append((bins.real**2 + bins.imag**2).astype(np.float32))
            if len(self._spectra) > _MOST:
                self._spectra, self._stride = self._spectra[::2], self._stride * 2
        self._seen += 1

    def finish(self) -> Hum | None:
        """The stronger of 50 and 60 Hz; None where there is none, and for less than 12 s or so."""
        if len(self._spectra) < _LEAST:
            return None
        power = np.quantile(np.stack(self._spectra).astype(np.float64), _SHARE, axis=0)
        found = [hum for base in (50, 60) if (hum := self._lines(power, base)) is not None]
        return max(found, key=lambda hum: hum.level, default=None)

    def _lines(self, power: NDArray[np.float64], base: int) -> Hum | None:
        width = self._rate / _WINDOW
        total, best, present = 0.0, 0.0, []
        for k in range(1, _LINES + 1):
            centre = base * k / width
            near = np.abs(np.arange(len(power)) - centre)
            line = power[near <= 2.0]
            around = power[(near > 1.5 / width) & (near < 8 / width)]
            if not len(line) or not len(around):
                break
            above = 10 * float(np.log10(max(float(line.max()), 1e-20) / max(float(np.median(around)), 1e-20)))
            if above > _PROMINENT and float(line.max()) > 1.5 * float(around.max()):
                present.append(k)
                best = max(best, above)
                total += float(line.sum()) / (1.5 * (_WINDOW / 4) ** 2)  # amplitude squared of the sine
        if len(present) < 2:
            return None
        return Hum(base, 10 * float(np.log10(total / 2)), best, tuple(present))
