"""MusiCNN against itself: TensorFlow's answers are kept in musicnn.json (made by make_musicnn.py)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import lookhear
from lookhear.dsp.patches import FRAMES, LogMelPatches
from lookhear.errors import ModelUnavailable
from lookhear.models.card import Want
from lookhear.models.install import pull
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Shelf
from support.musicnn import published

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "musicnn.json").read_text())
SHA256 = "b565c704a7e7448d8916f8fc10b186907b533a57cc76989a9e2c701759f04f81"  #: of what is built from both checkpoints


@pytest.fixture(scope="module")
def patches() -> np.ndarray:
    """Whole patches of the signal, by our front end, in blocks of odd sizes."""
    namespace: dict = {}
    exec((HERE / "tune16k.py").read_text(), namespace)
    sound, running = namespace["tune"](), LogMelPatches()
    found = [running.add(sound[at : at + 4999]) for at in range(0, len(sound), 4999)]
    rest, _ = running.finish()
    return np.concatenate([*found, rest])


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """The published weights, out of the wheel; without a package index, tests that take them skip."""
    shelf = Shelf(ModelSettings(model_cache_dir=tmp_path_factory.mktemp("musicnn"), use_gpu=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_RETRIES", "0")
        patch.setenv("PIP_TIMEOUT", "10")
        try:
            pull(published(), shelf.store)
        except ModelUnavailable as error:
            pytest.skip(f"the wheel of musicnn cannot be had: {error}")
    return shelf


@pytest.fixture
def installed(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library finds that model."""
    monkeypatch.setenv("MODEL_CACHE_DIR", str(shelf.store.folder))


def test_our_spectrogram_is_librosas(patches: np.ndarray) -> None:
    rows = patches[:3].reshape(-1, 96)
    kept = np.array(GOLDEN["log_mel"])
    count = -(-3 * FRAMES // 29)
    assert np.abs(rows[::29, ::7] - kept[:count]).max() < 1e-5
    left = GOLDEN["rows"] - 3 * FRAMES
    assert len(patches) == 4  # the last one ends with the recording
    tail = np.concatenate([rows[-(FRAMES - left) :], patches[3][FRAMES - left :]])
    assert np.abs(patches[3] - tail).max() < 1e-6


def test_our_network_is_tensorflows(shelf: Shelf, patches: np.ndarray) -> None:
    model = shelf.find(Want("music_tags"))
    assert model is not None
    tags, embedding = model.run({"patches": patches[:3]})
    networks = [GOLDEN["networks"][name] for name in ("MTT_musicnn", "MSD_musicnn")]
    assert np.abs(tags - np.concatenate([one["tags"] for one in networks], axis=1)).max() < 1e-5
    assert np.abs(embedding[:, ::4] - np.concatenate([one["embedding"] for one in networks], axis=1)).max() < 1e-4


def test_the_published_weights_give_these_very_bytes(shelf: Shelf) -> None:
    model = shelf.find(Want("music_tags"))
    assert model is not None
    assert hashlib.sha256(model.file().read_bytes()).hexdigest() == SHA256


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "genre", "instruments", "voice"),
    [
        ("music/brahms.hq.ogg", "classical", {"violin", "strings"}, None),
        ("music/pydub_bach.ogg", "classical", {"piano"}, None),
        ("music/vibeace.hq.ogg", "jazz", None, None),
        ("music/trumpet.hq.ogg", "jazz", None, None),
        ("music/loop_amen_full.flac", "electronic", {"drums"}, None),
        ("music/loop_garzul.flac", "electronic", None, None),
        ("music/loop_drone_g_97.flac", "ambient", set(), None),
        ("music/rain.wav", None, set(), None),
        ("music/singing-female.wav", None, set(), "female"),
        ("speech/jfk.flac", None, set(), "male"),
        ("speech/libri3.hq.ogg", None, set(), "female"),
    ],
)
def test_recordings_are_told_as_one_hears_them(
    shared: Path, name: str, genre: str | None, instruments: set[str] | None, voice: str | None
) -> None:
    report = lookhear.analyze(shared / name, ["genre", "instruments"])
    assert report["genre"].genre == genre
    assert report["instruments"].voice == voice
    if instruments is not None:
        assert {one.label for one in report["instruments"].instruments} == instruments
