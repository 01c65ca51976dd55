"""Features of audio and video as the analyzer's clients get them: by message, and ``/models`` and ``/stats``.

A value that is not known is null, and ``warnings`` says why. What was not asked for is left out of ``features``;
``quality_metrics`` and ``similarity_vectors`` are then empty.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lookhear.analysis.codec import plain
from lookhear.analysis.report import Report
from lookhear.contracts.analyzer_messages import Message, message_id
from lookhear.contracts.base import Ask, a, error_of, found, model_versions, sentences
from lookhear.errors import LookhearError, WrongMedium
from lookhear.models.card import Card
from lookhear.version import __version__


@dataclass(frozen=True)
class Group:
    """Fields of the answer that belong together: of which task they are, and of which others that needs beside it."""

    name: str
    fields: tuple[str, ...]
    task: str  #: of sound, and of film unless another is named
    film: str = ""
    beside: tuple[str, ...] = ()
    option: str = ""  #: asked for by it; empty: always
    kinds: frozenset[str] = frozenset({"audio", "video"})

    def value(self, report: Report) -> Any:
        """What its task found; None where it failed."""
        return found(report, self.film if self.film and report.medium.kind == "video" else self.task)


FEATURES = (
    Group(
        "spectral",
        (
            "spectral_centroid", "spectral_rolloff", "spectral_bandwidth", "spectral_contrast", "spectral_flatness",
            "zero_crossing_rate", "mfcc", "chroma", "tonnetz",
        ),
        "spectral",
        option="extract_spectral",
    ),
    Group(
        "mir",
        (
            "tempo", "key", "mode", "time_signature", "onset_rate", "beat_strength", "key_strength",
            "genre_probabilities",
        ),
        "mir",
        beside=("genre",),
        option="extract_mir",
    ),
    Group(
        "perceptual",
        (
            "energy", "valence", "danceability", "acousticness", "instrumentalness", "liveness", "speechiness",
            "loudness", "dynamic_range",
        ),
        "perceptual",
        option="extract_perceptual",
    ),
    Group(
        "technical",
        (
            "resolution", "frame_rate", "bit_rate", "codec", "duration", "aspect_ratio", "has_audio", "audio_channels",
            "quality_score",
        ),
        "technical",
    ),
    Group(
        "visual",
        (
            "scene_changes", "color_histogram", "motion_vectors", "brightness", "contrast", "saturation",
            "faces_detected", "text_regions",
        ),
        "visual",
        beside=("scenes", "faces", "ocr"),
        kinds=frozenset({"video"}),
    ),
)  # fmt: skip
QUALITY = Group(
    "quality_metrics",
    ("snr", "thd", "dynamic_range", "quality_score"),
    "quality",
    film="sound_quality",
    option="quality_assessment",
)
SIMILARITY = Group(
    "similarity_vectors",
    ("spectral_vector", "mir_vector", "combined_vector"),
    "similarity",
    option="similarity_analysis",
)
OPTIONS: dict[str, dict[str, Any]] = {"ocr": {"seconds": 2.0}}
TIMES = {"audio_spectral": "spectral", "audio_mir": "mir", "video_visual": "visual"}  #: field of /stats -> task
_HEARING = frozenset({"music_tags", "speech", "notes", "transcript"})


def ask(options: Collection[str]) -> Ask:
    """The tasks for the ``options`` that are on, whatever the medium is; those that do not fit it are passed over."""
    tasks = [
        task
        for group in (*FEATURES, QUALITY, SIMILARITY)
        if not group.option or group.option in options
        for task in (group.task, group.film, *group.beside)
        if task
    ]
    return Ask(tuple(dict.fromkeys(tasks)), {task: dict(told) for task, told in OPTIONS.items() if task in tasks})


def answer(
    message: Message, report: Report, *, seconds: float | None = None, now: datetime | None = None
) -> dict[str, Any]:
    """The message that tells what was found. ``seconds``: how long it took, else as the report says.

    Raises WrongMedium for a picture.
    """
    kind = report.medium.kind
    if kind not in ("audio", "video"):
        raise WrongMedium(f"This is {a(kind)}. The analyzer takes audio and video; images have doors of their own.")
    asked = [group for group in FEATURES if kind in group.kinds and _wanted(group, message)]
    took = report.timings.get("total", 0.0) if seconds is None else seconds
    return {
        **_head(message.message_id, message.media_id, took),
        "success": True,
        "features": {group.name: _fields(group, report) for group in asked},
        "quality_metrics": _fields(QUALITY, report) if _wanted(QUALITY, message) else {},
        "similarity_vectors": _fields(SIMILARITY, report) if _wanted(SIMILARITY, message) else {},
        "model_versions": model_versions(report),
        "warnings": sentences(report),
        "timestamp": _stamp(now),
    }


def failed(
    message: Message | bytes | str,
    error: LookhearError | Exception | Mapping[str, str],
    *,
    seconds: float = 0.0,
    now: datetime | None = None,
) -> dict[str, Any]:
    """The message that tells of a failure; ``message``: its bytes, or its id, where it could not be read."""
    if isinstance(message, Message):
        head = _head(message.message_id, message.media_id, seconds)
    else:
        head = _head(message if isinstance(message, str) else message_id(message), None, seconds)
    return {
        **head,
        "success": False,
        "error": error_of(error) if isinstance(error, Exception) else dict(error),
        "features": {},
        "quality_metrics": {},
        "similarity_vectors": {},
        "model_versions": {},
        "warnings": [],
        "timestamp": _stamp(now),
    }


def routing_key(kind: str) -> str:
    """Of the answer about a medium of ``kind``; what is no film goes with audio."""
    return f"enriched.{'video' if kind == 'video' else 'audio'}.analyzed"


def kind_of(answer: Mapping[str, Any]) -> str:
    """What an ``answer`` is about: what is seen is told of films alone."""
    return "video" if "visual" in answer.get("features", {}) else "audio"


def models(cards: Sequence[Card], loaded: Collection[str], memory_mb: float | None) -> dict[str, Any]:
    """The answer of ``/models`` about what is installed. ``loaded``: ids that are in memory."""
    told = [
        {
            "name": card.name,
            "version": card.version,
            "type": "audio" if card.role in _HEARING else "video",
            "status": "loaded" if card.id in loaded else "installed",
            "accuracy": next((of for name, of in card.metrics.items() if "accuracy" in name.lower()), None),
            "classes": list(card.labels),
        }
        for card in cards
    ]
    return {"models": told, "total_models": len(told), "memory_usage_mb": memory_mb}


@dataclass(frozen=True)
class Measured:
    """What was counted. ``task_seconds``: mean by task."""

    completed: int = 0
    failed: int = 0
    mean_seconds: float | None = None
    pending: int = 0
    processing: int = 0
    completed_today: int = 0
    task_seconds: Mapping[str, float] | None = None


def stats(measured: Measured) -> dict[str, Any]:
    """The answer of ``/stats``; null where nothing was measured yet."""
    done = measured.completed + measured.failed
    seconds = measured.task_seconds or {}
    return {
        "processed_files": done,
        "average_processing_time": measured.mean_seconds,
        "success_rate": round(measured.completed / done, 6) if done else None,
        "error_rate": round(measured.failed / done, 6) if done else None,
        "queue_metrics": {
            "pending": measured.pending,
            "processing": measured.processing,
            "completed_today": measured.completed_today,
        },
        "feature_extraction_times": {name: seconds.get(task) for name, task in TIMES.items()},
    }


def _wanted(group: Group, message: Message) -> bool:
    return not group.option or group.option in message.options


def _fields(group: Group, report: Report) -> dict[str, Any]:
    value = group.value(report)
    return {name: plain(getattr(value, name, None)) for name in group.fields}


def _head(message: str, media: str | None, seconds: float) -> dict[str, Any]:
    return {
        "message_id": message,
        "media_id": media,
        "analysis_version": __version__,
        "processing_time": round(seconds, 3),
    }


def _stamp(now: datetime | None) -> str:
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return moment.isoformat(timespec="seconds").removesuffix("+00:00") + "Z"
