"""Which of several copies is the best one: the largest picture, the longest sound or film; of those, the finest."""

from __future__ import annotations

from collections.abc import Sequence

from lookhear.analysis.report import MediumFacts

EQUAL = "the first of equals"
_WHOLE = 0.97  # of the longest: what lasts this long is not cut
_LOSSLESS = frozenset(
    {"png", "tiff", "bmp", "ppm", "flac", "alac", "wavpack", "tta", "ape", "mlp", "truehd", "ffv1", "huffyuv"}
)
Grades = tuple[tuple[str, float], ...]


def extent(facts: MediumFacts) -> float:
    """Pixels of a picture, seconds of all else."""
    return _pixels(facts) if facts.kind == "image" else facts.duration or 0.0


def pick(media: Sequence[MediumFacts]) -> tuple[int, str]:
    """The place of the best one, and why in words. Sounds and films within 3 % of the longest count as whole."""
    full = max(map(extent, media))
    whole = [facts.kind == "image" or extent(facts) >= _WHOLE * full for facts in media]
    graded = [(("longest", float(here)), *_grades(facts)) for facts, here in zip(media, whole, strict=True)]
    values = [tuple(value for _, value in grades) for grades in graded]
    best = max(range(len(media)), key=lambda place: values[place])
    for column, (words, value) in enumerate(graded[best]):
        if any(other[column] < value for other in values):
            return best, words
    return best, EQUAL


def _grades(facts: MediumFacts) -> Grades:
    size = ("largest file", float(facts.size or 0))
    if facts.kind == "audio":
        sound = facts.probe.sound
        codec = sound.codec if sound else ""
        rate = (sound.bit_rate if sound else None) or facts.probe.bit_rate or 0
        return (("lossless", float(_lossless(codec))), ("highest bit rate", float(rate)), size)
    codec = facts.probe.video[0].codec if facts.probe.video else ""
    return (("most pixels", _pixels(facts)), ("lossless", float(_lossless(codec))), size)


def _pixels(facts: MediumFacts) -> float:
    stream = facts.probe.moving or next(iter(facts.probe.video), None)
    return float(stream.width * stream.height) if stream else 0.0


def _lossless(codec: str) -> bool:
    return codec in _LOSSLESS or codec.startswith("pcm_")
