"""What can be searched, and by what: which task makes the vectors of a collection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lookhear.analysis.report import ModelUsed, Report
from lookhear.contracts.base import Ask, models_of, value
from lookhear.contracts.jobs import FACES, IMAGES
from lookhear.contracts.points import face_point_id, point_id
from lookhear.errors import InputError
from lookhear.models.card import AUTO, Want

Vector = Sequence[float]


@dataclass(frozen=True)
class Searched:
    """A collection. ``read``: the vectors in a value of ``task``, the surest first; ``role``: of the model behind it."""

    collection: str
    task: str
    role: str
    read: Callable[[Any], Sequence[Vector | None]]
    nothing: str  #: why a medium has no vector
    point: Callable[[str, int], int]  #: id of the vector at a place in a medium
    words: bool = False  #: texts have vectors, too


SEARCHED = {
    "images": Searched(
        collection=IMAGES,
        task="embedding",
        role="image_embedding",
        read=lambda value: [value.vector] if value.vector else [],
        nothing="There is no picture in it.",
        point=lambda media_store_id, place: point_id(media_store_id),
        words=True,
    ),
    "faces": Searched(
        collection=FACES,
        task="face_embedding",
        role="face_embedding",
        read=lambda value: [face.embedding for face in value.faces],
        nothing="No face was found in it. Send a picture that shows one.",
        point=face_point_id,
    ),
}


def ask(searched: Searched, model: str = AUTO) -> Ask:
    """For the vectors of a medium, made with ``model``."""
    return Ask((searched.task,), {} if model == AUTO else {searched.task: {"model": model}})


def want(searched: Searched, model: str = AUTO) -> Want:
    """The model itself."""
    return Want(searched.role, model)


def answer(searched: Searched, report: Report, place: int = 0) -> tuple[Vector, ModelUsed]:
    """The vector at ``place`` in a report that was asked for, and the weights that made it.

    Raises InputError where there is none, or the error of the task.
    """
    vectors = searched.read(value(report, searched.task))
    found = vectors[place] if place < len(vectors) else None
    if not found:
        raise InputError(searched.nothing if not vectors else f"There is no face {place} in it that has a vector.")
    return found, models_of(report, searched.task)[0]
