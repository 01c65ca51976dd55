"""transformers and PyTorch, which an extra brings: models that write about pictures, on the processor or a CUDA device.

Only from files of safetensors in the model's own folder: no pickle is read, no code beside the weights is run, and nothing
is looked for on the network.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lookhear.errors import DeviceMissing, InvalidModel, Unsupported
from lookhear.models.card import Card
from lookhear.models.devices import CPU, CUDA, give_back_memory, processors
from lookhear.models.disk import read_json
from lookhear.models.runtimes.captioner import Captioner
from lookhear.models.safetensors import check_weights
from lookhear.models.settings import ModelSettings
from lookhear.models.store import Installed

_PROCESSORS = {  # architectures that may be loaded, what prepares their input, and what the pictures in it
    "BlipForConditionalGeneration": ("BlipProcessor", "BlipImageProcessor"),
    "Blip2ForConditionalGeneration": ("Blip2Processor", "BlipImageProcessor"),
    "Florence2ForConditionalGeneration": ("Florence2Processor", "CLIPImageProcessor"),
}
_MORE = ("num_additional_image_tokens", "post_processor_config")  # what a processor may be told beside that
_CONFIG, _PICTURES = "config.json", ("preprocessor_config.json", "processor_config.json")
_TOKENIZERS = ({"tokenizer.json"}, {"vocab.txt"}, {"vocab.json", "merges.txt"})  # one of these is needed
_READ = {
    *(_CONFIG, "generation_config.json", *_PICTURES),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt"),
}
_WEIGHTS = (".safetensors", ".safetensors.index.json")
_EXTRA, _EXTRA_8BIT = "pip install 'lookhear[captions]'", "pip install 'lookhear[captions-8bit]'"
_MOST_THREADS = 8


class TransformersModel:
    """A loaded model; ``native`` is its Captioner."""

    def __init__(self, native: Captioner, device: str) -> None:
        self.native: Any = native
        self.device = device

    def close(self) -> None:
        """Let go of the model."""
        self.native = None
        if self.device == CUDA:
            import torch

            gc.collect()
            torch.cuda.empty_cache()


def load(one: Installed, device: str, settings: ModelSettings) -> TransformersModel:
    """The model with its processor, warmed up. Raises InvalidModel, Unsupported, DeviceMissing."""
    torch = _torch()
    device = _usable(device, settings)
    torch.set_num_threads(min(settings.model_threads or processors(), _MOST_THREADS))
    try:
        model = _model(one, device, settings.model_precision)
        captioner = Captioner(model, _processor(one, model), one.card.facts, settings.max_batch_size)
        captioner.warm_up()
    except (InvalidModel, Unsupported):
        raise
    except Exception as error:  # what it raises shares no base but Exception
        if out_of_memory(error):
            raise
        raise InvalidModel(f"{one.card.id} cannot be loaded: {_first_line(error)}") from error
    return TransformersModel(captioner, device)


def _torch() -> Any:
    if "torch" not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # others want the processor, too
    try:
        import torch
        from transformers.utils import logging
    except ImportError as error:
        raise Unsupported(f"Captions take PyTorch and transformers ({error}). Install them: {_EXTRA}") from error
    if logging.get_verbosity() == logging.WARNING:  # its default; what matters comes as an exception
        logging.set_verbosity_error()
    logging.disable_progress_bar()
    return torch


def _usable(device: str, settings: ModelSettings) -> str:
    import torch

    if device != CUDA or torch.cuda.is_available():
        return device
    if settings.require_gpu:
        raise DeviceMissing(
            "REQUIRE_GPU is set, but PyTorch was built without CUDA. Install one with CUDA, or unset it."
        )
    return CPU


def _model(one: Installed, device: str, precision: str) -> Any:
    """In memory, on its device. Weights that are missing are an error, for transformers would make them up."""
    import torch
    import transformers

    kind = getattr(transformers, _architecture(one.card))
    how: dict[str, Any] = {"dtype": _dtype(device, precision)}
    if precision == "int8" and device == CUDA:
        how |= _eight_bits()
    model, found = kind.from_pretrained(
        one.folder,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
        **how,
    )
    missing = sorted(found["missing_keys"])
    if missing:
        raise InvalidModel(f"{one.card.id} lacks {len(missing)} of its weights, as '{missing[0]}'.")
    model.eval()
    if precision == "int8" and device == CPU:
        return _quantized(model)
    return model if "quantization_config" in how else model.to(torch.device(device))


def _dtype(device: str, precision: str) -> Any:
    """Half precision is float16 on a GPU and bfloat16 on a processor, which has no fast float16."""
    import torch

    if device == CUDA:
        return torch.float32 if precision == "float32" else torch.float16
    return torch.bfloat16 if precision == "float16" else torch.float32


def _eight_bits() -> dict[str, Any]:
    """On a GPU by bitsandbytes: LLM.int8 (Dettmers et al., NeurIPS 2022). Raises Unsupported."""
    from importlib.util import find_spec

    lacking = [name for name in ("accelerate", "bitsandbytes") if find_spec(name) is None]
    if lacking:
        raise Unsupported(
            f"Eight bits on a GPU take {' and '.join(lacking)}. Install: {_EXTRA_8BIT}, or set MODEL_PRECISION=float16."
        )
    from transformers import BitsAndBytesConfig

    return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True), "device_map": {"": 0}}


def _quantized(model: Any) -> Any:
    """On a processor: weights of linear layers in eight bits, a scale per row; activations as they come."""
    import torch

    for module in model.modules():
        for name, kept in module.named_parameters(recurse=False):
            if not (isinstance(module, torch.nn.Linear) and name == "weight"):
                kept.data = kept.data.clone()  # else the file would stay in memory for it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is to move to another package
            from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic

            quantize_dynamic(model, {torch.nn.Linear: per_channel_dynamic_qconfig}, inplace=True)
    except (ImportError, AttributeError, RuntimeError) as error:
        raise Unsupported(
            f"This PyTorch has no eight bits on the processor ({_first_line(error)}). Set MODEL_PRECISION=float16."
        ) from error
    gc.collect()
    give_back_memory()
    return model


def _processor(one: Installed, model: Any) -> Any:
    """What makes pictures and prompts into tensors: by Pillow, whatever else is installed, so that answers agree."""
    import transformers

    how = {"local_files_only": True, "trust_remote_code": False}
    name, pictures = _PROCESSORS[_architecture(one.card)]
    kind = getattr(transformers, f"{pictures}Pil", None) or getattr(transformers, pictures)  # as older versions call it
    tokenizer = transformers.AutoTokenizer.from_pretrained(one.folder, **how)
    told = read_json(one.folder / _PICTURES[1]) or {}
    more = {key: told[key] for key in _MORE if key in told}
    processor = getattr(transformers, name)(kind.from_pretrained(one.folder, **how), tokenizer, **more)
    if hasattr(processor, "num_query_tokens"):
        processor.num_query_tokens = model.config.num_query_tokens
        if tokenizer.convert_tokens_to_ids("<image>") != model.config.image_token_index:
            raise InvalidModel(f"{one.card.id}: its tokenizer and {_CONFIG} do not agree on where the picture goes.")
    return processor


def _architecture(card: Card) -> str:
    name = str(card.facts.get("architecture"))
    if name not in _PROCESSORS:
        raise InvalidModel(f"{card.id}: there is no architecture '{name}'. Known: {', '.join(_PROCESSORS)}.")
    return name


def check(card: Card, folder: Path) -> None:
    """The architecture is the family's, the weights are whole, and it has a tokenizer. Raises InvalidModel."""
    wanted, names = _architecture(card), {file.name for file in card.kept}
    if not isinstance(read_json(folder / _CONFIG), dict):
        raise InvalidModel(f"The file {_CONFIG} of {card.id} is missing or damaged.")
    told = architectures(folder)
    if wanted not in told:
        raise InvalidModel(
            f"{card.id} is no {card.family}: its {_CONFIG} says {', '.join(told) or 'nothing'}, not {wanted}."
        )
    try:
        check_weights(folder, names)
    except InvalidModel as error:
        raise InvalidModel(f"{card.id}: {error.message}") from error
    if not any(needed <= names for needed in _TOKENIZERS):
        raise InvalidModel(f"{card.id} has no tokenizer: tokenizer.json, vocab.txt, or vocab.json with merges.txt.")
    if not names & set(_PICTURES):
        raise InvalidModel(f"{card.id} lacks {_PICTURES[0]}, which says how pictures go in.")


def architectures(folder: Path) -> list[str]:
    """Those that its config.json names; none where that cannot be read."""
    config = read_json(folder / _CONFIG)
    named = config.get("architectures") if isinstance(config, dict) else None
    return [str(name) for name in named] if isinstance(named, list) else []


def fits(folder: Path, facts: Mapping[str, Any]) -> bool:
    """Is it a folder with the architecture of a family?"""
    return (facts.get("facts") or {}).get("architecture") in architectures(folder)


def read_of(files: Mapping[str, Path]) -> dict[str, Path]:
    """Of a folder with such a model, as the hub has it, only what is read: no code, no weights but safetensors."""
    weights = [name for name in files if name.endswith(_WEIGHTS) and "/" not in name]
    if not weights or _CONFIG not in files or not set(_PROCESSORS) & set(architectures(files[_CONFIG].parent)):
        return dict(files)
    return {name: file for name, file in files.items() if name in _READ or name in weights}


def seeded(loaded: TransformersModel, card: Card) -> dict[str, NDArray[Any]]:
    """How well each word would begin the text about a picture that is always the same."""
    import numpy as np

    picture = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    captioner: Captioner = loaded.native
    return {"logits": captioner.first_scores(captioner.feeds([picture]))}


def out_of_memory(error: BaseException) -> bool:
    """Does the device have no memory left?"""
    return type(error).__name__ == "OutOfMemoryError" or "out of memory" in str(error).lower()


def gpu_memory() -> tuple[int, int]:
    """Bytes that PyTorch has given out on the CUDA device, and that it holds there; 0 where nothing loaded it yet."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return 0, 0
    return torch.cuda.memory_allocated(), torch.cuda.memory_reserved()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
