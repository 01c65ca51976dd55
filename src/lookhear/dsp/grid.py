"""The analysis grid all music tasks share: librosa's defaults."""

from __future__ import annotations

from typing import Final

SAMPLE_RATE: Final = 22050  #: Hz
N_FFT: Final = 2048
HOP_LENGTH: Final = 512
BINS: Final = 1 + N_FFT // 2
FRAME_RATE: Final = SAMPLE_RATE / HOP_LENGTH  #: frames/s
