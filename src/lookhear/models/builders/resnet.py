"""Builds residual networks as ONNX from checkpoints of PyTorch's, as Places365 and ImageNet classifiers are published.

Reference: He et al., CVPR 2016, with the layers and names of torchvision's resnet: 18 and 34 of two convolutions to a block,
50 and more of three, of which the middle one takes the steps. Batch normalisation is folded into the convolutions, in
double precision. Nothing in the checkpoint is run: see ``checkpoint``.
Input ``input``: (batch, 3, height, width). Output ``logits``: (batch, classes).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookhear.errors import InvalidModel
from lookhear.models.builders.graph import Graph
from lookhear.models.card import Card
from lookhear.models.checkpoint import read_checkpoint

FILE = "resnet.onnx"
_EPSILON = 1e-5  # of PyTorch's batch normalisation
_STAGES = ("layer1", "layer2", "layer3", "layer4")

Array = NDArray[np.float32]


def build(card: Card, staging: Path) -> tuple[str, ...]:
    """Make the network of the one checkpoint among the card's material; the name of its file.

    Raises InvalidModel where it is broken, unsafe, of another network, or of more or fewer classes than the card has labels.
    """
    (material,) = (file.name for file in card.files if file.material)
    classes = convert(staging / material, staging / FILE)
    if card.labels and classes != len(card.labels):
        raise InvalidModel(f"{material} tells {classes} classes apart; {card.id} has {len(card.labels)} labels.")
    return (FILE,)


def convert(checkpoint: Path, target: Path) -> int:
    """Write the network to an ONNX file, the same bytes for the same weights; gives its number of classes."""
    network = _Network(_weights(read_checkpoint(checkpoint), checkpoint.name), checkpoint.name)
    classes = network.build()
    network.graph.write(target)
    return classes


def _weights(saved: Any, name: str) -> dict[str, NDArray[Any]]:
    """Arrays by name, without what training on several devices puts before the names."""
    state = saved.get("state_dict", saved) if isinstance(saved, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(key, str) for key in state):
        raise InvalidModel(f"{name} holds no weights by name (a state_dict).")
    return {key.removeprefix("module."): value for key, value in state.items() if isinstance(value, np.ndarray)}


class _Network:
    """Layers by torchvision's names, and the graph they become."""

    def __init__(self, weights: Mapping[str, NDArray[Any]], name: str) -> None:
        self.graph = Graph("resnet")
        self._weights, self._name = weights, name
        self._used: set[str] = set()
        self._channels: dict[str, int] = {}  # of each value

    def build(self) -> int:
        """All layers; the number of classes. Raises InvalidModel."""
        values = self.graph.input("input", ("batch", 3, "height", "width"))
        self._channels[values] = 3
        features = self._features(values)
        weight, bias = self._get("fc.weight", 2), self._get("fc.bias", 1)
        if weight.shape != (len(bias), self._channels[features]):
            raise InvalidModel(f"{self._name} is damaged: 'fc.weight' and what comes before it do not fit together.")
        pooled = self.graph.add("Flatten", self.graph.add("GlobalAveragePool", features), axis=1)
        self.graph.output("logits", self.graph.add("Gemm", pooled, weight, bias, transB=1), ("batch", len(weight)))
        self._check_all_used()
        return len(weight)

    def _get(self, name: str, axes: int) -> NDArray[Any]:
        """Weights of so many axes. Raises InvalidModel."""
        found = self._weights.get(name)
        if found is None or found.ndim != axes or not np.issubdtype(found.dtype, np.floating):
            raise InvalidModel(f"{self._name} is no residual network as torchvision builds them: it lacks '{name}'.")
        if not np.isfinite(found).all():
            raise InvalidModel(f"{self._name} is damaged: '{name}' holds what is no number.")
        self._used.add(name)
        return found.astype(np.float32)

    def _check_all_used(self) -> None:
        """Raises InvalidModel if there is more than this network has."""
        counters = {name for name in self._weights if name.endswith("num_batches_tracked")}
        if more := sorted(set(self._weights) - self._used - counters):
            raise InvalidModel(f"{self._name} is another network: it has '{more[0]}'.")

    def _features(self, values: str) -> str:
        """(batch, channels, height / 32, width / 32)"""
        values = self._add("Relu", self._convolution(values, "conv1", "bn1", 2))
        values = self._add("MaxPool", values, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        for stage in _STAGES:
            block = 0
            while f"{stage}.{block}.conv1.weight" in self._weights or not block:
                step = 2 if stage != _STAGES[0] and not block else 1
                values = self._block(values, f"{stage}.{block}.", step)
                block += 1
        return values

    def _block(self, values: str, name: str, step: int) -> str:
        """What comes in, and what two or three convolutions make of it."""
        steps = (1, step, 1) if f"{name}conv3.weight" in self._weights else (step, 1)
        found = values
        for number, one in enumerate(steps, 1):
            found = self._add("Relu", found) if number > 1 else found
            found = self._convolution(found, f"{name}conv{number}", f"{name}bn{number}", one)
        if f"{name}downsample.0.weight" in self._weights:
            values = self._convolution(values, f"{name}downsample.0", f"{name}downsample.1", step)
        if self._channels[found] != self._channels[values]:
            raise InvalidModel(f"{self._name} is damaged: the layers of '{name}' do not fit together.")
        return self._add("Relu", self._add("Add", found, values))

    def _convolution(self, values: str, name: str, normalisation: str, step: int) -> str:
        """With its batch normalisation folded in; padded so that only the step makes it smaller."""
        kernel = self._get(f"{name}.weight", 4).astype(np.float64)
        gamma, beta, mean, variance = (
            self._get(f"{normalisation}.{part}", 1).astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        sizes = {len(part) for part in (gamma, beta, mean, variance)}
        if sizes != {len(kernel)} or kernel.shape[1] != self._channels[values]:
            raise InvalidModel(f"{self._name} is damaged: '{name}' and what is around it do not fit together.")
        scale = gamma / np.sqrt(variance + _EPSILON)
        folded, bias = kernel * scale[:, None, None, None], beta - mean * scale
        pads = [side // 2 for side in kernel.shape[2:]] * 2
        both = (folded.astype(np.float32), bias.astype(np.float32))
        result = self.graph.add("Conv", values, *both, strides=[step, step], pads=pads)
        self._channels[result] = len(kernel)
        return result

    def _add(self, kind: str, *values: str, **attributes: Any) -> str:
        """A node that leaves the channels as they are."""
        result = self.graph.add(kind, *values, **attributes)
        self._channels[result] = self._channels[values[0]]
        return result
