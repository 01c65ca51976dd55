"""What answers of ``/infer/*`` look like, for the pages that document them."""

from __future__ import annotations

from typing import Any

from lookhear.contracts.inference import INFERENCES, config_hash

_FRAME = {"frame_index": 30, "frame_number": 30, "timestamp_ms": 1200}
_BOX = {"x": 112.0, "y": 40.0, "width": 96.0, "height": 128.0}
_BOXES = {"bbox": _BOX, "bounding_box": _BOX}
_SPAN = {"start_ms": 0, "end_ms": 1480}
_CORNERS = [{"x": 10.0, "y": 8.0}, {"x": 90.0, "y": 8.0}, {"x": 90.0, "y": 30.0}, {"x": 10.0, "y": 30.0}]
_MODELS = {
    "objects": ("yolox-s", "0.1.1rc0"),
    "faces": ("yunet", "2023mar"),
    "transcribe": ("whisper-large-v3", "1"),
    "ocr": ("pp-ocrv4", "1"),
    "places": ("resnet18-places365", "1"),
    "scenes": ("lookhear scenes", "0.1.0"),
}
_TOLD: dict[str, dict[str, Any]] = {
    "objects": {"detections": [{**_FRAME, "label": "person", "confidence": 0.91, **_BOXES}]},
    "faces": {"detections": [{**_FRAME, "label": "face", "confidence": 0.97, **_BOXES, "cluster_id": "0"}]},
    "transcribe": {
        "language": "en",
        "segments": [
            {
                **_SPAN,
                "text": "Good evening.",
                "confidence": 0.93,
                "words": [{**_SPAN, "word": "Good", "start": 0.0, "end": 1.48, "confidence": 0.95}],
            }
        ],
    },
    "ocr": {"detections": [{**_FRAME, "text": "EXIT", "confidence": 0.98, "polygon": _CORNERS}]},
    "places": {"classifications": [{**_FRAME, "predictions": [{"label": "beach", "confidence": 0.62}]}]},
    "scenes": {"scenes": [{"scene_index": 0, "start_ms": 0, "end_ms": 2800, "duration_ms": 2800}]},
}


def _example(path: str) -> dict[str, Any]:
    name, version = _MODELS[path]
    return {
        "run_id": "550e8400-e29b-41d4-a716-446655440000",
        "config_hash": config_hash(INFERENCES[path].form()),
        "input_hash": "ef46db3751d8e999",
        "producer": name,
        "producer_version": version,
        "model": {"name": name, "version": version},
        **_TOLD[path],
        "warnings": [],
    }


EXAMPLES = {path: _example(path) for path in INFERENCES}
