"""Small real weights, the cards of models made of them, and stores that hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lookhear.models.card import Card, ModelFile, Source
from lookhear.models.install import pull
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Shelf
from lookhear.models.store import Installed, Store

Shape = Sequence[int | str | None]
TINY = {"inputs": {"x": ("b", 4)}, "outputs": {"y": ("b", 4)}}


def times(factor: float = 2.0, given: str = "x", made: str = "y", shape: Shape = ("b", 4), **metadata: str) -> bytes:
    """An ONNX file that multiplies what it is ``given``."""
    from onnx import TensorProto, helper, numpy_helper

    kinds = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name in (given, made)]
    weight = numpy_helper.from_array(np.array([factor], np.float32), "w")
    graph = helper.make_graph([helper.make_node("Mul", [given, "w"], [made])], "times", kinds[:1], kinds[1:], [weight])
    return _file(graph, metadata)


def constant(inputs: Mapping[str, Shape], outputs: Mapping[str, Any], **metadata: str) -> bytes:
    """An ONNX file that always answers the same, whatever it is given."""
    from onnx import TensorProto, helper, numpy_helper

    arrays = {name: np.asarray(value, np.float32) for name, value in outputs.items()}
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, shape in inputs.items()]
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in arrays.items()]
    kept = [numpy_helper.from_array(value, f"{name}.w") for name, value in arrays.items()]
    nodes = [helper.make_node("Identity", [f"{name}.w"], [name]) for name in arrays]
    return _file(helper.make_graph(nodes, "constant", given, made, kept), metadata)


def pooled() -> bytes:
    """An ONNX file that takes the mean over pictures of any size with any channels."""
    from onnx import TensorProto, helper

    shapes = {"a": ["b", "c", "h", "w"], "y": ["b", "c"]}
    given, made = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items())
    nodes = [helper.make_node("GlobalAveragePool", ["a"], ["p"]), helper.make_node("Flatten", ["p"], ["y"])]
    return _file(helper.make_graph(nodes, "pooled", [given], [made]), {})


def outside(location: str, floats: int = 4, offset: int = 0) -> bytes:
    """An ONNX file that multiplies by what it reads from the file ``location``."""
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.zeros(floats, np.float32), "w")
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", str(offset)), ("length", str(4 * floats))):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    kinds = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", floats]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["y"])], "outside", kinds[:1], kinds[1:], [weight])
    return _file(graph, {})


def _file(graph: Any, metadata: Mapping[str, str]) -> bytes:
    from onnx import helper

    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, dict(metadata))
    return bytes(model.SerializeToString())


def faces_at(x: float, score: float = 0.9) -> bytes:
    """A detector of the family ultraface that sees one face, its left edge at ``x`` (0..0.5) of the width."""
    boxes = [[[x, 0.25, x + 0.5, 0.75]]]
    return constant({"input": (1, 3, 48, 64)}, {"scores": [[[1 - score, score]]], "boxes": boxes})


def card(*sources: Source, name: str = "tiny", version: str = "1", data: bytes | None = None, **facts: Any) -> Card:
    """The card of a model that multiplies; of known ``data`` if they are given."""
    known = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} if data is not None else {}
    files = (ModelFile("tiny.onnx", sources, **known),)
    plain = {
        "role": "tinies",
        "family": "tiny",
        "runtime": "onnx",
        "licence": "MIT",
        "commercial": True,
        "files": files,
    }
    return Card(name, version, **{**plain, **TINY, **facts})


def install(store: Store, folder: Path, data: bytes | None = None, **facts: Any) -> Installed:
    """``data`` as an installed model of ``card``."""
    data = times() if data is None else data
    path = folder / f"{hashlib.sha256(data).hexdigest()}.onnx"
    path.write_bytes(data)
    return pull(card(Source(file=str(path)), data=data, **facts), store)


def shelf(folder: Path, **settings: Any) -> Shelf:
    """Over the store in ``folder``."""
    return Shelf(ModelSettings(model_cache_dir=folder, **settings))


def rows(*values: float) -> dict[str, np.ndarray]:
    """What ``times`` is given: a row of four of each."""
    return {"x": np.repeat(np.array(values, np.float32)[:, None], 4, axis=1)}
