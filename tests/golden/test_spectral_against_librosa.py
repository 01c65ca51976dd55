"""Our spectral values against librosa's, kept in librosa.json (made by make_librosa.py)."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest

import lookhear

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "librosa.json").read_text())


@pytest.fixture(scope="module")
def spectral():
    namespace: dict = {}
    exec((HERE / "sound.py").read_text(), namespace)
    return lookhear.analyze(_float_wav(namespace["music_like"]()), tasks=["spectral"])["spectral"]


def _float_wav(samples: np.ndarray) -> bytes:
    """32-bit float WAV, which the wave module cannot write by itself."""
    data = samples.astype("<f4").tobytes()
    header = io.BytesIO()
    with wave.open(header, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(4)
        file.setframerate(22050)
        file.writeframes(data)
    raw = bytearray(header.getvalue())
    raw[20:22] = (3).to_bytes(2, "little")  # WAVE_FORMAT_IEEE_FLOAT
    return bytes(raw)


@pytest.mark.parametrize("name", GOLDEN["features"])
@pytest.mark.parametrize("statistic", ["mean", "std"])
def test_within_a_thousandth_of_librosa(spectral, name, statistic):
    given = spectral if statistic == "mean" else spectral.spread
    ours, theirs = np.atleast_1d(getattr(given, name)), np.array(GOLDEN["features"][name][statistic])
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-3 * np.abs(theirs).max()


def test_same_frames_and_tuning(spectral):
    assert spectral.frame_count == GOLDEN["frames"]
    assert spectral.tuning == pytest.approx(GOLDEN["tuning"], abs=1e-9)
