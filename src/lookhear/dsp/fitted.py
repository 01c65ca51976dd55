"""Weights fitted on rendered music, by ``evals/fit_rhythm.py``; read once."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=1)
def _fitted() -> dict[str, dict[str, list[float]]]:
    return json.loads(Path(__file__).with_name("fitted.json").read_text())  # type: ignore[no-any-return]


def scores(choice: str, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(hypotheses,) log-odds of rows of features."""
    known = _fitted()[choice]
    return np.asarray(rows @ np.array(known["weights"]) + known["offset"][0])


def odds(choice: str, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(hypotheses,) probabilities that add up to one."""
    value = scores(choice, rows)
    share = np.exp(value - value.max())
    return np.asarray(share / share.sum())
