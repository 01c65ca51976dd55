"""The models: where they lie, what they read, and the one set of sessions that all threads share.

RapidOCR brings them in its wheel: PP-OCRv6 small, one model to find lines and one to read them. It is handed sessions, so
that it never looks for a download.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lookhear.errors import ModelMissing
from lookhear.models.devices import processors

_FILES = {
    "Det": "PP-OCRv6_det_small.onnx",
    "Rec": "PP-OCRv6_rec_small.onnx",
}
_MOST_THREADS = 8
#: ISO 639; those that PP-OCRv6 was trained on and whose letters its alphabet holds (which Vietnamese's are not)
LANGUAGES = frozenset({
    "en", "zh", "ja", "af", "az", "bs", "ca", "cs", "cy", "da", "de", "es", "et", "eu", "fi", "fr", "ga", "gl", "hr", "hu",
    "id", "is", "it", "ku", "la", "lb", "lt", "lv", "mi", "ms", "mt", "nl", "no", "oc", "pl", "pt", "qu", "rm", "ro", "sk",
    "sl", "sq", "sv", "sw", "tl", "tr", "uz",
})  # fmt: skip
_ALIASES = {
    "ch": "zh", "ch_sim": "zh", "ch_tra": "zh", "chinese_cht": "zh", "japan": "ja", "french": "fr", "german": "de",
    "nb": "no", "nn": "no", "rs_latin": "hr",
}  # fmt: skip
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Models:
    """RapidOCR's two steps; each may be called by several threads."""

    detect: Any
    recognize: Any


def check(languages: tuple[str, ...]) -> None:
    """Raises ModelMissing unless the weights are there and read all ``languages``."""
    paths()
    unknown = [language for language in languages if _plain(language) not in LANGUAGES]
    if unknown:
        raise ModelMissing(
            f"There is no model that reads {', '.join(unknown)}. The one that is installed reads "
            f"{', '.join(sorted(LANGUAGES))}: leave out the others."
        )


def _plain(language: str) -> str:
    code = language.lower()
    return _ALIASES.get(code, code.replace("_", "-").partition("-")[0])


def paths() -> dict[str, Path]:
    """The weights of each step. Raises ModelMissing."""
    spec = find_spec("rapidocr")
    folder = Path(spec.origin).parent / "models" if spec is not None and spec.origin else None
    missing = [name for name in _FILES.values() if folder is None or not (folder / name).is_file()]
    if folder is None or missing:
        raise ModelMissing(
            f"The models that read text are not here: {', '.join(missing)}. They come with RapidOCR: "
            "pip install --force-reinstall 'rapidocr>=3.10,<4'"
        )
    return {step: folder / name for step, name in _FILES.items()}


def load() -> Models:
    """The models of this process, loaded at the first call. Raises ModelMissing."""
    with _LOCK:
        return _load()


@lru_cache(maxsize=1)
def _load() -> Models:
    files = paths()
    from omegaconf import OmegaConf
    from onnxruntime import InferenceSession, SessionOptions
    from rapidocr.ch_ppocr_det import TextDetector
    from rapidocr.ch_ppocr_rec import TextRecognizer
    from rapidocr.main import DEFAULT_CFG_PATH
    from rapidocr.utils.parse_parameters import ParseParams

    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    options = SessionOptions()
    options.intra_op_num_threads = min(processors(), _MOST_THREADS)
    options.enable_cpu_mem_arena = False  # it would keep what the largest picture took
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others want the processor too
    given = OmegaConf.to_container(ParseParams.load(DEFAULT_CFG_PATH))
    config: Any = OmegaConf.create(given, flags={"allow_objects": True})
    config.Det.limit_type, config.Det.limit_side_len = "max", 1 << 16  # pictures come in the size to look at
    config.Rec.font_path = None  # it draws nothing
    for step, path in files.items():
        config[step].session = InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return Models(TextDetector(config.Det), TextRecognizer(config.Rec))
