"""Weights fitted on rendered music (``evals/fit_rhythm.py``) and films (``evals/fit_scenes.py``); read once."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=1)
def _fitted() -> dict[str, dict[str, list[float]]]:
    files = map(Path(__file__).with_name, ("fitted.json", "fitted_films.json"))
    return {choice: known for file in files for choice, known in json.loads(file.read_text()).items()}


def scores(choice: str, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(hypotheses,) log-odds of rows of features."""
    known = _fitted()[choice]
    return np.asarray(rows @ np.array(known["weights"]) + known["offset"][0])


def odds(choice: str, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(hypotheses,) probabilities that add up to one."""
    value = scores(choice, rows)
    share = np.exp(value - value.max())
    return np.asarray(share / share.sum())
