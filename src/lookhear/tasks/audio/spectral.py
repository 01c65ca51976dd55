"""Spectral shape of a recording: the numbers librosa gives, as track means and spreads.

Aim: librosa's features at 22,050 Hz, 2048-sample Hann frames every 512, within 0.1 % of it, in one pass.
Reference: McFee et al., librosa 0.11 (SciPy 2015); contrast after Jiang 2002, tonal centroids after Harte 2006.
Conventions: frequencies in Hz; MFCC of decibels, floored 80 dB below the loudest mel band of the recording; chroma C
first, each frame divided by its maximum, tuned to the recording; tonal centroids of that chroma. Where librosa looks
at the whole recording first (the 80 dB floor, the tuning), we look at its first five minutes, and go on with those.
Digital silence and empty input: null, with a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.chroma import chroma_nodes, tonnetz, tune_chroma
from lookhear.dsp.contrast import N_BANDS, peaks_and_valleys
from lookhear.dsp.grid import BINS, FRAME_RATE, N_FFT, SAMPLE_RATE
from lookhear.dsp.mel import dct_matrix, power_to_db
from lookhear.dsp.moments import Moments
from lookhear.dsp.tuning import Tuning
from lookhear.dsp.zero_crossings import ZeroCrossingRate
from lookhear.tasks.base import Block, Context, FloatArray, Fold, Form, Spectra, Task

_HEAD_FRAMES = int(300 * FRAME_RATE)
_TOP_DB = 80.0
_ROLLOFF = 0.85
_GROUP = 32  # bins summed at once on the way to the roll-off


@dataclass(frozen=True)
class SpectralOptions:
    """``frames``: also give every value for each frame (it is large: 47 numbers, 43 times a second)."""

    frames: bool = False


@dataclass(frozen=True)
class SpectralValues:
    """One number for each feature: a mean or a spread over the frames. None or empty for silence."""

    spectral_centroid: float | None = None  #: Hz
    spectral_rolloff: float | None = None  #: Hz, 85 % of the magnitude lies below
    spectral_bandwidth: float | None = None  #: Hz
    spectral_contrast: tuple[float, ...] = ()  #: dB, 7 bands
    spectral_flatness: float | None = None  #: 0 tone .. 1 noise
    zero_crossing_rate: float | None = None  #: share of samples
    mfcc: tuple[float, ...] = ()  #: 13
    chroma: tuple[float, ...] = ()  #: 12, C first
    tonnetz: tuple[float, ...] = ()  #: 6


@dataclass(frozen=True)
class SpectralFrames:
    """Every value for each frame; frame i is centred on i * 512 / 22050 s."""

    spectral_centroid: tuple[float, ...]
    spectral_rolloff: tuple[float, ...]
    spectral_bandwidth: tuple[float, ...]
    spectral_contrast: tuple[tuple[float, ...], ...]
    spectral_flatness: tuple[float, ...]
    zero_crossing_rate: tuple[float, ...]
    mfcc: tuple[tuple[float, ...], ...]
    chroma: tuple[tuple[float, ...], ...]
    tonnetz: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class SpectralResult(SpectralValues):
    """The means; ``spread`` holds the standard deviations, ``frames`` the curves when asked for."""

    spread: SpectralValues = SpectralValues()
    tuning: float | None = None  #: semitones against A440 that chroma was tuned to
    frame_count: int = 0
    frames: SpectralFrames | None = None


class SpectralFold:
    """The running state: moments of what needs no look ahead, and the head that waits for its reference."""

    def __init__(self, context: Context, options: SpectralOptions) -> None:
        self._warn = context.warn
        self._shape, self._tonal = Moments(), Moments()
        self._zero_crossings = ZeroCrossingRate()
        self._crossing_moments = Moments()
        self._tuning = Tuning()
        self._head: list[tuple[FloatArray, FloatArray, FloatArray]] = []
        self._head_frames = 0
        self._reference: _Reference | None = None
        self._loudest = 0.0
        self._kept: dict[str, list[FloatArray]] | None = (
            {"shape": [], "tonal": [], "zcr": []} if options.frames else None
        )

    def add(self, block: Block) -> None:
        """Samples feed the zero crossings, spectra all else."""
        if block.samples is not None:
            self._take_crossings(self._zero_crossings.add(block.samples.data))
        if block.spectra is not None and len(block.spectra.power):
            self._take_spectra(block.spectra)

    def _take_crossings(self, rates: FloatArray) -> None:
        self._crossing_moments.add(rates)
        self._keep("zcr", rates)

    def _take_spectra(self, spectra: Spectra) -> None:
        self._loudest = max(self._loudest, float(spectra.power.max()))
        shape = _shape(spectra.magnitude, spectra.power)
        self._shape.add(shape)
        self._keep("shape", shape)
        waiting = (spectra.mel, peaks_and_valleys(spectra.magnitude), chroma_nodes(spectra.power))
        at = 0
        if self._reference is None:
            self._tuning.add(spectra.power[: _HEAD_FRAMES - self._head_frames])
            at = min(len(spectra.power), _HEAD_FRAMES - self._head_frames)
            self._head.append((power_to_db(waiting[0][:at]), waiting[1][:at], waiting[2][:at]))
            self._head_frames += at
            if self._head_frames >= _HEAD_FRAMES:
                self._settle()
        if self._reference is not None and at < len(spectra.power):
            self._take_tonal(power_to_db(waiting[0][at:]), waiting[1][at:], waiting[2][at:])

    def _settle(self) -> None:
        """Fix tuning and floors from the head, then run the head through them."""
        self._reference = _Reference(
            tuning=self._tuning.estimate() or 0.0,
            mel=max(float(mel.max()) for mel, _, _ in self._head) - _TOP_DB,
            edges=tuple(
                10 * float(np.log10(max(1e-10, *(float(edges[:, k].max()) for _, edges, _ in self._head)))) - _TOP_DB
                for k in (0, 1)
            ),
        )
        for mel, edges, nodes in self._head:
            self._take_tonal(mel, edges, nodes)
        self._head.clear()

    def _take_tonal(self, mel: FloatArray, edges: FloatArray, nodes: FloatArray) -> None:
        assert self._reference is not None
        mfcc = np.maximum(mel, np.float32(self._reference.mel)) @ dct_matrix()
        decibels = power_to_db(edges)
        peaks = np.maximum(decibels[:, 0], np.float32(self._reference.edges[0]))
        valleys = np.maximum(decibels[:, 1], np.float32(self._reference.edges[1]))
        chroma = tune_chroma(nodes, self._reference.tuning)
        rows = np.concatenate([peaks - valleys, mfcc, chroma, tonnetz(chroma)], axis=1)
        self._tonal.add(rows)
        self._keep("tonal", rows)

    def _keep(self, part: str, rows: FloatArray) -> None:
        if self._kept is not None:
            self._kept[part].append(rows)

    def finish(self) -> SpectralResult:
        """Means, spreads, and the frames when asked for."""
        self._take_crossings(self._zero_crossings.finish())
        if self._loudest == 0.0:
            self._warn("There is no sound in it, so it has no spectrum: all spectral values are null.")
            return SpectralResult(frame_count=self._shape.count)
        if self._reference is None:
            self._settle()
        assert self._reference is not None
        means = _values(self._shape.mean, self._tonal.mean, self._crossing_moments.mean)
        spread = _values(self._shape.std, self._tonal.std, self._crossing_moments.std)
        return SpectralResult(
            **means,
            spread=SpectralValues(**spread),
            tuning=self._reference.tuning,
            frame_count=self._shape.count,
            frames=None if self._kept is None else _frames(self._kept),
        )


@dataclass(frozen=True)
class _Reference:
    """What librosa takes from the whole recording."""

    tuning: float  #: semitones
    mel: float  #: dB floor of the mel bands
    edges: tuple[float, ...]  #: dB floors of contrast peaks and valleys


@lru_cache(maxsize=1)
def _frequencies() -> NDArray[np.float32]:
    return np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE).astype(np.float32)


def _shape(magnitude: FloatArray, power: FloatArray) -> FloatArray:
    """(frames, 4): centroid, roll-off, bandwidth, flatness."""
    frequencies = _frequencies()
    total = magnitude.sum(axis=1)
    safe = np.where(total > 0, total, np.float32(1))
    centroid = (magnitude @ frequencies) / safe
    distance = frequencies[None, :] - centroid[:, None]
    np.multiply(distance, distance, out=distance)
    bandwidth = np.sqrt(np.vecdot(distance, magnitude) / safe)
    floored = np.maximum(power, np.float32(1e-10))
    flatness = np.exp(_log_sum(floored) / BINS) / floored.mean(axis=1)
    return np.stack([centroid, _rolloff(magnitude), bandwidth, flatness], axis=1).astype(np.float32)


def _log_sum(floored: FloatArray) -> FloatArray:
    """(frames,): sum of the logarithms of (frames, 1025) values from 1e-10: of their products by threes, a third of the
    logarithms."""
    thirds = BINS // 3
    product = floored[:, :thirds] * floored[:, thirds : 2 * thirds]
    np.multiply(product, floored[:, 2 * thirds : 3 * thirds], out=product)
    np.log(product, out=product)
    return np.asarray(product.sum(axis=1) + np.log(floored[:, 3 * thirds :]).sum(axis=1))


def _rolloff(magnitude: FloatArray) -> FloatArray:
    """Lowest frequency with 85 % of the magnitude at or below it: first the group of bins, then the bin."""
    count = len(magnitude)
    groups = magnitude[:, : BINS - 1].reshape(count, -1, _GROUP).sum(axis=2)
    sums = np.cumsum(np.concatenate([groups, magnitude[:, BINS - 1 :]], axis=1), axis=1, dtype=np.float64)
    threshold = _ROLLOFF * sums[:, -1]
    group = np.minimum((sums < threshold[:, None]).sum(axis=1), BINS // _GROUP - 1)
    row = np.arange(count)
    before = np.where(group > 0, sums[row, np.maximum(group - 1, 0)], 0.0)
    members = magnitude[row[:, None], group[:, None] * _GROUP + np.arange(_GROUP)[None, :]]
    inside = before[:, None] + np.cumsum(members, axis=1, dtype=np.float64)
    bins = group * _GROUP + (inside < threshold[:, None]).sum(axis=1)
    return np.asarray(_frequencies()[np.minimum(bins, BINS - 1)])


_TONAL = {
    "spectral_contrast": slice(0, N_BANDS),
    "mfcc": slice(N_BANDS, N_BANDS + 13),
    "chroma": slice(N_BANDS + 13, N_BANDS + 25),
    "tonnetz": slice(N_BANDS + 25, N_BANDS + 31),
}
_SHAPE = ("spectral_centroid", "spectral_rolloff", "spectral_bandwidth", "spectral_flatness")


def _values(shape: NDArray[np.float64], tonal: NDArray[np.float64], crossings: NDArray[np.float64]) -> dict[str, Any]:
    values: dict[str, Any] = dict(zip(_SHAPE, shape.tolist(), strict=True))
    values["zero_crossing_rate"] = float(crossings[0])
    values.update({name: tuple(tonal[part].tolist()) for name, part in _TONAL.items()})
    return values


def _frames(kept: dict[str, list[FloatArray]]) -> SpectralFrames:
    shape, tonal = np.concatenate(kept["shape"]), np.concatenate(kept["tonal"])
    curves: dict[str, Any] = {name: tuple(shape[:, i].tolist()) for i, name in enumerate(_SHAPE)}
    curves["zero_crossing_rate"] = tuple(np.concatenate(kept["zcr"]).tolist())
    curves.update({name: tuple(map(tuple, tonal[:, part].tolist())) for name, part in _TONAL.items()})
    return SpectralFrames(**curves)


class Spectral(Task[SpectralOptions, SpectralResult]):
    """Spectral shape, MFCC, chroma and tonal centroids, as librosa defines them."""

    name = "spectral"
    version = "1"
    summary = "spectral shape, MFCC, chroma, tonal centroids (librosa's definitions)"
    kinds = frozenset({"audio", "video"})
    forms = frozenset({Form.MONO_22K, Form.SPECTRA})
    Options = SpectralOptions
    Result = SpectralResult

    def start(self, context: Context, options: SpectralOptions) -> Fold[SpectralResult]:
        """A fresh fold."""
        return SpectralFold(context, options)


TASKS = (Spectral(),)
