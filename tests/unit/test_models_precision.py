"""Half precision and eight bits: near the whole numbers, made once, kept by the weights they are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lookhear.models.card import Card, ModelFile
from lookhear.models.devices import CPU, CUDA
from lookhear.models.disk import sha256_of
from lookhear.models.runtimes import onnx as runtime
from lookhear.models.runtimes.precision import overflows, variant
from lookhear.models.settings import ModelSettings
from lookhear.models.store import Installed, Store


@pytest.fixture
def layers(tmp_path: Path) -> Installed:
    """Two layers of 256 units with seeded weights, installed."""
    random = np.random.default_rng(0)
    weights = [random.normal(0, 1 / 16, (256, 256)).astype(np.float32) for _ in range(2)]
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "w1"], ["y"]),
    ]
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", 256]) for name in "xy"]
    kept = [numpy_helper.from_array(weight, f"w{i}") for i, weight in enumerate(weights)]
    graph = helper.make_graph(nodes, "layers", tensors[:1], tensors[1:], kept)
    staging = tmp_path / "staging"
    staging.mkdir()
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), staging / "layers.onnx"
    )
    file = ModelFile("layers.onnx", sha256=sha256_of(staging / "layers.onnx"))
    return Store(tmp_path / "store").put(Card("layers", "1", "test", "test", "onnx", (file,), "none"), staging)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_eight_bits_are_near_and_smaller(layers: Installed) -> None:
    rows = np.random.default_rng(1).normal(0, 1, (32, 256)).astype(np.float32)
    whole = runtime.load(layers, CPU, ModelSettings()).run({"x": rows})[0]
    small = runtime.load(layers, CPU, ModelSettings(model_precision="int8")).run({"x": rows})[0]
    assert cosines(whole, small).min() > 0.999 and not np.array_equal(whole, small)
    path = layers.folder / "layers.onnx"
    made = variant(layers, path, "int8", CPU)
    assert made.stat().st_size < 0.35 * path.stat().st_size
    before = made.stat().st_mtime_ns
    assert variant(layers, path, "int8", CPU) == made and made.stat().st_mtime_ns == before


def test_weights_take_seven_bits_where_products_would_overflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = tmp_path / "cpuinfo"
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    facts.write_text("flags : fpu avx2 fma")
    overflows.cache_clear()
    assert overflows(facts)
    facts.write_text("flags : fpu avx2 avx512_vnni")
    overflows.cache_clear()
    assert not overflows(facts)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    overflows.cache_clear()
    assert not overflows(facts)
    overflows.cache_clear()


def test_half_precision_is_for_gpus_and_eight_bits_for_processors(layers: Installed) -> None:
    import onnxruntime

    path = layers.folder / "layers.onnx"
    for precision, device in (("auto", CPU), ("float32", CUDA), ("float16", CPU), ("int8", CUDA)):
        assert variant(layers, path, precision, device) == path
    half = variant(layers, path, "float16", CUDA)
    assert half.stat().st_size < 0.6 * path.stat().st_size
    rows = np.random.default_rng(1).normal(0, 1, (32, 256)).astype(np.float32)
    whole = runtime.load(layers, CPU, ModelSettings()).run({"x": rows})[0]
    session = onnxruntime.InferenceSession(str(half), providers=["CPUExecutionProvider"])  # slow there, but it runs
    assert np.abs(session.run(None, {"x": rows})[0] - whole).max() < 0.01 * np.abs(whole).max()
