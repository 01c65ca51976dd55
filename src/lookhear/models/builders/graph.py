"""Writes ONNX graphs node by node, so that the same weights give the same bytes, whichever onnx is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_IR, _OPSET = 8, 17  # of 2022: read by all that we support, and written by no default of the library

Shape = tuple[int | str, ...]


class Graph:
    """A graph in the making. Values are told by their names; ``add`` gives the name of what a node puts out."""

    def __init__(self, name: str) -> None:
        import onnx

        self._onnx = onnx
        self._graph = onnx.GraphProto(name=name)

    def input(self, name: str, shape: Shape) -> str:
        """A float32 input; a word in ``shape`` stands for a size that is free."""
        self._graph.input.append(self._value(name, shape))
        return name

    def output(self, name: str, source: str, shape: Shape) -> None:
        """Put out the value ``source`` as ``name``."""
        self._graph.node.append(self._onnx.helper.make_node("Identity", [source], [name]))
        self._graph.output.append(self._value(name, shape))

    def constant(self, array: NDArray[Any]) -> str:
        """A tensor of the file."""
        name = f"w{len(self._graph.initializer)}"
        self._graph.initializer.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, kind: str, *inputs: str | NDArray[Any], **attributes: Any) -> str:
        """A node; arrays among ``inputs`` become constants."""
        names = [self.constant(value) if isinstance(value, np.ndarray) else value for value in inputs]
        result = f"v{len(self._graph.node)}"
        self._graph.node.append(self._onnx.helper.make_node(kind, names, [result], **attributes))
        return result

    def write(self, target: Path) -> None:
        """Check the graph, and write it."""
        model = self._onnx.ModelProto(ir_version=_IR, producer_name="lookhear", graph=self._graph)
        model.opset_import.add(version=_OPSET)
        self._onnx.checker.check_model(model, full_check=True)
        target.write_bytes(model.SerializeToString(deterministic=True))

    def _value(self, name: str, shape: Shape) -> Any:
        return self._onnx.helper.make_tensor_value_info(name, self._onnx.TensorProto.FLOAT, shape)
