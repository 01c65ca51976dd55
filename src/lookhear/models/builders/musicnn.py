"""Builds MusiCNN as ONNX from its published TensorFlow checkpoints, MTT_musicnn and MSD_musicnn.

Reference: Pons and Serra, "musicnn: Pre-trained convolutional neural networks for music audio tagging", ISMIR 2019
late-breaking; the package musicnn 0.1.0 (ISC), models.py. The graph computes what that one computes when it does not
train, up to rounding. One thing is ordered otherwise: there, rectification and batch normalisation come before the
maximum over mel bands, here after it, which is the same and saves most of their time, as long as filters whose
normalisation turns the sign round look for the minimum.
Input ``patches``: (batch, 187, 96) log10(10000 x + 1) of mel power. Outputs, of several checkpoints one behind the other:
``tags``: (batch, 50 each) probabilities, each for itself, and ``embedding``: (batch, 200 each) the layer before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookhear.models.builders.graph import Graph
from lookhear.models.builders.tf_checkpoint import Checkpoint, open_checkpoint
from lookhear.models.card import Card

FRAMES, MELS, TAGS = 187, 96, 50
FILE = "musicnn.onnx"
_EPSILON = 1e-3  # of TensorFlow's batch normalisation
_TIMBRAL, _TEMPORAL, _MIDDLE, _DENSE = 204, 51, 64, 200  # channels
_FRONT = ((7, 38, _TIMBRAL), (7, 67, _TIMBRAL), (128, 1, _TEMPORAL), (64, 1, _TEMPORAL), (32, 1, _TEMPORAL))
_WIDTH = sum(channels for _, _, channels in _FRONT)
_POOLED = 2 * (_WIDTH + 3 * _MIDDLE)
_LANES = 16  # filters side by side: ONNX Runtime takes a third less time where their number is a multiple

Array = NDArray[np.float32]


def build(card: Card, staging: Path) -> tuple[str, ...]:
    """Make the network of the checkpoints that the card lists as ``*.index``; the name of its file.

    Raises InvalidModel where a checkpoint is broken, or of another network.
    """
    convert([staging / file.name for file in card.files if file.name.endswith(".index")], staging / FILE)
    return (FILE,)


def convert(indexes: Sequence[Path], target: Path) -> None:
    """Write the networks in these checkpoints to one ONNX file: the same bytes for the same checkpoints."""
    graph = Graph("musicnn")
    patches = graph.input("patches", ("batch", FRAMES, MELS))
    networks = [_Network(graph, open_checkpoint(index)) for index in indexes]
    embeddings = [network.embedding(patches) for network in networks]
    tags = [network.tags(found) for network, found in zip(networks, embeddings, strict=True)]
    graph.output("tags", graph.add("Concat", *tags, axis=1), ("batch", TAGS * len(networks)))
    graph.output("embedding", graph.add("Concat", *embeddings, axis=1), ("batch", _DENSE * len(networks)))
    graph.write(target)


class _Network:
    """Layers are numbered as TensorFlow numbers them: in the order in which they are made."""

    def __init__(self, graph: Graph, checkpoint: Checkpoint) -> None:
        self._graph, self._weights = graph, checkpoint

    def embedding(self, patches: str) -> str:
        """(batch, 200)"""
        pooled = self._pool(self._middle(self._front(patches)))
        found = self._affine(pooled, *self._normalisation(9, _POOLED))
        found = self._graph.add("Relu", self._dense(found, 0, _POOLED, _DENSE))
        return self._affine(found, *self._normalisation(10, _DENSE))

    def tags(self, embedding: str) -> str:
        """(batch, 50)"""
        return self._graph.add("Sigmoid", self._dense(embedding, 1, _DENSE, TAGS))

    def _front(self, patches: str) -> str:
        """(batch, 561, 187): filters as high as a chord, and filters as long as a bar."""
        bands = self._graph.add("Unsqueeze", patches, np.array([1], np.int64))
        bands = self._affine(bands, *self._normalisation(0, 1))
        parts = [self._filters(bands, place, *size) for place, size in enumerate(_FRONT)]
        return self._graph.add("Concat", *parts, axis=1)

    def _filters(self, bands: str, place: int, long: int, high: int, channels: int) -> str:
        """(batch, channels, 187): convolution, and its greatest over the mel bands."""
        kernel, bias = self._convolution(place, (long, high, 1, channels))
        scale, shift = self._normalisation(place + 1, channels)
        sign = np.where(scale < 0, np.float32(-1), np.float32(1))
        kernel, bias = _filled(kernel * sign[:, None, None, None]), _filled(bias * sign)
        before = (long - 1) // 2
        found = self._graph.add("Conv", bands, kernel, bias, pads=[before, 0, long - 1 - before, 0])
        found = self._graph.add("MaxPool", found, kernel_shape=[1, MELS + 1 - high])
        found = self._graph.add("Squeeze", found, np.array([3], np.int64))
        found = self._graph.add("Slice", found, *(np.array([n], np.int64) for n in (0, channels, 1)))
        found = self._graph.add("Relu", self._graph.add("Mul", found, sign[:, None]))
        return self._affine(found, scale[:, None], shift[:, None])

    def _middle(self, features: str) -> str:
        """(batch, 753, 187): what came in, and three layers over it, the later two with what they were given added."""
        layers = [features]
        for place, width in ((5, _WIDTH), (6, _MIDDLE), (7, _MIDDLE)):
            kernel, bias = self._convolution(place, (7, width, 1, _MIDDLE))
            kernel = kernel[:, 0].transpose(0, 2, 1)
            found = self._graph.add("Relu", self._graph.add("Conv", layers[-1], kernel, bias, pads=[3, 3]))
            scale, shift = self._normalisation(place + 1, _MIDDLE)
            found = self._affine(found, scale[:, None], shift[:, None])
            layers.append(found if place == 5 else self._graph.add("Add", found, layers[-1]))
        return self._graph.add("Concat", *layers, axis=1)

    def _pool(self, layers: str) -> str:
        """(batch, 1506): of each channel its greatest value over time, and its mean."""
        highest = self._graph.add("ReduceMax", layers, axes=[2])
        mean = self._graph.add("ReduceMean", layers, axes=[2])
        return self._graph.add("Flatten", self._graph.add("Concat", highest, mean, axis=2), axis=1)

    def _dense(self, values: str, place: int, width: int, units: int) -> str:
        """(batch, units): a matrix and an offset."""
        layer = _numbered("dense", place)
        kernel = self._weights.read(f"{layer}/kernel", (width, units))
        return self._graph.add("Gemm", values, kernel, self._weights.read(f"{layer}/bias", (units,)))

    def _convolution(self, place: int, shape: tuple[int, int, int, int]) -> tuple[Array, Array]:
        """Kernel (out, in, height, width) and bias (out,), from TensorFlow's (height, width, in, out)."""
        layer = _numbered("conv2d", place)
        kernel = self._weights.read(f"{layer}/kernel", shape)
        return kernel.transpose(3, 2, 0, 1), self._weights.read(f"{layer}/bias", shape[3:])

    def _normalisation(self, place: int, width: int) -> tuple[Array, Array]:
        """Scale and shift, of which batch normalisation consists once the network no longer learns."""
        layer = _numbered("batch_normalization", place)
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        gamma, beta, mean, variance = (
            self._weights.read(f"{layer}/{name}", (width,)).astype(np.float64) for name in names
        )
        scale = gamma / np.sqrt(variance + _EPSILON)
        return scale.astype(np.float32), (beta - mean * scale).astype(np.float32)

    def _affine(self, values: str, scale: Array, shift: Array) -> str:
        return self._graph.add("Add", self._graph.add("Mul", values, scale), shift)


def _filled(filters: Array) -> Array:
    """With filters of zeros up to a full number of lanes."""
    spare = -len(filters) % _LANES
    return np.concatenate([filters, np.zeros((spare, *filters.shape[1:]), np.float32)])


def _numbered(layer: str, place: int) -> str:
    return f"{layer}_{place}" if place else layer
