"""Small models with the tensors of CLIP and of Places365, whose answers can be told beforehand."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from lookhear.models.own import Description, import_file
from lookhear.models.settings import ModelSettings
from lookhear.models.shelf import Shelf

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "clip.json").read_text())
WIDTH = 8
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
_WORDS = {"red</w>": 0, "green</w>": 1, "blue</w>": 2}


def empty_shelf(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """Over a store of its own, which the library uses for the rest of the test."""
    monkeypatch.setenv("MODEL_CACHE_DIR", str(folder))
    return Shelf(ModelSettings(model_cache_dir=folder))


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> NDArray[np.uint8]:
    """One colour all over; ``size``: width, height."""
    return np.full((size[1], size[0], 3), colour, np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """As a file."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def write_clip(folder: Path, *, layout: str = "clip", textual: bool = True, tokenizer: bool = True) -> Path:
    """Both graphs: pictures by their mean colour, texts by the words red, green and blue."""
    folder.mkdir(parents=True, exist_ok=True)
    colours = np.zeros((3, WIDTH), np.float32)
    colours[range(3), range(3)] = 1
    if layout == "clip":
        _save(folder / "vision_model.onnx", visual(colours, "pixel_values", "image_embeds", "batch"))
    else:
        _save(folder / "visual" / "model.onnx", visual(colours, "image", "embedding", 1))
    table = np.zeros((49408, WIDTH), np.float32)
    for word, place in _WORDS.items():
        table[GOLDEN["tokenizer"]["model"]["vocab"][word], place] = 1
    table[49407, 3] = 0.05  # a text of other words alone stands for something, too
    if textual and layout == "clip":
        _save(
            folder / "text_model.onnx",
            _textual(table, "input_ids", "text_embeds", ("batch", "length"), TensorProto.INT64),
        )
    elif textual:
        _save(folder / "textual" / "model.onnx", _textual(table, "text", "embedding", (1, 77), TensorProto.INT32))
    if tokenizer:
        (folder / "tokenizer.json").write_text(json.dumps(GOLDEN["tokenizer"]))
    return folder


def write_places(path: Path, count: int = 365) -> Path:
    """Logits: the first place for what is red, the second for green, the third for blue."""
    weights = np.zeros((3, count), np.float32)
    weights[range(3), range(3)] = 10
    _save(path, visual(weights, "picture", "scores", "n"))
    return path


def visual(weights: NDArray[np.float32], taken: str, given: str, batch: int | str) -> Any:
    """The mean colour times ``weights``, (3, width)."""
    nodes = [
        helper.make_node("GlobalAveragePool", [taken], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], [given]),
    ]
    shapes = ((batch, 3, 224, 224), (batch, weights.shape[1]))
    return _graph(nodes, {"weights": weights}, (taken, given), shapes, TensorProto.FLOAT)


def _textual(table: NDArray[np.float32], taken: str, given: str, shape: tuple[Any, ...], kind: int) -> Any:
    """The sum of what the table has for the numbers; the padding, 0, counts for nothing."""
    nodes = [
        helper.make_node("Gather", ["table", taken], ["pieces"]),
        helper.make_node("ReduceSum", ["pieces", "axis"], [given], keepdims=0),
    ]
    constants = {"table": table, "axis": np.array([1], np.int64)}
    return _graph(nodes, constants, (taken, given), (shape, (shape[0], WIDTH)), kind)


def _graph(nodes: list[Any], constants: dict[str, Any], names: tuple[str, str], shapes: Any, kind: int) -> Any:
    inputs = [helper.make_tensor_value_info(names[0], kind, shapes[0])]
    outputs = [helper.make_tensor_value_info(names[1], TensorProto.FLOAT, shapes[1])]
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "small", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _save(path: Path, model: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def small_store(folder: Path) -> Path:
    """A store of models with the small one that knows three colours."""
    import_file(write_clip(folder / "made" / "small-clip"), Shelf(ModelSettings(model_cache_dir=folder)), Description())
    return folder
