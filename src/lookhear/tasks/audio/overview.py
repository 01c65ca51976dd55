"""A picture of the whole recording: its waveform and its spectrogram, in as many points as a screen has.

Aim: what a person wants drawn, in constant memory whatever the length.
Reference: envelopes as audio editors draw them (least, greatest, RMS per bucket); bands even on Slaney's mel scale.
When the buckets are full, neighbours are merged and each covers twice as long: always in the same pairs, so that
blocks of any size give the very same picture.
Conventions: waveform of the samples as they are in the file, full scale = 1, at most 2000 buckets of 64 samples, or 128,
256 and so on; one envelope for mono, left and right for stereo, one over all channels where there are more.
Spectrogram at 22,050 Hz: 96 bands, low first, at most 1000 columns, one byte a cell: 255 is the loudest, each step
below is a third of a decibel. The last bucket and the last column may cover less than the others. Empty input: neither;
silence: a flat line and cells of 0.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.grid import BINS, FRAME_RATE, N_FFT, SAMPLE_RATE
from lookhear.dsp.mel import hz_to_mel, mel_to_hz
from lookhear.dsp.pyramid import Pyramid, mean
from lookhear.tasks.base import Block, Context, FloatArray, Fold, Form, NoOptions, Samples, Task

_BUCKETS, _COLUMNS = 2000, 1000
_HOP = 64  # samples in the finest bucket
_BANDS = 96
_STEPS_PER_DB = 3.0


@dataclass(frozen=True)
class Envelope:
    """One value per bucket."""

    least: tuple[float, ...]
    greatest: tuple[float, ...]
    rms: tuple[float, ...]


@dataclass(frozen=True)
class Waveform:
    """Envelopes of equal length."""

    seconds_per_bucket: float
    channels: tuple[Envelope, ...]


@dataclass(frozen=True)
class Spectrogram:
    """``cells``: base64 of columns * bands bytes, column after column."""

    start: float  #: s, where the first column begins: half a hop before the sound
    seconds_per_column: float
    columns: int
    bands: int
    lowest: float  #: Hz, lower edge of the first band
    highest: float  #: Hz, upper edge of the last; between them, bands are even in mel
    decibels_per_step: float
    cells: str


@dataclass(frozen=True)
class OverviewResult:
    """What to draw."""

    waveform: Waveform | None = None
    spectrogram: Spectrogram | None = None


def _extremes(first: FloatArray, second: FloatArray, share: float) -> FloatArray:
    """Rows of least, greatest and mean square of each channel."""
    merged = mean(first, second, share)
    merged[:, 0::3] = np.minimum(first[:, 0::3], second[:, 0::3])
    merged[:, 1::3] = np.maximum(first[:, 1::3], second[:, 1::3])
    return merged


class _Wave:
    """The pyramid of envelopes, and the samples of an unfinished hop."""

    def __init__(self, samples: Samples) -> None:
        self.rate = samples.rate
        self.channels = len(samples.data) if len(samples.data) <= 2 else 1
        self.pyramid = Pyramid(_BUCKETS, 3 * self.channels, _extremes)
        self._carry: FloatArray = np.zeros((len(samples.data), 0), np.float32)

    def add(self, data: FloatArray) -> None:
        data = np.concatenate([self._carry, data], axis=1)
        whole = data.shape[1] // _HOP * _HOP
        self._carry = data[:, whole:].copy()
        if whole:
            self.pyramid.add(self._rows(data[:, :whole].reshape(len(data), -1, _HOP)))

    def _rows(self, hops: FloatArray) -> FloatArray:
        """(hops, 3 * channels) of (channels, hops, samples)."""
        least, greatest = hops.min(axis=2), hops.max(axis=2)
        square = np.einsum("cht,cht->ch", hops, hops) / np.float32(hops.shape[2])
        if self.channels != len(hops):
            least, greatest = least.min(axis=0)[None], greatest.max(axis=0)[None]
            square = square.mean(axis=0)[None]
        rows = np.stack([least, greatest, square]).transpose(2, 1, 0)
        return np.asarray(rows.reshape(hops.shape[1], -1), np.float32)

    def finish(self) -> Waveform:
        if self._carry.shape[1]:
            self.pyramid.add(self._rows(self._carry[:, None, :]))
        rows = self.pyramid.finish().astype(np.float64)
        rows[:, 2::3] = np.sqrt(rows[:, 2::3])
        curves = [tuple(curve) for curve in np.round(rows, 4).T.tolist()]
        envelopes = tuple(Envelope(*curves[3 * k : 3 * k + 3]) for k in range(self.channels))
        return Waveform(self.pyramid.span * _HOP / self.rate, envelopes)


class OverviewFold:
    """The two pyramids."""

    def __init__(self) -> None:
        self._wave: _Wave | None = None
        self._picture = Pyramid(_COLUMNS, _BANDS, mean)

    def add(self, block: Block) -> None:
        """Samples to the waveform, spectra to the spectrogram."""
        samples = block.samples
        if samples is not None and samples.data.shape[-1]:
            if self._wave is None:
                self._wave = _Wave(samples)
            self._wave.add(samples.data)
        if block.spectra is not None and len(block.spectra.power):
            edges, widths = _bands()
            power: FloatArray = np.add.reduceat(block.spectra.power, edges[:-1], axis=1)
            self._picture.add(power / widths)

    def finish(self) -> OverviewResult:
        """Round, and pack the spectrogram."""
        cells = self._picture.finish()
        return OverviewResult(
            waveform=self._wave.finish() if self._wave else None,
            spectrogram=_packed(cells, self._picture.span / FRAME_RATE) if len(cells) else None,
        )


@lru_cache(maxsize=1)
def _bands() -> tuple[NDArray[np.intp], FloatArray]:
    """First bin of each band and one past the last, and the bins in each. The mean in mel.py is not used: it comes
    from BLAS, whose rounding depends on how many rows it is given."""
    top = hz_to_mel(np.array([SAMPLE_RATE / 2]))[0]
    hz = mel_to_hz(np.linspace(0, top, _BANDS + 1))
    edges = np.round(hz * N_FFT / SAMPLE_RATE).astype(np.intp)
    edges[-1] = BINS
    return edges, np.diff(edges).astype(np.float32)


def _packed(power: FloatArray, seconds: float) -> Spectrogram:
    top = float(power.max())
    cells: NDArray[np.uint8] = np.zeros(power.shape, np.uint8)
    if top > 0:
        decibels = 10 * np.log10(np.maximum(power.astype(np.float64) / top, 1e-12))
        cells = np.clip(255.5 + _STEPS_PER_DB * decibels, 0, 255).astype(np.uint8)
    packed = base64.b64encode(cells.tobytes()).decode()
    start = -0.5 / FRAME_RATE
    return Spectrogram(start, seconds, len(power), _BANDS, 0.0, SAMPLE_RATE / 2, 1 / _STEPS_PER_DB, packed)


class Overview(Task[NoOptions, OverviewResult]):
    """Waveform and spectrogram to draw."""

    name = "overview"
    version = "2"
    summary = "waveform and spectrogram in as many points as a screen has"
    kinds = frozenset({"audio"})
    forms = frozenset({Form.NATIVE, Form.SPECTRA})
    default = False
    drawn = True
    Result = OverviewResult

    def start(self, context: Context, options: NoOptions) -> Fold[OverviewResult]:
        """A fresh fold."""
        return OverviewFold()


class SoundOverview(Overview):
    """The same of the sound track of a film."""

    name = "sound_overview"
    kinds = frozenset({"video"})


TASKS = (Overview(), SoundOverview())
