"""Everything that is measured sample by sample for the quality task, in one pass over the units of a stream."""

from __future__ import annotations

import numpy as np

from lookhear.dsp.quality_clipping import Clipping
from lookhear.dsp.quality_dynamics import Dynamics
from lookhear.dsp.quality_hum import HumFinder
from lookhear.dsp.quality_levels import Levels
from lookhear.dsp.quality_spectrum import LongTermSpectrum
from lookhear.dsp.quality_units import UNIT, FloatArray, Units, row_products
from lookhear.dsp.truepeak import TruePeak

_SCALE = 23  # float32 holds integer samples of up to 24 bits exactly
_PROBED = 8192  # samples per unit in which the bits are looked at


class Meters:
    """The running meters of one recording."""

    def __init__(self, rate: int, channels: int) -> None:
        self.rate, self.channels = rate, channels
        self.samples = 0  #: per channel
        self.peak = 0.0  #: linear
        self.sums = np.zeros(channels)
        self.product = 0.0  #: of the two channels, summed
        self.bits = 0  #: of the samples as 24-bit integers: which are ever set
        self.dynamics = Dynamics(rate, channels)
        self.true_peak = TruePeak(rate, channels)
        self.levels = Levels(rate, channels)
        self.clipping = Clipping(rate)
        self.spectrum = LongTermSpectrum(rate)
        self.hum = HumFinder(rate)
        self._units = Units(channels)
        self._ones = np.ones((channels, UNIT), np.float32)

    def add(self, data: FloatArray) -> None:
        """Take (channels, n) samples."""
        for unit in self._units.add(data):
            self._take(unit)

    def finish(self) -> None:
        """Take what is left."""
        rest = self._units.rest()
        if rest.shape[1]:
            self._take(rest)
        self.levels.finish()

    def _take(self, unit: FloatArray) -> None:
        highest = self.dynamics.add(unit)
        self.peak = max(self.peak, highest)
        self.true_peak.add(unit, highest)
        self.clipping.add(unit, self.samples, highest)
        self.levels.add(unit)
        self.spectrum.add(unit)
        self.hum.add(unit)
        self.sums += row_products(unit, self._ones[:, : unit.shape[1]])
        if self.channels == 2:
            self.product += float(row_products(unit[:1], unit[1:])[0])
        if not self.bits & 1:
            self._probe(unit[:, :_PROBED])
        self.samples += unit.shape[1]

    def _probe(self, x: FloatArray) -> None:
        scaled = x * np.float32(1 << _SCALE)
        integers = np.clip(scaled, -(2.0**30), 2.0**30).astype(np.int32)
        self.bits |= int(np.bitwise_or.reduce(integers, axis=None)) if np.array_equal(integers, scaled) else 1

    @property
    def bit_depth(self) -> int | None:
        """Bits in use up to 24; None for silence."""
        return 24 - ((self.bits & -self.bits).bit_length() - 1) if self.bits else None

    @property
    def correlation(self) -> float | None:
        """Of two channels that both hold sound."""
        left_right = float(np.prod(self.levels.energies)) if self.channels == 2 else 0.0
        return max(-1.0, min(1.0, self.product / left_right**0.5)) if left_right > 0 else None
