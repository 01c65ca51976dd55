"""ONNX models in half precision or eight bits, made once from the installed weights and kept in the store.

Eight bits on the processor: weights of matrix products, quantized per channel, activations at run time (dynamic
quantization, ONNX Runtime); convolutions stay as they are, since theirs are slower so. Half precision on a GPU: all but
the inputs and outputs.
"""

from __future__ import annotations

import logging
import os
import platform
from functools import lru_cache
from pathlib import Path

from lookhear.errors import InvalidModel
from lookhear.models.devices import CUDA
from lookhear.models.disk import writing
from lookhear.models.locks import locked
from lookhear.models.store import Installed

_PRODUCTS = ["MatMul", "Gemm", "Attention"]


def variant(one: Installed, path: Path, precision: str, device: str) -> Path:
    """The graph to load: ``path`` itself, or what was made of it. Raises InvalidModel, StoreUnwritable."""
    kind = {("float16", True): "float16", ("int8", False): "int8"}.get((precision, device == CUDA))
    if kind is None:
        return path
    mark = f"{kind}-7" if kind == "int8" and overflows() else kind  # a store may move to another machine
    folder = one.folder.parents[2] / "derived"
    target = folder / f"{one.card.id}-{path.stem}-{(one.sha256 or 'own')[:16]}-{mark}.onnx"
    with locked(folder / f"{target.name}.lock"):
        if not target.exists():
            fresh = target.with_name(f".{target.name}.{os.getpid()}.new")
            try:
                with writing(folder):
                    (_halved if kind == "float16" else _quantized)(path, fresh)
                    os.replace(fresh, target)
            except (ValueError, RuntimeError, AttributeError) as error:
                raise InvalidModel(
                    f"{one.card.id} cannot be made {kind} ({error}). Set MODEL_PRECISION=float32."
                ) from error
            finally:
                fresh.unlink(missing_ok=True)
    return target


def _quantized(path: Path, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().addFilter(_hush)  # it advises, by the root logger, to prepare the graph
    try:
        quantize_dynamic(
            path,
            target,
            op_types_to_quantize=_PRODUCTS,
            per_channel=True,
            weight_type=QuantType.QInt8,
            reduce_range=overflows(),
        )
    finally:
        logging.getLogger().removeFilter(_hush)


@lru_cache(maxsize=1)
def overflows(facts: Path = Path("/proc/cpuinfo")) -> bool:
    """Does the processor add pairs of 8-bit products up in 16 bits, which overflow? x86 without VNNI does: then weights
    take 7 bits, as the documentation of ONNX Runtime's quantization advises."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        return not {"avx512_vnni", "avx_vnni", "amx_int8"} & set(facts.read_text().split())
    except OSError:
        return True


def _hush(record: logging.LogRecord) -> bool:
    return record.levelno > logging.WARNING


def _halved(path: Path, target: Path) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), target)
