"""Patches of a log-mel spectrogram: the same however samples are cut, and what becomes of the rest."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookhear.dsp.patches import FRAMES, LEAST, N_MELS, LogMelPatches, log_mel
from lookhear.dsp.stft import PowerSpectra

RATE = 16000


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(2).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def all_patches(sound: np.ndarray, cuts: list[int], step: int = FRAMES) -> tuple[np.ndarray, float]:
    running = LogMelPatches(step)
    edges = [0, *sorted(cut for cut in cuts if cut < len(sound)), len(sound)]
    found = [running.add(sound[low:high]) for low, high in pairwise(edges)]
    rest, share = running.finish()
    return np.concatenate([*found, rest]), share


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 20 * RATE), max_size=20), step=st.sampled_from([187, 250, 400, 900]))
def test_cuts_change_nothing(cuts: list[int], step: int) -> None:
    sound = noise(19.7)
    whole, share = all_patches(sound, [], step)
    parts, same_share = all_patches(sound, cuts, step)
    assert parts.shape == whole.shape and same_share == share
    assert np.abs(parts - whole).max() < 1e-5


@pytest.mark.parametrize("step", [187, 188, 300, 1000])
def test_patches_are_rows_of_the_spectrogram(step: int) -> None:
    sound, spectra = noise(25), PowerSpectra(512, 256)
    rows = np.concatenate([log_mel(spectra.add(sound)), log_mel(spectra.finish())])
    found, share = all_patches(sound, [], step)
    whole = 1 + (len(rows) - FRAMES) // step
    for i in range(whole):
        assert np.abs(found[i] - rows[i * step :][:FRAMES]).max() < 1e-5
    rest = len(rows) - whole * step
    assert len(found) == whole + (rest >= LEAST)
    if rest >= LEAST:
        assert share == rest / FRAMES
        assert np.abs(found[-1] - rows[-FRAMES:]).max() < 1e-5


def test_less_than_a_patch_is_repeated() -> None:
    sound = noise(1.5)
    found, share = all_patches(sound, [])
    frames = 1 + len(sound) // 256
    assert found.shape == (1, FRAMES, N_MELS) and share == 1.0
    assert np.array_equal(found[0][frames:], found[0][: FRAMES - frames])


@pytest.mark.parametrize("samples", [0, 1, 256, 256 * (LEAST - 1) - 1])
def test_less_than_a_second_has_none(samples: int) -> None:
    assert all_patches(noise(2)[:samples], [])[0].shape == (0, FRAMES, N_MELS)


def test_a_short_rest_is_left_out_and_a_longer_one_counts_by_its_length() -> None:
    for frames, patches, share in ((FRAMES, 1, 1.0), (FRAMES + LEAST - 1, 1, 1.0), (FRAMES + LEAST, 2, LEAST / FRAMES)):
        found, given_share = all_patches(noise(10)[: (frames - 1) * 256], [])
        assert (len(found), given_share) == (patches, share)


def test_silence_is_zero_and_full_scale_is_finite() -> None:
    assert not log_mel(np.zeros((3, 257), np.float32)).any()
    loud, _ = all_patches(np.ones(4 * RATE, np.float32), [])
    assert np.isfinite(loud).all() and loud.max() > 5
