"""Requests of ``/infer/*`` on films, and what they ask of the engine; the answers are in ``inference_answers``.

A request is a file on the server (``video_path``) or an upload with the same fields; what configures the analysis is hashed
as it always was: xxHash64 of the sorted JSON of all fields but the path and the hash of the input, defaults filled in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import xxhash
from pydantic import BaseModel, ConfigDict, Field

from lookhear.contracts.base import Ask, Statuses
from lookhear.contracts.model_names import DETECTOR, FACES, WHISPER, Door, Known
from lookhear.errors import HashMismatch, MediumNotFound, UnknownTask

STATUSES: Statuses = {MediumNotFound: 400}  #: no such file
_LEAST = 1e-6  # a threshold of 0 keeps all, and ours must be above it


class Config(BaseModel):
    """What configures an analysis. Unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())


class File(BaseModel):
    """Which film."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    video_path: str = Field(
        min_length=1, description="A file on the server, in a folder of MEDIA_ROOTS.", examples=["/media/a.mp4"]
    )
    input_hash: str | None = Field(None, description="xxHash64 of the file, 16 hexadecimal digits; checked when given.")


_FRAMES = "Every how many frames one is looked at."


class ObjectsConfig(Config):
    """Objects in frames."""

    model_name: str = Field("yolov8n.pt", description="A model of the catalogue; the default is the active detector.")
    frame_interval: int = Field(30, ge=1, description=_FRAMES)
    confidence_threshold: float = Field(0.5, ge=0, le=1)
    model_profile: Literal["fast", "balanced", "high_quality"] = Field(
        "balanced", description="Which installed detector stands for the default: the smallest, the active, the best."
    )


class FacesConfig(Config):
    """Faces in frames."""

    model_name: str = Field("yolov8n-face.pt", description="A model of the catalogue; the default is the active one.")
    frame_interval: int = Field(30, ge=1, description=_FRAMES)
    confidence_threshold: float = Field(0.5, ge=0, le=1)


class TranscribeConfig(Config):
    """Speech."""

    model_name: str = Field("large-v3", description="A model of the catalogue; the default is the active one.")
    language: str | None = Field(None, description="ISO 639 code; null: told from the speech.", examples=["en"])
    vad_filter: bool = Field(True, description="Leave out what is no speech.")


class OcrConfig(Config):
    """Text in frames."""

    frame_interval: int = Field(60, ge=1, description=_FRAMES)
    languages: list[str] = Field(["en"], min_length=1, description="ISO 639 codes of what must be read.")
    use_gpu: bool = Field(True, description="Taken for the hash; the service decides where models run.")


class PlacesConfig(Config):
    """Kinds of places in frames."""

    frame_interval: int = Field(60, ge=1, description=_FRAMES)
    top_k: int = Field(5, ge=1, description="Predictions for each frame.")


class ScenesConfig(Config):
    """Scenes."""

    threshold: float = Field(0.4, gt=0, lt=1, description="The least probability of a transition.")
    min_scene_length: float = Field(0.6, ge=0, allow_inf_nan=False, description="s; shorter scenes join a neighbour.")


class ObjectsRequest(ObjectsConfig, File):
    """Objects in a film on the server."""


class FacesRequest(FacesConfig, File):
    """Faces in a film on the server."""


class TranscribeRequest(TranscribeConfig, File):
    """Speech in a film on the server."""


class OcrRequest(OcrConfig, File):
    """Text in a film on the server."""


class PlacesRequest(PlacesConfig, File):
    """Kinds of places in a film on the server."""


class ScenesRequest(ScenesConfig, File):
    """Scenes of a film on the server."""


@dataclass(frozen=True)
class Inference:
    """One path of ``/infer``: what it takes, which task it is, and the options of that."""

    task: str
    form: type[Config]  #: of an upload, beside the part ``file``
    request: type[Config]  #: the same with the path of a file on the server
    options: Callable[[Any], dict[str, Any]]
    door: Door | None = None  #: what its model names mean
    own: str = ""  #: what it is done with where no model of the catalogue takes part


def _detection(config: ObjectsConfig | FacesConfig) -> dict[str, Any]:
    return {"frame_interval": config.frame_interval, "min_confidence": max(config.confidence_threshold, _LEAST)}


INFERENCES: dict[str, Inference] = {
    "objects": Inference("objects", ObjectsConfig, ObjectsRequest, _detection, DETECTOR),
    "faces": Inference("faces", FacesConfig, FacesRequest, _detection, FACES),
    "transcribe": Inference(
        "transcript",
        TranscribeConfig,
        TranscribeRequest,
        lambda config: {
            "language": config.language,
            "vad_filter": config.vad_filter,
            "word_timestamps": True,
        },
        WHISPER,
    ),
    "ocr": Inference(
        "ocr",
        OcrConfig,
        OcrRequest,
        lambda config: {"frame_interval": config.frame_interval, "languages": tuple(config.languages)},
        own="pp-ocrv6-small",
    ),
    "places": Inference(
        "places",
        PlacesConfig,
        PlacesRequest,
        lambda config: {
            "frame_interval": config.frame_interval,
            "top_k": config.top_k,
            "min_score": 0.0,
            "frames": True,
        },
    ),
    "scenes": Inference(
        "scenes",
        ScenesConfig,
        ScenesRequest,
        lambda config: {"threshold": config.threshold, "min_scene_length": config.min_scene_length},
        own="lookhear-transitions",
    ),
}


def inference(path: str) -> Inference:
    """The one at ``/infer/{path}``. Raises UnknownTask."""
    if path not in INFERENCES:
        raise UnknownTask(f"There is no /infer/{path}. There are: {', '.join(INFERENCES)}.")
    return INFERENCES[path]


def ask(path: str, config: Config, known: Known) -> Ask:
    """What ``config`` asks for, with the models that are ``known``. Raises UnknownModel."""
    one = inference(path)
    options = one.options(config)
    if one.door is not None:
        name, profile = getattr(config, "model_name", ""), getattr(config, "model_profile", "balanced")
        options["model"] = known.model(one.door, name, profile)
    return Ask((one.task,), {one.task: options})


def configuration(config: Config) -> dict[str, Any]:
    """All that configures the analysis, defaults filled in."""
    return config.model_dump(mode="json", exclude=set(File.model_fields))


def config_hash(config: Config) -> str:
    """xxHash64 of that as sorted JSON, 16 hexadecimal digits."""
    return xxhash.xxh64(json.dumps(configuration(config), sort_keys=True).encode()).hexdigest()


_HASH = re.compile(r"[0-9a-f]{16}")


def check_hash(expected: str | None, found: str) -> None:
    """Raises HashMismatch if ``expected`` is given and is not that of the file."""
    if expected is None or expected.lower() == found:
        return
    if not _HASH.fullmatch(expected.lower()):
        raise HashMismatch(
            "input_hash must be the xxHash64 of the file, 16 hexadecimal digits; leave it out if unknown."
        )
    raise HashMismatch(f"The file has the xxHash64 {found}, not {expected}: it has changed, or it is another one.")
