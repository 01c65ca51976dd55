"""Long-term spectrum at a recording's own rate: bandwidth, and what is steady tone.

Method: a frame of 4096 samples after every 12,288 (after the first two million samples, every 61,440), channel after
channel, under a four-term Blackman-Harris window (side lobes below -92 dB), averaged in power. 0 dB is a sine of
amplitude 1.
Bandwidth: where the spectrum falls off a cliff and stays down: the highest band above it is 18 dB or more below the
lowest of the eight bands (of 16 bins) under it; encoders and resamplers leave such cliffs, instruments do not.
THD after IEC 61000 / AES17: the root of the power at harmonics 2 to 10 over that of the fundamental, for a sound that
is one steady tone and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.quality_units import FloatArray

_FRAME = 4096
_EVERY = 16384
_DENSE = 32  # units before frames get rare
_LOBE = 5  # bins: half the main lobe, and one
_BAND = 16  # bins
_UNDER = 8  # bands
_CLIFF = 18.0  # dB
_FLOOR = 1e-14
_STEADY = 1.5  # dB
_HARMONICS = 10

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Tone:
    """One steady tone."""

    frequency: float  #: Hz
    thd: float  #: ratio, 0.01 = 1 %
    snr: float  #: dB, fundamental over all that is neither it nor a harmonic


class LongTermSpectrum:
    """Running average."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        angle = 2 * np.pi * np.arange(_FRAME) / _FRAME
        window = 0.35875 - 0.48829 * np.cos(angle) + 0.14128 * np.cos(2 * angle) - 0.01168 * np.cos(3 * angle)
        self._window = (window * 2 / window.sum()).astype(np.float32)
        self._noise_width = float((window**2).mean() / window.mean() ** 2)  # bins
        self._power: Doubles = np.zeros(_FRAME // 2 + 1)
        self._units, self._seen, self._frames = 0, 0, 0
        self._peak, self._level, self._stray = 0, 0.0, 0

    def add(self, unit: FloatArray) -> None:
        """Take (channels, n) samples; fewer than 4096 of them add nothing."""
        size = unit.shape[1]
        starts = range(0, size - _FRAME + 1, _EVERY if self._units < _DENSE else 4 * _EVERY)
        self._units += 1
        rows = [unit[(self._seen + i) % len(unit), at : at + _FRAME] for i, at in enumerate(starts)]
        if not rows:
            return
        self._seen += len(rows)
        bins = np.fft.rfft(np.stack(rows) * self._window)
        power = bins.real**2 + bins.imag**2
        power[:, :_LOBE] = 0  # what lies there is DC and its lobe
        peaks = power.argmax(axis=1)
        heights = power[np.arange(len(rows)), peaks]
        heard = heights > _FLOOR
        if heard.any():
            self._power += power[heard].sum(axis=0, dtype=np.float64)
            self._follow(peaks[heard], 10 * np.log10(heights[heard]))

    def _follow(self, peaks: NDArray[np.intp], levels: FloatArray) -> None:
        """Count the frames whose highest peak is not that of the first one."""
        if not self._frames:
            self._peak, self._level = int(peaks[0]), float(levels[0])
        stray = (np.abs(peaks - self._peak) > 1) | (np.abs(levels - self._level) > _STEADY)
        self._stray += int(np.count_nonzero(stray))
        self._frames += len(peaks)

    def bandwidth(self) -> float | None:
        """Hz up to which there is sound; the Nyquist frequency where nothing is cut. None for silence."""
        if not self._frames:
            return None
        nyquist = self._rate / 2
        levels = 10 * np.log10(np.maximum(self._bands(), _FLOOR))
        below = np.lib.stride_tricks.sliding_window_view(levels, _UNDER).min(axis=1)
        above = np.maximum.accumulate(levels[::-1])[::-1]  # [i]: the highest from band i on
        edges = np.arange(_UNDER, len(levels) - 3)
        drops = below[edges - _UNDER] - above[edges + 2]
        if not len(edges) or drops.max() < _CLIFF:
            return nyquist
        place = int(edges[int(drops.argmax())])
        return min(nyquist, self._refine(place, levels))

    def _bands(self) -> Doubles:
        usable = (len(self._power) - 1) // _BAND * _BAND
        return np.asarray(self._power[:usable].reshape(-1, _BAND).mean(axis=1) / self._frames)

    def _refine(self, place: int, levels: Doubles) -> float:
        """The bin where the power passes the middle, in dB, between both sides of the cliff."""
        middle = (levels[place - 3 : place].mean() + levels[place + 2 :].max()) / 2
        start, end = (place - 3) * _BAND, (place + 3) * _BAND
        fine = 10 * np.log10(np.maximum(self._power[start - 2 : end + 2] / self._frames, _FLOOR))
        smooth = np.convolve(fine, np.full(5, 0.2), "valid")
        return float((start + np.flatnonzero(smooth > middle).max(initial=0) + 0.5) * self._rate / _FRAME)

    def tone(self) -> Tone | None:
        """The tone, when nearly all frames hold the same one at the same level, and little else."""
        if self._frames < 4 or self._stray > 0.05 * self._frames or self._peak < 2 * _LOBE:
            return None
        power = self._power / self._frames
        near = slice(self._peak - _LOBE, self._peak + _LOBE + 1)
        centre = float((power[near] * np.arange(near.start, near.stop)).sum() / power[near].sum())
        used = np.zeros(len(power), bool)
        used[:_LOBE] = True
        parts = []
        for k in range(1, _HARMONICS + 1):
            at = round(k * centre)
            if at + _LOBE >= len(power):
                break
            lobe = slice(at - _LOBE, at + _LOBE + 1)
            parts.append(float(power[lobe][~used[lobe]].sum()))
            used[lobe] = True
        noise = float(power[~used].mean()) * len(power) if (~used).any() else 0.0
        if sum(parts) < 100 * noise:
            return None
        snr = 10 * float(np.log10(parts[0] / max(noise, _FLOOR)))
        return Tone(centre * self._rate / _FRAME, float(np.sqrt(sum(parts[1:]) / parts[0])), snr)
