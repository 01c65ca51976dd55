"""Short-time Fourier transform over a stream of samples.

Equal to ``librosa.stft(y, n_fft=2048, hop_length=512, center=True, pad_mode="constant")`` up to rounding, however the
samples are cut into blocks. The transform runs in float64: it costs nothing more here, and keeps quiet bands exact.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.grid import BINS, HOP_LENGTH, N_FFT

_BATCH = 32  # more frames at once leave the cache and page-fault on every temporary


class PowerSpectra:
    """Running STFT: ``add`` samples, iterate over (frames, 1025) float32 squared magnitudes."""

    def __init__(self) -> None:
        n = np.arange(N_FFT)
        self._window = 0.5 - 0.5 * np.cos(2 * np.pi * n / N_FFT)  # periodic Hann
        self._carry: NDArray[np.float32] = np.zeros(N_FFT // 2, np.float32)  # left half of frame 0
        self._frames = np.empty((_BATCH, N_FFT), np.float64)
        self._bins = np.empty((_BATCH, BINS), np.complex128)
        self._squares = np.empty((_BATCH, BINS), np.float64)
        self._samples = 0

    def add(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The frames completed by these samples, possibly none."""
        self._samples += len(samples)
        padded = np.concatenate([self._carry, samples])
        count = max(0, 1 + (len(padded) - N_FFT) // HOP_LENGTH)
        self._carry = padded[count * HOP_LENGTH :].copy()
        return self._transform(padded, count)

    def finish(self) -> NDArray[np.float32]:
        """The last frames, completed with zeros. No samples at all: no frames."""
        if not self._samples:
            return np.empty((0, BINS), np.float32)
        padded = np.concatenate([self._carry, np.zeros(N_FFT // 2, np.float32)])
        return self._transform(padded, max(0, 1 + (len(padded) - N_FFT) // HOP_LENGTH))

    def _transform(self, padded: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        power = np.empty((count, BINS), np.float32)
        if not count:
            return power
        wide = padded.astype(np.float64)  # once for all frames: they overlap
        frames = np.lib.stride_tricks.sliding_window_view(wide, N_FFT)[::HOP_LENGTH]
        for at, size in _batches(count):
            windowed, bins, squares = self._frames[:size], self._bins[:size], self._squares[:size]
            np.multiply(frames[at : at + size], self._window, out=windowed)
            np.fft.rfft(windowed, axis=1, out=bins)
            parts = bins.view(np.float64)
            np.multiply(parts, parts, out=parts)
            np.add(parts[:, ::2], parts[:, 1::2], out=squares)
            power[at : at + size] = squares
        return power


def _batches(count: int) -> Iterator[tuple[int, int]]:
    for at in range(0, count, _BATCH):
        yield at, min(_BATCH, count - at)
