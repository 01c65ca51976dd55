"""The field's metrics, by mir_eval where it has them (Raffel et al., ISMIR 2014)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

_OCTAVES = (1.0, 2.0, 3.0, 0.5, 1 / 3)


def tempo_hits(estimate: float | None, truth: float) -> tuple[bool, bool]:
    """Accuracy1 and Accuracy2: within 4 %; the second also of twice, thrice, a half, a third (Gouyon et al. 2006)."""
    if not estimate:
        return False, False
    near = [abs(estimate / (truth * factor) - 1) <= 0.04 for factor in _OCTAVES]
    return near[0], any(near)


def beat_f(estimate: list[float], truth: list[float]) -> float:
    """F-measure within 70 ms, the first five seconds left out, as mir_eval does."""
    import mir_eval

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no beats at all is a score of 0, not a warning
        trimmed = [mir_eval.beat.trim_beats(np.array(times, float)) for times in (truth, estimate)]
        return float(mir_eval.beat.f_measure(*trimmed))


def continuity(estimate: list[float], truth: list[float]) -> tuple[float, float]:
    """CMLt and AMLt: continuity at the right level, and at any metrical level."""
    import mir_eval

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trimmed = [mir_eval.beat.trim_beats(np.array(times, float)) for times in (truth, estimate)]
        _, cmlt, _, amlt = mir_eval.beat.continuity(*trimmed)
    return float(cmlt), float(amlt)


def key_scores(key: str | None, mode: str | None, truth: dict[str, Any]) -> tuple[bool, float]:
    """Exact, and MIREX's weighted score (fifth 0.5, relative 0.3, parallel 0.2)."""
    import mir_eval

    if key is None:
        return False, 0.0
    weighted = mir_eval.key.weighted_score(f"{truth['key']} {truth['mode']}", f"{key} {mode}")
    return key == truth["key"] and mode == truth["mode"], float(weighted)


def key_relation(key: str | None, mode: str | None, truth: dict[str, Any]) -> str:
    """right, fifth, relative, parallel, other or none: what the answer is to the true key."""
    if key is None:
        return "none"
    weight = key_scores(key, mode, truth)[1]
    return {1.0: "right", 0.5: "fifth", 0.3: "relative", 0.2: "parallel"}.get(round(weight, 1), "other")


def transitions_met(found: list[int], truth: list[tuple[int, int]], slack: int = 2) -> list[int | None]:
    """Of each true transition (first and last frame) the index of the found frame that meets it, each used once.

    Frames may lie ``slack`` before or after. As many as can be are met: whichever ends first takes the first that is left.
    """
    met: list[int | None] = [None] * len(truth)
    left = sorted(range(len(found)), key=lambda k: found[k])
    for k in sorted(range(len(truth)), key=lambda k: truth[k][1]):
        start, end = truth[k]
        met[k] = next((one for one in left if start - slack <= found[one] <= end + slack), None)
        if met[k] is not None:
            left.remove(met[k])
    return met


def f_of(right: int, found: int, true: int) -> tuple[float, float, float]:
    """Precision, recall and their harmonic mean; 0 where there is nothing to divide by."""
    precision, recall = right / found if found else 0.0, right / true if true else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if right else 0.0
