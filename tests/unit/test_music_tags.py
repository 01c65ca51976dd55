"""The task ``music_tags`` with a network of the true shape and random weights: what becomes of its answers is tested."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lookhear
from lookhear.dsp.patches import FRAMES
from lookhear.errors import InvalidOptions
from lookhear.models.card import Card
from lookhear.models.install import pull
from lookhear.models.store import Store
from support.models import installed
from support.musicnn import MAGNATAGATUNE, random_card
from support.sound import encode, film

RATE = 16000


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library finds it."""
    installed(monkeypatch, "audio", "music_tags")


def music(seconds: float, silent: tuple[float, float] = (0, 0)) -> bytes:
    """Noise that grows, silent from .. to (s)."""
    t = np.arange(round(seconds * RATE)) / RATE
    sound = np.random.default_rng(8).normal(0, 0.1, len(t)) * (0.2 + t / seconds)
    sound[(t >= silent[0]) & (t < silent[1])] = 0
    return encode(sound.astype(np.float32)[None], rate=RATE)


def tags(data: bytes, **options: object) -> object:
    report = lookhear.analyze(data, ["music_tags"], {"music_tags": options})
    assert report.errors == ()
    return report["music_tags"]


@pytest.mark.usefixtures("network")
def test_probabilities_are_means_over_patches_and_a_rest_by_its_length() -> None:
    result = tags(music(11), curve=True)
    rest = (1 + 11 * RATE // 256 - 3 * FRAMES) / FRAMES
    assert result.patches == 4
    assert set(result.probabilities) == set(MAGNATAGATUNE)
    for label, values in result.curve.values.items():
        assert len(values) == 4
        assert result.probabilities[label] == pytest.approx(np.average(values, weights=[1, 1, 1, rest]), abs=2e-4)
    assert result.curve.step == FRAMES * 256 / RATE
    assert np.std(list(result.probabilities.values())) > 0.05


@pytest.mark.usefixtures("network")
def test_best_first() -> None:
    result = tags(music(4), top_k=3)
    ordered = sorted(result.probabilities.values(), reverse=True)
    assert list(result.probabilities.values()) == ordered
    assert [tag.probability for tag in result.tags] == ordered[:3]
    assert [tag.label for tag in result.tags] == list(result.probabilities)[:3]
    assert len(tags(music(4), top_k=500).tags) == 50
    assert result.curve is None


@pytest.mark.usefixtures("network")
def test_patches_further_apart() -> None:
    every, seldom = tags(music(21), curve=True), tags(music(21), curve=True, every=6)
    assert (every.patches, seldom.patches) == (7, 4)
    step = int(6 * 62.5)
    assert seldom.curve.step == step * 256 / RATE
    label = every.tags[0].label
    assert seldom.curve.values[label][0] == pytest.approx(every.curve.values[label][0], abs=1e-4)


@pytest.mark.usefixtures("network")
def test_silence_in_between_does_not_count() -> None:
    whole, holed = tags(music(3), curve=True), tags(music(9, (2.9, 6.2)), curve=True)
    label = whole.tags[0].label
    assert holed.patches == 2
    values = holed.curve.values[label]
    assert len(values) == 3 and values[1] is None
    assert holed.probabilities[label] == pytest.approx((values[0] + values[2]) / 2, abs=2e-4)


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize(
    "sound",
    [np.zeros(RATE * 5), 1e-5 * np.random.default_rng(1).standard_normal(RATE * 5), np.ones(RATE // 2)],
    ids=["silence", "dither", "half a second"],
)
def test_nothing_to_hear(sound: np.ndarray) -> None:
    names = ["music_tags", "genre", "mood", "instruments"]
    data = encode(np.asarray(sound, np.float32)[None], codec="pcm_f32le", sample_format="flt", rate=RATE)
    report = lookhear.analyze(data, names)
    assert report.errors == ()
    assert (
        report["music_tags"].tags == ()
        and report["music_tags"].probabilities == {}
        and report["music_tags"].patches == 0
    )
    assert report["genre"].genre is None and report["genre"].probabilities == {}
    assert report["mood"].arousal is None and report["mood"].words == {}
    assert report["instruments"].instruments == () and report["instruments"].vocals is None
    assert any("nothing to tag" in str(warning) for warning in report.warnings)


@pytest.mark.usefixtures("network")
def test_a_short_sound_is_repeated_and_tagged() -> None:
    assert tags(music(1.2)).patches == 1


@pytest.mark.usefixtures("network")
def test_the_sound_of_a_film_is_tagged() -> None:
    sound = np.random.default_rng(5).normal(0, 0.1, (1, 4 * 44100)).astype(np.float32)
    report = lookhear.analyze(film(sound), ["genre"])
    assert report.errors == () and report["genre"].scores


def install(folder: Path, labels: list[str]) -> Card:
    folder.mkdir()
    return pull(random_card(folder, labels), Store(folder / "store")).card


def test_a_tag_of_two_vocabularies_gets_the_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "each", [f"tag {i}" for i in range(50)])
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path / "each" / "store"))
    each = tags(music(3)).probabilities
    install(tmp_path / "same", ["same", *(f"tag {i}" for i in range(1, 49)), "same"])
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path / "same" / "store"))
    merged = tags(music(3)).probabilities
    assert len(merged) == 49
    assert merged["same"] == pytest.approx((each["tag 0"] + each["tag 49"]) / 2, abs=2e-4)
    assert merged["tag 7"] == each["tag 7"]


def test_a_card_with_other_labels_fails_the_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "few", MAGNATAGATUNE[:40])
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path / "few" / "store"))
    report = lookhear.analyze(music(4), ["music_tags"])
    assert [error.code for error in report.errors] == ["invalid_model"]
    assert "50 tags, but its card names 40" in report.errors[0].message


def test_without_weights_nothing_is_guessed() -> None:
    report = lookhear.analyze(music(4), ["music_tags", "genre", "technical"])
    assert {error.code for error in report.errors if error.task in ("music_tags", "genre")} == {"model_missing"}
    assert {finding.task for finding in report.findings} == {"technical"}


@pytest.mark.parametrize("options", [{"every": 1}, {"every": 601}, {"top_k": 0}])
def test_options_that_mean_nothing_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InvalidOptions):
        lookhear.analyze(music(1), ["music_tags"], {"music_tags": options})
