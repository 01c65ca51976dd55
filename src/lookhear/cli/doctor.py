"""``lookhear doctor``: what this installation can do, in a table; exit code 1 where something is broken."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata, util

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lookhear.analysis.engine import analyze
from lookhear.models.devices import gpu, processors
from lookhear.models.shelf import shelf_for
from lookhear.settings import load_settings
from lookhear.tasks.catalogue import all_tasks
from lookhear.version import __version__

_CODECS = ("mp3", "aac", "flac", "vorbis", "opus", "alac", "wmav2", "ac3", "pcm_s16le", "h264", "hevc", "av1", "vp9")
_OPTIONAL = {
    "pyarrow": "Parquet output: pip install 'lookhear[parquet]'",
    "pi_heif": "HEIC pictures: pip install 'lookhear[heif]'",
    "faster_whisper": "transcripts: pip install 'lookhear[speech]'",
}


def run() -> int:
    """Print the table."""
    table = Table(title=f"lookhear {__version__}", title_justify="left")
    for title in ("what", "state", "detail"):
        table.add_column(title, overflow="fold")
    broken = False
    for what, check in _CHECKS.items():
        try:
            state, detail = check()
        except Exception as error:  # a doctor reports what ails, it does not die of it
            state, detail = "broken", f"{type(error).__name__}: {error}"
        broken |= state == "broken"
        colour = {"ok": "green", "missing": "yellow", "broken": "red"}[state]
        table.add_row(what, f"[{colour}]{state}[/]", escape(detail))
    Console().print(table)
    return 1 if broken else 0


def _python() -> tuple[str, str]:
    return "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.prefix}"


def _decoder() -> tuple[str, str]:
    import av

    versions = ", ".join(f"{name} {'.'.join(map(str, number))}" for name, number in av.library_versions.items())
    return "ok", f"PyAV {av.__version__} ({versions})"


def _codecs() -> tuple[str, str]:
    import av
    from av.codec.codec import UnknownCodecError

    missing = []
    for name in _CODECS:
        try:
            av.Codec(name, "r")
        except (UnknownCodecError, ValueError):
            missing.append(name)
    if missing:
        return "broken", f"not decodable: {', '.join(missing)}. Reinstall PyAV: pip install --force-reinstall av"
    return "ok", f"{len(av.codecs_available)} codecs, {len(av.formats_available)} formats; all common ones"


def _maths() -> tuple[str, str]:
    return "ok", f"numpy {metadata.version('numpy')}, OPENBLAS_NUM_THREADS={os.environ.get('OPENBLAS_NUM_THREADS')}"


def _threads() -> tuple[str, str]:
    return "ok", f"{processors()} of {os.cpu_count()} processors usable"


def _self_test() -> tuple[str, str]:
    """A second of A4 through everything."""
    import io
    import wave

    import numpy as np

    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(22050) / 22050)).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22050)
        file.writeframes(tone.tobytes())
    report = analyze(buffer.getvalue())
    if report.errors:
        return "broken", "; ".join(f"{error.task}: {error.message}" for error in report.errors)
    return "ok", f"{len(report.findings)} tasks on a test tone in {report.timings['total']:.2f} s"


def _tasks() -> tuple[str, str]:
    return "ok", ", ".join(task.name for task in all_tasks())


def _settings() -> tuple[str, str]:
    import dataclasses

    values = dataclasses.asdict(load_settings())
    return "ok", ", ".join(f"{name.upper()}={_unsecret(name, value)}" for name, value in values.items())


def _unsecret(name: str, value: object) -> object:
    """As it may be shown to others."""
    if value is not None and name.endswith(("_secret", "_password", "_token", "_api_key")):
        return "…"
    return re.sub(r"(?<=://)[^/?#]*@", "…@", value) if isinstance(value, str) else value


def _models() -> tuple[str, str]:
    shelf = shelf_for(load_settings())
    there = ", ".join(shelf.store.all())
    if not there:
        return "missing", "none installed, so what needs weights is left out. See: lookhear models list"
    return "ok", f"{there}, in {shelf.store.folder}"


def _gpu() -> tuple[str, str]:
    import onnxruntime

    found, uses = gpu(), "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if found is None:
        return "missing", "no CUDA device; models run on the processor"
    told = f"{found.name}, {found.memory_used} of {found.memory_total} MiB used"
    return ("ok", told) if uses else ("missing", f"{told}; ONNX Runtime cannot use it: pip install onnxruntime-gpu")


def _folders() -> tuple[str, str]:
    parts = []
    for name, folder in (("working", os.getcwd()), ("temporary", tempfile.gettempdir())):
        free = shutil.disk_usage(folder).free / 2**30
        writable = "writable" if os.access(folder, os.W_OK) else "not writable"
        parts.append(f"{name} {folder} ({writable}, {free:.1f} GiB free)")
    return "ok", "; ".join(parts)


def _optional() -> tuple[str, str]:
    missing = [hint for module, hint in _OPTIONAL.items() if util.find_spec(module) is None]
    return ("missing", "; ".join(missing)) if missing else ("ok", ", ".join(_OPTIONAL))


_CHECKS: dict[str, Callable[[], tuple[str, str]]] = {
    "Python": _python,
    "decoder": _decoder,
    "codecs": _codecs,
    "maths": _maths,
    "processors": _threads,
    "tasks": _tasks,
    "models": _models,
    "GPU": _gpu,
    "self-test": _self_test,
    "settings": _settings,
    "folders": _folders,
    "optional parts": _optional,
}
