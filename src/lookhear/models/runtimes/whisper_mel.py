"""The log mel spectrum that Whisper takes, of sound that comes in pieces.

Reference: ``FeatureExtractor`` of faster-whisper 1.2, whose filters and transform these are; only the floor, which hangs on
the loudest sound of all, is left to ``scaled``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
_TILE = 16  # columns
_ONE_THREAD = 1 << 18  # multiplications that OpenBLAS never shares out


def log_mel(native: Any, samples: FloatArray) -> FloatArray:
    """(bands, n // 160): log10 of the mel power of samples at 16 kHz, with no floor but 1e-10.

    Frame i is centred on sample 160 i; the samples are mirrored at both ends.
    """
    maker = native.feature_extractor
    window = np.hanning(maker.n_fft + 1)[:-1].astype(np.float32)
    found = maker.stft(samples, maker.n_fft, maker.hop_length, window=window, return_complex=True)
    power = np.abs(found.astype(np.complex64)[..., :-1]) ** 2
    return np.log10(np.clip(_banded(maker.mel_filters, power), np.float32(1e-10), None))


def _banded(filters: FloatArray, power: FloatArray) -> FloatArray:
    """Their product, in parts so small that BLAS makes each in this thread: its others would wait for the decoder's.

    Of 80 bands it comes out bit for bit as all at once.
    """
    (bands, bins), frames = filters.shape, power.shape[1]
    parts = 1 + (filters.size * _TILE > _ONE_THREAD)
    tiles = np.pad(power, ((0, 0), (0, -frames % _TILE))).reshape(bins, -1, _TILE).transpose(1, 0, 2)
    made = filters.reshape(parts, 1, bands // parts, bins) @ tiles
    return made.transpose(0, 2, 1, 3).reshape(bands, -1)[:, :frames]


def scaled(log: FloatArray, loudest: float) -> FloatArray:
    """As the model takes it: 80 dB below the loudest at the least."""
    return (np.maximum(log, np.float32(loudest) - np.float32(8.0)) + np.float32(4.0)) / np.float32(4.0)
