"""True peak: what is known in closed form, and full interpolation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookhear.dsp.truepeak import TAPS, TruePeak, kernel, oversampling

Sound = NDArray[np.float32]


def true_peak(x: Sound, rate: int, block: int = 65536) -> float | None:
    meter = TruePeak(rate, len(x))
    for at in range(0, x.shape[1], block):
        part = x[:, at : at + block]
        meter.add(part, float(np.abs(part).max()))
    return meter.finish()


def everywhere(x: Sound, rate: int) -> float:
    """The same kernel at every sample."""
    padded = np.pad(x, ((0, 0), (TAPS, TAPS)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, TAPS, axis=1)
    between = np.abs(windows @ kernel(oversampling(rate))).max()
    return 20 * float(np.log10(max(between, np.abs(x).max())))


def sine(frequency: float, phase: float, rate: int, amplitude: float, seconds: float = 1.0) -> Sound:
    """Faded in and out, so that only the sine itself peaks."""
    n = round(seconds * rate)
    fade = np.minimum(1, np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.1 * n))
    x = amplitude * fade * np.sin(2 * np.pi * frequency * np.arange(n) / rate + np.deg2rad(phase))
    return x.astype(np.float32)[None]


@pytest.mark.parametrize(("part", "phase"), [(4, 0), (4, 45), (6, 60), (8, 67.5), (3, 30)])
def test_sines_of_tech_3341_peak_at_their_amplitude(part: int, phase: float) -> None:
    assert true_peak(sine(48000 / part, phase, 48000, 0.5), 48000) == pytest.approx(-6.02, abs=0.15)


def lowpassed(seed: int, n: int) -> Sound:
    """Noise with most of its power below an eighth of the rate, standard deviation 1."""
    x = np.convolve(np.random.default_rng(seed).standard_normal(n), np.hanning(9), "same")
    return (x / x.std()).astype(np.float32)[None]


@pytest.mark.parametrize("rate", [44100, 96000])
@pytest.mark.parametrize("ceiling", [0.5, 1.0, 2.0, 9.0])
def test_places_picked_are_enough(rate: int, ceiling: float) -> None:
    x = np.clip(lowpassed(1, 300000), -ceiling, ceiling)
    assert true_peak(x, rate) == pytest.approx(everywhere(x, rate), abs=0.02)


def test_of_white_noise_clipped_to_squares_little_is_missed() -> None:
    x = np.clip(np.random.default_rng(1).standard_normal((2, 200000)) * 4, -1, 1).astype(np.float32)
    assert true_peak(x, 44100) == pytest.approx(everywhere(x, 44100), abs=0.6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), ceiling=st.floats(0.7, 4.0), block=st.integers(5000, 70000))
def test_never_below_the_samples_nor_above_full_interpolation(seed: int, ceiling: float, block: int) -> None:
    x = np.clip(lowpassed(seed, 60000), -ceiling, ceiling)
    found, most = true_peak(x, 44100, block), everywhere(x, 44100)
    assert found is not None
    assert max(20 * np.log10(np.abs(x).max()) - 1e-4, most - 0.05) <= found <= most + 1e-3


def test_a_peak_between_two_blocks_is_found() -> None:
    x = sine(12000, 45, 48000, 0.5, 0.01)
    for block in (1, 7, 100, 239, 240, 241):
        assert true_peak(x, 48000, block) == pytest.approx(everywhere(x, 48000), abs=1e-4)


def test_at_192_khz_the_samples_are_enough() -> None:
    x = sine(1000, 0, 192000, 0.25)
    assert true_peak(x, 192000) == pytest.approx(20 * np.log10(np.abs(x).max()), abs=1e-4)


def test_silence_has_no_peak() -> None:
    assert true_peak(np.zeros((2, 1000), np.float32), 44100) is None
    assert true_peak(np.zeros((2, 0), np.float32), 44100) is None
    assert true_peak(np.full((1, 1), 0.5, np.float32), 44100) == pytest.approx(-6.02, abs=0.05)
