"""Short-time Fourier transform over a stream of samples.

Equal to ``librosa.stft(y, n_fft=n_fft, hop_length=hop, center=True, pad_mode="constant")`` up to rounding, however the
samples are cut into blocks. The transform runs in float64: it costs nothing more here, and keeps quiet bands exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.grid import HOP_LENGTH, N_FFT

_BATCH = 32 * N_FFT  # samples in frames: more at once leave the cache and page-fault on every temporary


class PowerSpectra:
    """Running STFT: ``add`` samples, iterate over (frames, 1 + n_fft // 2) float32 squared magnitudes."""

    def __init__(self, n_fft: int = N_FFT, hop: int = HOP_LENGTH) -> None:
        self._length, self._hop, self._width = n_fft, hop, 1 + n_fft // 2
        self._batch = _BATCH // n_fft
        self._window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)  # periodic Hann
        self._carry: NDArray[np.float32] = np.zeros(n_fft // 2, np.float32)  # left half of frame 0
        self._frames = np.empty((self._batch, n_fft), np.float64)
        self._bins = np.empty((self._batch, self._width), np.complex128)
        self._squares = np.empty((self._batch, self._width), np.float64)
        self._samples = 0

    def add(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The frames completed by these samples, possibly none."""
        self._samples += len(samples)
        padded = np.concatenate([self._carry, samples])
        count = max(0, 1 + (len(padded) - self._length) // self._hop)
        self._carry = padded[count * self._hop :].copy()
        return self._transform(padded, count)

    def finish(self) -> NDArray[np.float32]:
        """The last frames, completed with zeros. No samples at all: no frames."""
        if not self._samples:
            return np.empty((0, self._width), np.float32)
        padded = np.concatenate([self._carry, np.zeros(self._length // 2, np.float32)])
        return self._transform(padded, max(0, 1 + (len(padded) - self._length) // self._hop))

    def _transform(self, padded: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        power = np.empty((count, self._width), np.float32)
        if not count:
            return power
        wide = padded.astype(np.float64)  # once for all frames: they overlap
        frames = np.lib.stride_tricks.sliding_window_view(wide, self._length)[:: self._hop]
        for at in range(0, count, self._batch):
            size = min(self._batch, count - at)
            windowed, bins, squares = self._frames[:size], self._bins[:size], self._squares[:size]
            np.multiply(frames[at : at + size], self._window, out=windowed)
            np.fft.rfft(windowed, axis=1, out=bins)
            parts = bins.view(np.float64)
            np.multiply(parts, parts, out=parts)
            np.add(parts[:, ::2], parts[:, 1::2], out=squares)
            power[at : at + size] = squares
        return power
