"""Chromagram and tonal centroids (Ellis 2007; Harte, Sandler & Gasser 2006), as librosa defines them.

librosa tunes the chroma filters to the whole recording before it uses them, which a stream cannot wait for. The filters
change smoothly with the tuning, so we apply them at ten Chebyshev nodes of [-0.5, 0.5] semitones and interpolate when
the tuning is known: within 2e-4 of each weight. Only the lowest bins, wider than a third, have kinks
in the way: those few are kept as they are.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.grid import BINS, N_FFT, SAMPLE_RATE

N_CHROMA = 12
_NODES = 10
_KEPT = 12  #: lowest bins, below 130 Hz


def chroma_filters(tuning: float) -> NDArray[np.float64]:
    """(12, 1025), C first; ``librosa.filters.chroma(sr=22050, n_fft=2048, tuning=tuning)``. Tuning in semitones."""
    frequencies = np.linspace(0, SAMPLE_RATE, N_FFT, endpoint=False)[1:]
    a440 = 440.0 * 2.0 ** (tuning / N_CHROMA)
    octaves = np.log2(frequencies / (a440 / 16))
    bins = N_CHROMA * np.concatenate([[octaves[0] - 1.5], octaves])
    width = np.concatenate([np.maximum(np.diff(bins), 1.0), [1.0]])
    distance = bins[None, :] - np.arange(N_CHROMA)[:, None]
    half = round(N_CHROMA / 2)
    distance = np.remainder(distance + half + 10 * N_CHROMA, N_CHROMA) - half
    weights = np.exp(-0.5 * (2 * distance / width) ** 2)
    weights /= np.linalg.norm(weights, axis=0)
    weights *= np.exp(-0.5 * ((bins / N_CHROMA - 5.0) / 2.0) ** 2)
    return np.asarray(np.roll(weights, -3, axis=0)[:, :BINS])  # A first becomes C first


@lru_cache(maxsize=1)
def _nodes() -> NDArray[np.float64]:
    return np.asarray(0.5 * np.cos(np.pi * (2 * np.arange(_NODES) + 1) / (2 * _NODES)))


@lru_cache(maxsize=1)
def _node_filters() -> NDArray[np.float32]:
    stacked = np.concatenate([chroma_filters(float(t)) for t in _nodes()])
    return np.ascontiguousarray(stacked[:, _KEPT:].T.astype(np.float32))


def chroma_nodes(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """(frames, 12 + 10 * 12): what ``tune_chroma`` needs, from (frames, 1025) power."""
    return np.concatenate([power[:, :_KEPT], power[:, _KEPT:] @ _node_filters()], axis=1)


@lru_cache(maxsize=8)
def _tuned(tuning: float) -> NDArray[np.float32]:
    t = _nodes()
    lagrange = [np.prod((tuning - np.delete(t, i)) / (t[i] - np.delete(t, i))) for i in range(_NODES)]
    between = np.kron(np.array(lagrange)[:, None], np.eye(N_CHROMA))
    return np.concatenate([chroma_filters(tuning)[:, :_KEPT].T, between]).astype(np.float32)


def tune_chroma(nodes: NDArray[np.float32], tuning: float) -> NDArray[np.float32]:
    """(frames, 12) chroma at ``tuning`` (semitones in [-0.5, 0.5]), each frame divided by its maximum."""
    raw = nodes @ _tuned(tuning)
    np.maximum(raw, 0, out=raw)
    top = raw.max(axis=1, keepdims=True)
    np.divide(raw, top, out=raw, where=top > np.finfo(np.float32).tiny)
    return np.asarray(raw)


@lru_cache(maxsize=1)
def _tonal_basis() -> NDArray[np.float32]:
    scale = np.array([7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3])
    shift = np.array([0.5, 0, 0.5, 0, 0.5, 0])
    angles = scale[:, None] * np.arange(N_CHROMA)[None, :] - shift[:, None]
    radius = np.array([1, 1, 1, 1, 0.5, 0.5])
    return np.asarray((radius[:, None] * np.cos(np.pi * angles)).T, np.float32)


def tonnetz(chroma: NDArray[np.float32]) -> NDArray[np.float32]:
    """(frames, 6) tonal centroids: fifths, minor thirds, major thirds, each as (sin, cos); of L1-normalised chroma."""
    total = chroma.sum(axis=1, keepdims=True)
    shares = np.divide(chroma, total, out=np.zeros_like(chroma), where=total > np.finfo(np.float32).tiny)
    return np.asarray(shares @ _tonal_basis())
