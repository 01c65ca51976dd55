"""Tags of an audio or video file, for a player's library: ``/tag/*`` and ``/result/{id}``.

Its client makes a tag of every string at the top level and of every element of an array there, and breaks on arrays of
anything else; so the rest goes into objects. Nobody is known by face: ``faces`` has an entry for as many as are seen at
once, which is the least number of different people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lookhear.analysis.report import Report
from lookhear.contracts.base import Ask, error_of, failure
from lookhear.errors import LookhearError

Kind = Literal["audio", "video"]
BEST = 3  #: genres and moods


@dataclass(frozen=True)
class Tag:
    """One entry of the answer: the tasks it is of, the first that has it; how it is read; what stands where none has."""

    name: str
    tasks: tuple[str, ...]
    read: Callable[[Any], Any]
    empty: Any


def best(shares: Mapping[str, float], most: int = BEST) -> list[str]:
    """The likeliest, best first."""
    return sorted(shares, key=lambda name: -shares[name])[:most]


def _faces(value: Any) -> list[str]:
    count = value.most_at_once if hasattr(value, "most_at_once") else value.face_count
    return [f"face {i + 1}" for i in range(count)]


def _scenes(value: Any) -> dict[str, Any]:
    segments = [{"start": scene.start, "end": scene.end} for scene in value.scenes]
    return {"cuts": [cut.time for cut in value.cuts], "segments": segments}


TAGS: dict[str, tuple[Tag, ...]] = {
    "audio": (
        Tag("genre", ("genre",), lambda value: best(value.probabilities), ()),
        Tag("mood", ("mood",), lambda value: best(value.words), ()),
        Tag("instruments", ("instruments",), lambda value: [one.label for one in value.instruments], ()),
        Tag("fingerprint", ("sound_duplicates", "duplicates"), lambda value: getattr(value, "fingerprint", None), None),
        Tag("transcript", ("transcript",), lambda value: value.text, ""),
    ),
    "video": (
        Tag("objects", ("objects",), lambda value: sorted(value.labels), ()),
        Tag("faces", ("faces",), _faces, ()),
        Tag("scenes", ("scenes",), _scenes, {"cuts": (), "segments": ()}),
        Tag("transcript", ("transcript",), lambda value: value.text, ""),
    ),
}


def ask(kind: Kind) -> Ask:
    """For ``POST /tag/{kind}``."""
    return Ask(tuple(dict.fromkeys(task for tag in TAGS[kind] for task in tag.tasks)))


def accepted(number: int) -> dict[str, Any]:
    """To an upload; ``number`` above 0."""
    return {"job_id": number}


def pending() -> dict[str, Any]:
    """About a job that goes on, and about one that nobody knows."""
    return {"status": "pending"}


def answer(kind: Kind, report: Report) -> dict[str, Any]:
    """About a job that is done. What could not be told is empty, and ``warnings`` says why."""
    told: dict[str, Any] = {}
    warnings: dict[str, str] = {}
    for tag in TAGS[kind]:
        values = [report[task] for task in tag.tasks if task in report]
        read = (tag.read(value) for value in values)
        told[tag.name] = next((one for one in read if one is not None), _plain(tag.empty))
        if not values:
            warnings[tag.name] = failure(report, *tag.tasks).message
    if "genre" in report and told.get("genre") and report["genre"].genre is None:
        warnings["genre"] = "No genre is likely; these are the nearest."
    return {**told, "warnings": warnings} if warnings else told


def _plain(empty: Any) -> Any:
    """A fresh one, as JSON has it."""
    if isinstance(empty, dict):
        return {name: _plain(one) for name, one in empty.items()}
    return [] if empty == () else empty


def failed(error: LookhearError | Exception) -> dict[str, Any]:
    """About a job that failed."""
    return {"error": error_of(error)}
