"""The network that is built from a checkpoint, against one computed layer by layer with NumPy as the paper has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from lookhear.errors import InvalidModel
from lookhear.models.builders.musicnn import FILE, build, convert
from support.checkpoints import write
from support.musicnn import random_card, tensors

Array = NDArray[np.float64]


class Reference:
    """models.py of the package musicnn, without TensorFlow, in float64."""

    def __init__(self, weights: dict[str, NDArray[np.float32]]) -> None:
        self.weights = {name: tensor.astype(np.float64) for name, tensor in weights.items()}

    def __call__(self, patches: NDArray[np.float32]) -> tuple[Array, Array]:
        x = self.normalised(0, patches.astype(np.float64)[..., None])[..., 0]
        front = [self.block(x, place) for place in range(5)]
        layers = [np.concatenate(front, axis=2)]
        for place in (5, 6, 7):
            kernel, bias = self.layer("conv2d", place)
            windows = sliding_window_view(np.pad(layers[-1], ((0, 0), (3, 3), (0, 0))), 7, axis=1)
            found = np.einsum("btck,kco->bto", windows, kernel[:, :, 0]) + bias
            found = self.normalised(place + 1, np.maximum(found, 0))
            layers.append(found if place == 5 else found + layers[-1])
        features = np.concatenate(layers, axis=2)
        pooled = np.stack([features.max(axis=1), features.mean(axis=1)], axis=2).reshape(len(x), -1)
        kernel, bias = self.layer("dense", 0)
        embedding = self.normalised(10, np.maximum(self.normalised(9, pooled) @ kernel + bias, 0))
        kernel, bias = self.layer("dense", 1)
        return 1 / (1 + np.exp(-(embedding @ kernel + bias))), embedding

    def block(self, x: Array, place: int) -> Array:
        """Convolution, rectified, normalised, and only then the maximum over mel bands."""
        kernel, bias = self.layer("conv2d", place)
        long, high = kernel.shape[:2]
        before = (long - 1) // 2
        padded = np.pad(x, ((0, 0), (before, long - 1 - before), (0, 0)))
        windows = sliding_window_view(padded, (long, high), axis=(1, 2))
        rows = windows.reshape(*windows.shape[:3], -1) @ kernel.reshape(long * high, -1)
        return np.asarray(self.normalised(place + 1, np.maximum(rows + bias, 0)).max(axis=2))

    def layer(self, kind: str, place: int) -> tuple[Array, Array]:
        name = f"{kind}_{place}" if place else kind
        return self.weights[f"{name}/kernel"], self.weights[f"{name}/bias"]

    def normalised(self, place: int, x: Array) -> Array:
        name = f"batch_normalization_{place}" if place else "batch_normalization"
        gamma, beta, mean, variance = (
            self.weights[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return np.asarray(gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two checkpoints with random weights."""
    folder = tmp_path_factory.mktemp("material")
    write(tensors(1), folder / "one.index")
    write(tensors(2), folder / "two.index")
    return folder


def test_computes_what_the_paper_has(material: Path) -> None:
    import onnxruntime

    convert([material / "one.index", material / "two.index"], material / FILE)
    patches = np.random.default_rng(3).uniform(0, 5, (2, 187, 96)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(material / FILE))
    tags, embedding = session.run(["tags", "embedding"], {"patches": patches})
    one, two = Reference(tensors(1))(patches), Reference(tensors(2))(patches)
    assert tags.shape == (2, 100) and embedding.shape == (2, 400)
    assert tags.std() > 0.1  # random, but alive: a constant would agree with anything
    assert np.abs(tags - np.concatenate([one[0], two[0]], axis=1)).max() < 1e-5
    assert np.abs(embedding - np.concatenate([one[1], two[1]], axis=1)).max() < 1e-4 * embedding.std()


def test_the_same_weights_give_the_same_bytes(material: Path, tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        convert([material / "one.index"], tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_builds_what_the_card_lists(tmp_path: Path) -> None:
    card = random_card(tmp_path)
    assert build(card, tmp_path) == (FILE,)
    assert (tmp_path / FILE).stat().st_size > 3_000_000


@pytest.mark.parametrize("broken", ["dense/kernel", "conv2d_5/bias", "batch_normalization_9/gamma"])
def test_another_network_is_refused(tmp_path: Path, broken: str) -> None:
    weights = tensors(1)
    weights[broken] = weights[broken][:-1]
    write(weights, tmp_path / "other.index")
    with pytest.raises(InvalidModel, match=broken):
        convert([tmp_path / "other.index"], tmp_path / FILE)
    assert not (tmp_path / FILE).exists()
