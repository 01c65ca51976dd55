"""What answers about images look like."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

_INFO = {"filename": "dog.jpg", "size": [1600, 1000], "format": "JPEG", "file_size": 183204}
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_NOW = 1700000000.0


def _example(**content: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [content]}, protected_namespaces=())


class ImageInfo(BaseModel):
    """An image as it came. ``size``: width and height, upright; ``format``: as its bytes say."""

    filename: str
    size: tuple[int, int]
    format: str
    file_size: int
    hash: str


class CaptionTimes(BaseModel):
    """s."""

    total_seconds: float
    caption_generation_seconds: float


class Generated(BaseModel):
    """A sentence about an image. ``hash``: the first 16 digits of its SHA-256; ``timestamp``: s since 1970."""

    model_config = _example(
        success=True,
        caption="a dog running along a beach",
        image_info={**_INFO, "hash": f"{_HASH[:16]}..."},
        processing_time={"total_seconds": 1.21, "caption_generation_seconds": 1.14},
        timestamp=_NOW,
    )

    success: bool
    caption: str
    image_info: ImageInfo
    processing_time: CaptionTimes
    timestamp: float


class BatchItem(BaseModel):
    """``caption``, or ``error`` in its place."""

    filename: str
    index: int
    caption: str | None = None
    error: str | None = None


class BatchInfo(BaseModel):
    """All of them."""

    total_images: int
    total_time_seconds: float
    average_time_per_image: float


class Batch(BaseModel):
    """Sentences about images, in their order."""

    model_config = _example(
        success=True,
        results=[
            {"filename": "dog.jpg", "index": 0, "caption": "a dog running along a beach"},
            {"filename": "notes.txt", "index": 1, "error": "This is no image, audio or video."},
        ],
        batch_info={"total_images": 2, "total_time_seconds": 1.3, "average_time_per_image": 0.65},
        timestamp=_NOW,
    )

    success: bool
    results: list[BatchItem]
    batch_info: BatchInfo
    timestamp: float


class ProcessedImage(BaseModel):
    """As JPEG, fitted on white. ``compression_ratio``: how many times smaller than the file that came."""

    file_size: int
    compression_ratio: float


class DominantColor(BaseModel):
    """``percentage``: share of the area, 0..1."""

    rgb: tuple[int, int, int]
    hex: str
    percentage: float


class Processed(BaseModel):
    """What an image looks like. ``hash``: its SHA-256; at most five colours, the strongest first."""

    model_config = _example(
        success=True,
        original_image={**_INFO, "hash": _HASH},
        processed_image={"file_size": 15210, "compression_ratio": 12.0449},
        dominant_colors=[{"rgb": [194, 120, 88], "hex": "#c27858", "percentage": 0.41}],
        processing_time_seconds=0.03,
        timestamp=_NOW,
    )

    success: bool
    original_image: ImageInfo
    processed_image: ProcessedImage
    dominant_colors: list[DominantColor]
    processing_time_seconds: float
    timestamp: float


class ModelFacts(BaseModel):
    """``status``: loaded, installed or missing; what is not known is null. On CUDA also its memory, in bytes."""

    model_config = ConfigDict(protected_namespaces=())

    status: str
    model_name: str | None
    device: str
    dtype: str | None
    gpu_name: str | None = None
    gpu_memory_allocated: int | None = None
    gpu_memory_cached: int | None = None


class ModelInfo(BaseModel):
    """The model that captions are by."""

    model_config = _example(
        success=True,
        model_info={"status": "loaded", "model_name": "blip-base", "device": "cpu", "dtype": "float32"},
    )

    success: bool
    model_info: ModelFacts
