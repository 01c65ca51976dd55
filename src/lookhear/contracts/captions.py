"""Captions of images, and images made ready for captioning: ``/caption/*``, ``/image/process``, ``/model/info``.

Images are told by their bytes, whatever they are called. A caption never is made up: without a model the door raises
ModelMissing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lookhear.analysis.report import Report
from lookhear.contracts.base import Ask, Statuses, value
from lookhear.errors import InputError, WrongMedium
from lookhear.media.probe import PictureFacts

MOST = 10  #: images of a batch
STATUSES: Statuses = {InputError: 400}  #: no image, too large, damaged
CAPTION, PROCESS = "caption", "process"
TASKS = {CAPTION: Ask(("caption",)), PROCESS: Ask(("colors",), {"colors": {"count": 5}})}


def ask(door: str) -> Ask:
    """For "caption" (one image, or each of a batch) or "process"."""
    return TASKS[door]


def check_batch(count: int) -> None:
    """Raises InputError for a batch of none or of too many images."""
    if not 1 <= count <= MOST:
        raise InputError(f"A batch has 1 to {MOST} images, this has {count}. Send the others in another request.")


def generated(
    report: Report, filename: str, *, total_seconds: float | None = None, now: float | None = None
) -> dict[str, Any]:
    """The answer of ``/caption/generate``. ``total_seconds``: of the request, else of the analysis; ``now``: epoch s.

    Raises ModelMissing, or an InputError where it is no image.
    """
    facts = _image(report)
    return {
        "success": True,
        "caption": _caption(report),
        "image_info": {**_about(report, facts, filename), "hash": f"{(report.medium.sha256 or '')[:16]}..."},
        "processing_time": {
            "total_seconds": _seconds(report.timings.get("total", 0.0) if total_seconds is None else total_seconds),
            "caption_generation_seconds": _seconds(report.timings.get("caption", 0.0)),
        },
        "timestamp": _now(now),
    }


def item(outcome: Report | InputError, filename: str, index: int) -> dict[str, Any]:
    """One of a batch: a bad one has ``error`` in place of its caption. Raises ModelMissing, which spoils them all."""
    told: dict[str, Any] = {"filename": filename, "index": index}
    try:
        if isinstance(outcome, InputError):
            raise outcome
        _image(outcome)
        return {**told, "caption": _caption(outcome)}
    except InputError as error:
        return {**told, "error": error.message}


def batch(items: Sequence[dict[str, Any]], total_seconds: float, *, now: float | None = None) -> dict[str, Any]:
    """The answer of ``/caption/batch``."""
    return {
        "success": True,
        "results": list(items),
        "batch_info": {
            "total_images": len(items),
            "total_time_seconds": _seconds(total_seconds),
            "average_time_per_image": _seconds(total_seconds / max(1, len(items))),
        },
        "timestamp": _now(now),
    }


def processed(
    report: Report, jpeg: bytes, filename: str, *, total_seconds: float | None = None, now: float | None = None
) -> dict[str, Any]:
    """The answer of ``/image/process``; ``jpeg``: what ``media.canvas.fitted_jpeg`` made of it.

    ``compression_ratio``: how many times smaller that is than the file. Raises InputError where it is no image.
    """
    facts = _image(report)
    size = report.medium.size or 0
    colours = value(report, "colors").dominant
    return {
        "success": True,
        "original_image": {**_about(report, facts, filename), "hash": report.medium.sha256},
        "processed_image": {"file_size": len(jpeg), "compression_ratio": round(size / len(jpeg), 4)},
        "dominant_colors": [
            {"rgb": list(one.rgb), "hex": one.hex, "percentage": round(one.share, 4)} for one in colours
        ],
        "processing_time_seconds": _seconds(
            report.timings.get("total", 0.0) if total_seconds is None else total_seconds
        ),
        "timestamp": _now(now),
    }


@dataclass(frozen=True)
class Gpu:
    """Bytes of its memory that models hold, and that are kept for them."""

    name: str
    allocated: int
    cached: int


def model_info(
    *, status: str, model_name: str | None, device: str, dtype: str | None, gpu: Gpu | None = None
) -> dict[str, Any]:
    """The answer of ``/model/info``. ``status``: "loaded", "installed" or "missing"; ``gpu``: where one is used."""
    info: dict[str, Any] = {"status": status, "model_name": model_name, "device": device, "dtype": dtype}
    if gpu is not None:
        info |= {"gpu_name": gpu.name, "gpu_memory_allocated": gpu.allocated, "gpu_memory_cached": gpu.cached}
    return {"success": True, "model_info": info}


def _image(report: Report) -> PictureFacts:
    facts = report.medium.probe.picture
    if facts is None:
        raise WrongMedium(f"This is {report.medium.kind}, not an image. Send JPEG, PNG, WebP or another image.")
    return facts


def _caption(report: Report) -> str:
    said: str | None = value(report, "caption").caption
    return said or ""


def _about(report: Report, facts: PictureFacts, filename: str) -> dict[str, Any]:
    size = [facts.width, facts.height]
    return {"filename": filename, "size": size, "format": facts.format, "file_size": report.medium.size}


def _seconds(seconds: float) -> float:
    return round(seconds, 4)


def _now(now: float | None) -> float:
    return time.time() if now is None else now
