"""Residual networks out of checkpoints, beside a plain NumPy one of the same weights; here with few channels."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from lookhear.errors import InvalidModel
from lookhear.models.builders.resnet import convert
from lookhear.models.card import ModelFile, Source
from lookhear.models.catalogue import load_catalogue
from lookhear.models.install import pull
from lookhear.models.store import Store
from support.torch_files import Call, Name, Saved, ordered

Weights = dict[str, np.ndarray]
STAGES = {"layer1": 4, "layer2": 6, "layer3": 8, "layer4": 10}


def weights(classes: int = 365, *, blocks: int = 2, bottleneck: bool = False) -> Weights:
    """Random, by torchvision's names; every layer of another size."""
    rng = np.random.default_rng(2)
    found: Weights = {}

    def convolution(name: str, normalisation: str, shape: tuple[int, ...]) -> None:
        found[f"{name}.weight"] = rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
        for part, low, high in (
            ("weight", 0.5, 1.5),
            ("bias", -0.3, 0.3),
            ("running_mean", -0.2, 0.2),
            ("running_var", 0.5, 2),
        ):
            found[f"{normalisation}.{part}"] = rng.uniform(low, high, shape[0])
        found[f"{normalisation}.num_batches_tracked"] = np.array(9.0)

    convolution("conv1", "bn1", (5, 3, 7, 7))
    before, widen = 5, 4 if bottleneck else 1
    for stage, width in STAGES.items():
        for block in range(blocks):
            name, sides = f"{stage}.{block}", (1, 3, 1) if bottleneck else (3, 3)
            outs = (width, width, width * widen) if bottleneck else (width, width)
            for number, (side, out) in enumerate(zip(sides, outs, strict=True), 1):
                given = before if number == 1 else width
                convolution(f"{name}.conv{number}", f"{name}.bn{number}", (out, given, side, side))
            if before != width * widen or (stage != "layer1" and not block):
                convolution(f"{name}.downsample.0", f"{name}.downsample.1", (width * widen, before, 1, 1))
            before = width * widen
    found["fc.weight"], found["fc.bias"] = rng.normal(0, 0.3, (classes, before)), rng.normal(0, 0.1, classes)
    return {name: array.astype(np.float32) for name, array in found.items()}


def written(found: Weights, path: Path, form: str = "sequence") -> Path:
    saved = Saved(cuda=form == "sequence")
    state = ordered({f"module.{name}": saved.tensor(array) for name, array in found.items()})
    value = {"epoch": 90, "arch": "resnet18", "state_dict": state, "best_prec1": 54.3}
    return getattr(saved, form)(value, path)


class Plain:
    """Layer by layer, in double precision, nothing folded."""

    def __init__(self, found: Weights) -> None:
        self.weights = {name: array.astype(np.float64) for name, array in found.items()}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x = np.maximum(self.layer(x.astype(np.float64), "conv1", "bn1", 2), 0)
        x = windows(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf), 3, 2).max(axis=(-2, -1))
        for stage in STAGES:
            block = 0
            while f"{stage}.{block}.conv1.weight" in self.weights:
                x = self.block(x, f"{stage}.{block}", 2 if stage != "layer1" and not block else 1)
                block += 1
        return x.mean(axis=(2, 3)) @ self.weights["fc.weight"].T + self.weights["fc.bias"]

    def block(self, x: np.ndarray, name: str, step: int) -> np.ndarray:
        three = f"{name}.conv3.weight" in self.weights
        y = np.maximum(self.layer(x, f"{name}.conv1", f"{name}.bn1", 1 if three else step), 0)
        y = self.layer(y, f"{name}.conv2", f"{name}.bn2", step if three else 1)
        if three:
            y = self.layer(np.maximum(y, 0), f"{name}.conv3", f"{name}.bn3", 1)
        if f"{name}.downsample.0.weight" in self.weights:
            x = self.layer(x, f"{name}.downsample.0", f"{name}.downsample.1", step)
        return np.maximum(x + y, 0)

    def layer(self, x: np.ndarray, name: str, normalisation: str, step: int) -> np.ndarray:
        kernel = self.weights[f"{name}.weight"]
        pad = kernel.shape[-1] // 2
        seen = windows(np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad))), kernel.shape[-1], step)
        y = np.einsum("bchwij,ocij->bohw", seen, kernel)
        parts = ("weight", "bias", "running_mean", "running_var")
        gamma, beta, mean, variance = (self.weights[f"{normalisation}.{part}"][:, None, None] for part in parts)
        return gamma * (y - mean) / np.sqrt(variance + 1e-5) + beta


def windows(x: np.ndarray, side: int, step: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(2, 3))[:, :, ::step, ::step]


@pytest.mark.parametrize("form", ["sequence", "archive"])
@pytest.mark.parametrize("bottleneck, blocks", [(False, 2), (True, 1), (False, 3)], ids=["18", "50", "34"])
def test_the_graph_computes_what_the_layers_do(form: str, bottleneck: bool, blocks: int, tmp_path: Path) -> None:
    found = weights(20, blocks=blocks, bottleneck=bottleneck)
    assert convert(written(found, tmp_path / "net.pth.tar", form), tmp_path / "net.onnx") == 20
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    pictures = np.random.default_rng(3).normal(size=(2, 3, 64, 96)).astype(np.float32)
    (logits,) = session.run(["logits"], {"input": pictures})
    expected = Plain(found)(pictures)
    assert np.abs(logits - expected).max() < 1e-5 * max(1, np.abs(expected).max())


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    found = weights(4)
    for name, form in (("a", "sequence"), ("b", "archive")):
        convert(written(found, tmp_path / f"{name}.pth", form), tmp_path / f"{name}.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def without(found: Weights, name: str) -> Weights:
    return {other: array for other, array in found.items() if other != name}


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda found: without(found, "layer3.1.bn2.running_var"), "lacks 'layer3.1.bn2.running_var'"),
        (lambda found: without(found, "fc.weight"), "lacks 'fc.weight'"),
        (lambda found: {**found, "layer5.0.conv1.weight": found["conv1.weight"]}, "another network: it has 'layer5"),
        (lambda found: {**found, "conv1.weight": found["conv1.weight"] * np.nan}, "no number"),
        (lambda found: {**found, "bn1.weight": np.ones(3, np.float32)}, "do not fit together"),
        (lambda found: {**found, "layer1.1.conv1.weight": found["layer2.1.conv1.weight"][:4]}, "do not fit together"),
        (lambda found: {**found, "fc.weight": found["fc.weight"][:, :3]}, "do not fit together"),
        (lambda found: {**found, "fc.weight": found["fc.bias"]}, "lacks 'fc.weight'"),
        (lambda found: {}, "lacks 'conv1.weight'"),
    ],
)
def test_other_networks_are_refused(change: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match=said):
        convert(written(change(weights(4)), tmp_path / "net.pth.tar"), tmp_path / "net.onnx")


@pytest.mark.parametrize("value", [[1, 2], 7, {"state_dict": [1]}, {1: 2}])
def test_what_holds_no_weights_is_refused(value: object, tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match="holds no weights by name"):
        convert(Saved().archive(value, tmp_path / "net.pth.tar"), tmp_path / "net.onnx")


def test_a_pull_builds_and_keeps_only_the_graph(tmp_path: Path) -> None:
    card = load_catalogue().find("places365-resnet18@1-csail")
    store = Store(tmp_path / "store")
    path = written(weights(365), tmp_path / "resnet18_places365.pth.tar")
    here = dataclasses.replace(card, files=(ModelFile(path.name, (Source(file=str(path)),), material=True),))
    one = pull(here, store)
    assert sorted(file.name for file in one.folder.iterdir()) == ["card.json", "resnet.onnx"]
    assert [file.name for file in one.card.kept] == ["resnet.onnx"] and one.card.kept[0].sha256 is not None
    mark = tmp_path / "it-ran"
    hostile = {"state_dict": ordered({"module.conv1.weight": Call(Name("os", "system"), (f"touch {mark}",))})}
    for refused, said in ((hostile, "nothing of it was run"), (None, "365 labels")):
        if refused is None:
            written(weights(10), path)
        else:
            Saved().sequence(refused, path)
        with pytest.raises(InvalidModel, match=said):
            pull(dataclasses.replace(here, version=f"2-{said[:3]}"), store)
        assert not mark.exists() and store.active("places365-resnet18").folder == one.folder
