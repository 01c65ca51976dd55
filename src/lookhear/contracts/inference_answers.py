"""Answers of ``/infer/*``.

``frame_number`` and ``bounding_box`` repeat ``frame_index`` and ``bbox``, which some clients read in their place. Faces of a
film are grouped by their tracks: ``cluster_id`` is one face from when it appears until it is gone, so that a person who
comes back gets another. A film in which nobody speaks has the language "und" (ISO 639-2: undetermined), and no segments.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from lookhear.analysis.report import Report
from lookhear.contracts.base import a, failure, found, models_of, ms, sentences, value
from lookhear.contracts.inference import Config, config_hash, inference
from lookhear.errors import EmptyMedium, WrongMedium
from lookhear.version import __version__

_UNKNOWN = "und"


def answer(path: str, config: Config, report: Report, run_id: str | None = None) -> dict[str, Any]:
    """To ``/infer/{path}``. Raises the error of the task: ModelMissing, WrongMedium, …"""
    told = _READERS[path](report)
    model = _model(path, report)
    ours = {"name": "lookhear", "version": __version__}
    producer = model if models_of(report, inference(path).task) else ours
    profile = {"model_profile": config.model_profile} if hasattr(config, "model_profile") else {}
    return {
        "run_id": run_id or str(uuid.uuid4()),
        "config_hash": config_hash(config),
        "input_hash": report.medium.xxh64,
        "producer": producer["name"],
        "producer_version": producer["version"],
        "model": model,
        **profile,
        **told,
        "warnings": sentences(report),
    }


def _model(path: str, report: Report) -> dict[str, str]:
    """What really ran: the first of its models, or what comes along, with the version of the task."""
    one = inference(path)
    for model in models_of(report, one.task):
        return {"name": model.name, "version": model.version}
    versions = (finding.provenance.task_version for finding in report.findings if finding.task == one.task)
    return {"name": one.own, "version": next(versions, "1")}


def _objects(report: Report) -> dict[str, Any]:
    frames = _film(report, "objects").frames
    return {
        "detections": [
            {**_frame(frame), "label": one.label, "confidence": one.confidence, **_box(one.bbox)}
            for frame in frames
            for one in frame.objects
        ]
    }


def _faces(report: Report) -> dict[str, Any]:
    frames = _film(report, "faces").frames
    return {
        "detections": [
            {**_frame(frame), "label": "face", "confidence": one.confidence, **_box(one.bbox), **_cluster(one.track)}
            for frame in frames
            for one in frame.faces
        ]
    }


def _cluster(track: int | None) -> dict[str, Any]:
    return {"cluster_id": None if track is None else str(track)}


def _ocr(report: Report) -> dict[str, Any]:
    frames = _film(report, "ocr").frames
    return {
        "detections": [
            {
                **_frame(frame),
                "text": one.text,
                "confidence": one.confidence,
                "polygon": [{"x": point.x, "y": point.y} for point in one.polygon],
            }
            for frame in frames
            for one in frame.regions
        ]
    }


def _places(report: Report) -> dict[str, Any]:
    frames = _film(report, "places").frames
    return {
        "classifications": [
            {**_frame(frame), "predictions": [{"label": one.name, "confidence": one.score} for one in frame.places]}
            for frame in frames
        ]
    }


def _transcript(report: Report) -> dict[str, Any]:
    said = found(report, "transcript")
    if said is None:
        error = failure(report, "transcript")
        if isinstance(error, EmptyMedium):
            return {"language": _UNKNOWN, "segments": []}
        raise error
    return {"language": said.language or _UNKNOWN, "segments": [_segment(one) for one in said.segments]}


def _segment(one: Any) -> dict[str, Any]:
    words = [
        {**_span(word), "word": word.word.strip(), "start": word.start, "end": word.end, "confidence": word.probability}
        for word in one.words
    ]
    return {**_span(one), "text": one.text, "confidence": one.confidence, "words": words}


def _span(one: Any) -> dict[str, int]:
    return {"start_ms": ms(one.start), "end_ms": ms(one.end)}


def _scenes(report: Report) -> dict[str, Any]:
    scenes = value(report, "scenes").scenes
    least = _least(report)
    end = scenes[-1].end if scenes else report.medium.duration or 0.0
    edges = tiles([scene.start for scene in scenes], end, least)
    return {
        "scenes": [
            {"scene_index": index, "start_ms": start, "end_ms": end, "duration_ms": end - start}
            for index, (start, end) in enumerate(pairwise(edges))
        ]
    }


def _least(report: Report) -> float:
    """The least length of a scene (s) that was asked for."""
    options = next(one.provenance.options for one in report.findings if one.task == "scenes")
    return float(options.get("min_scene_length", 0.0))


def tiles(starts: Iterable[float], duration: float, least: float) -> list[int]:
    """Edges (ms) of scenes that tile 0 to ``duration`` (s): 0, the starts, the end. Scenes shorter than ``least`` (s) join
    the next, the last the one before; without any start there is one scene, of an empty film none."""
    end, shortest = ms(duration), max(1, ms(least))
    if end <= 0:
        return []
    edges = [0]
    for start in sorted(map(ms, starts)):
        if start - edges[-1] >= shortest and end - start >= shortest:
            edges.append(start)
    return [*edges, end]


def _film(report: Report, task: str) -> Any:
    """The value of a film. Raises WrongMedium for a picture."""
    if report.medium.kind != "video":
        raise WrongMedium(f"This is {a(report.medium.kind)}, not video. Send a film.")
    return value(report, task)


def _frame(frame: Any) -> dict[str, int]:
    return {"frame_index": frame.frame, "frame_number": frame.frame, "timestamp_ms": ms(frame.time)}


def _box(box: Any) -> dict[str, Any]:
    return {"bbox": asdict(box), "bounding_box": asdict(box)}


_READERS: dict[str, Callable[[Report], dict[str, Any]]] = {
    "objects": _objects,
    "faces": _faces,
    "transcribe": _transcript,
    "ocr": _ocr,
    "places": _places,
    "scenes": _scenes,
}
