"""Patches of a logarithmic mel spectrogram, three seconds each, as networks that tag music take them.

Reference: the package musicnn 0.1.0 (Pons and Serra, ISMIR 2019 late-breaking): 16 kHz, Hann windows of 512 samples every
256, 96 mel bands of Slaney's, log10(10000 x + 1). That package rounds to float16 on the way, in which all that is loud
overflows; here, as in Essentia's TensorflowInputMusiCNN, it is float32.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookhear.dsp.mel import mel_power
from lookhear.dsp.stft import PowerSpectra

SAMPLE_RATE, N_FFT, HOP_LENGTH, N_MELS = 16000, 512, 256, 96
FRAME_RATE = SAMPLE_RATE / HOP_LENGTH  #: frames/s
FRAMES = 187  #: of a patch: 3 s
LEAST = FRAMES // 3  #: frames worth a patch of their own: 1 s

FloatArray = NDArray[np.float32]


class LogMelPatches:
    """``add`` samples at 16 kHz, get (n, 187, 96) patches, one every ``step`` frames; the same however samples are cut.

    ``step``: at least 187; where it is more, what lies between is not looked at.
    """

    def __init__(self, step: int = FRAMES) -> None:
        self._spectra = PowerSpectra(N_FFT, HOP_LENGTH)
        self._step = step
        self._rows: FloatArray = np.empty((0, N_MELS), np.float32)  # the last 187, and all from where a patch starts
        self._ahead = 0  # how far from the first of them the next patch starts

    def add(self, samples: FloatArray) -> FloatArray:
        """The patches completed by these samples, possibly none."""
        return self._take(self._spectra.add(samples))

    def finish(self) -> tuple[FloatArray, float]:
        """The last patches, and how much of a patch the very last of them stands for (0..1).

        A second or more that is left over gets a patch that ends with the recording; a recording under three seconds is
        repeated, as for the training of the networks; one under a second has no patch.
        """
        patches = self._take(self._spectra.finish())
        left = len(self._rows) - self._ahead
        if left < LEAST:
            return patches, 1.0
        tail = self._rows[-FRAMES:] if len(self._rows) >= FRAMES else np.resize(self._rows, (FRAMES, N_MELS))
        return np.concatenate([patches, tail[None]]), left / FRAMES if len(self._rows) >= FRAMES else 1.0

    def _take(self, power: FloatArray) -> FloatArray:
        rows = np.concatenate([self._rows, log_mel(power)])
        count = max(0, (len(rows) - self._ahead - FRAMES) // self._step + 1)
        starts = self._ahead + self._step * np.arange(count)
        patches: FloatArray = rows[starts[:, None] + np.arange(FRAMES)]
        self._ahead += self._step * count
        spare = max(0, min(self._ahead, len(rows)) - FRAMES)
        self._rows, self._ahead = rows[spare:].copy(), self._ahead - spare
        return patches


def log_mel(power: FloatArray) -> FloatArray:
    """(frames, 96) log10(10000 x + 1) of the mel power, from (frames, 257) power."""
    mel = mel_power(power, N_MELS, SAMPLE_RATE, N_FFT)
    np.multiply(mel, np.float32(10000), out=mel)
    np.log1p(mel, out=mel)
    np.multiply(mel, np.float32(1 / np.log(10)), out=mel)
    return mel
