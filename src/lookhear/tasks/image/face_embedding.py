"""Face embeddings: a vector for each face, close for pictures of one person.

Aim: to find the pictures of a person, and to group faces by person.
Reference: Deng et al., "ArcFace", CVPR 2019; SFace (Zhong et al., IEEE TIP 2021) by name. A face is turned and scaled so
that its five landmarks lie nearest to ArcFace's template in 112 × 112 pixels (least squares without shear, Umeyama, IEEE
PAMI 1991).
Conventions: unit vectors, so the cosine of two is their product; 512 numbers, or as many as the model gives. Faces, places
and landmarks as in ``faces``, in that order. A face without landmarks, as UltraFace finds them, has no vector: null, with a
warning. No face: empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lookhear.dsp.similarity_transform import similarity
from lookhear.media.forms import FloatArray
from lookhear.models.shelf import Model
from lookhear.tasks.base import AUTO, Context, Fold, Form, Picture, PictureFold, Sampling, Task
from lookhear.tasks.detections import BoundingBox, Pixels, planes

_ROLE = "face_embedding"
_NEED = "faces"
_SIDE = 4096  # small faces of large photos need their pixels
_TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)  # ArcFace's: eyes, nose, corners of the mouth in 112 x 112 pixels
_PIXELS = 112
_BATCH = 16


@dataclass(frozen=True)
class FaceEmbeddingOptions:
    """``model``: which one makes the vectors; faces are found as the options of ``faces`` say."""

    model: str = AUTO


@dataclass(frozen=True)
class EmbeddedFace:
    """``landmarks``: x and y of left eye, right eye, nose, left and right corner of the mouth."""

    bbox: BoundingBox
    confidence: float
    landmarks: tuple[tuple[float, float], ...] | None
    embedding: tuple[float, ...] | None


@dataclass(frozen=True)
class FaceEmbeddingResult:
    """The surest face first."""

    face_count: int = 0
    dimension: int | None = None  #: numbers of a vector
    faces: tuple[EmbeddedFace, ...] = ()


def aligned(pixels: Pixels, points: FloatArray) -> Pixels | None:
    """(112, 112, 3): the face whose five ``points`` (x, y) are given, upright; None where they are all one."""
    import cv2

    matrix = similarity(points.astype(np.float64), _TEMPLATE)
    if matrix is None:
        return None
    return np.asarray(cv2.warpAffine(pixels, matrix, (_PIXELS, _PIXELS), borderValue=0), np.uint8)


def _vectors(model: Model, crops: Sequence[Pixels]) -> list[FloatArray]:
    facts = model.card.facts
    name = next(iter(model.card.inputs))
    step = _BATCH if model.card.batch else 1
    found: list[FloatArray] = []
    for start in range(0, len(crops), step):
        batch = np.concatenate([planes(crop) for crop in crops[start : start + step]])
        rows = model.run({name: (batch - float(facts["mean"])) / float(facts["std"])})[0].reshape(len(batch), -1)
        found += list(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
    return found


def _embedded(picture: Picture | None, context: Context) -> FaceEmbeddingResult:
    faces, facts = context.results[_NEED].faces, context.probe.picture
    if picture is None or facts is None or not faces:
        return FaceEmbeddingResult()
    rows, columns = picture.pixels.shape[:2]
    scale = np.array([columns / facts.width, rows / facts.height], np.float32)
    known = [_points(face.landmarks) for face in faces]
    crops = [
        None if points is None else aligned(picture.pixels, np.array(points, np.float32) * scale) for points in known
    ]
    vectors = iter(_vectors(context.models[_ROLE], [crop for crop in crops if crop is not None]))
    told = [None if crop is None else tuple(round(float(x), 6) for x in next(vectors)) for crop in crops]
    if None in told:
        context.warn("Faces without landmarks have no vector: take a model that finds them (faces.model).")
    dimension = next((len(vector) for vector in told if vector), None)
    found = zip(faces, known, told, strict=True)
    embedded = tuple(EmbeddedFace(face.bbox, face.confidence, points, vector) for face, points, vector in found)
    return FaceEmbeddingResult(len(faces), dimension, embedded)


def _points(landmarks: Any) -> tuple[tuple[float, float], ...] | None:
    if landmarks is None:
        return None
    named = (landmarks.left_eye, landmarks.right_eye, landmarks.nose, landmarks.left_mouth, landmarks.right_mouth)
    return tuple((float(x), float(y)) for x, y in named)


class FaceEmbedding(Task[FaceEmbeddingOptions, FaceEmbeddingResult]):
    """Vectors of faces."""

    name = "face_embedding"
    version = "1"
    summary = "a vector for each face, to find and group persons by"
    kinds = frozenset({"image"})
    forms = frozenset({Form.PIXELS})
    needs = (_NEED,)
    role = _ROLE
    default = False
    headline: ClassVar[dict[str, str]] = {"faces with vectors": "face_count"}
    Options = FaceEmbeddingOptions
    Result = FaceEmbeddingResult

    def start(self, context: Context, options: FaceEmbeddingOptions) -> Fold[FaceEmbeddingResult]:
        """A fresh fold."""
        return PictureFold(lambda picture: _embedded(picture, context))

    def sampling(self, options: FaceEmbeddingOptions) -> Sampling:
        """Large."""
        return Sampling(side=_SIDE)


TASKS = (FaceEmbedding(),)
