"""Does a model still answer as it did? What one seeded input gives is kept, and compared after every upgrade.

``golden.json`` holds the answers of known weights, by their checksum; for others the first check keeps what it gets in
the store. Kept are the shape, mean and deviation of every output, and values spread over it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookhear.errors import InvalidModel
from lookhear.models.disk import read_table, write_json
from lookhear.models.inspect import check_files
from lookhear.models.runtimes import runtime
from lookhear.models.shelf import Shelf
from lookhear.models.store import Installed

_OURS = Path(__file__).with_name("golden.json")
_VALUES = 16
_TOLERANCE = 1e-3  # of the deviation of an output
Answer = dict[str, dict[str, Any]]


def check(one: Installed, shelf: Shelf) -> str:
    """What was found, in words. Raises InvalidModel where an output is another than it was."""
    check_files(one.card, one.folder)
    answer = answer_of(one, shelf)
    known = read_table(_OURS).get(one.sha256 or "", {}).get("answer")
    own = shelf.store.folder / "golden" / f"{one.card.id}-{(one.sha256 or '')[:16]}.json"
    expected = known or read_table(own)
    if not expected:
        write_json(own, answer)
        return "its answers are kept from now on"
    worst = max((_distance(one, name, answer.get(name), then) for name, then in expected.items()), default=0.0)
    return f"as {'published' if known else 'first seen here'}, off by {worst:.1e} of the deviation at most"


def answer_of(one: Installed, shelf: Shelf) -> Answer:
    """What the model makes of its seeded input."""
    answer: Answer = {}
    for part in one.graphs:
        with shelf.sessions.use(part) as loaded:
            outputs = runtime(part.card).seeded(loaded, part.card)
        before = f"{part.part}/" if part.part else ""
        answer |= {before + name: _summary(output) for name, output in outputs.items()}
    return answer


def _apart(a: float, b: float) -> float:
    """Endless where only one is a number."""
    if a == b or (a != a and b != b):
        return 0.0
    return abs(a - b) if np.isfinite([a, b]).all() else np.inf


def _summary(output: NDArray[Any]) -> dict[str, Any]:
    flat = np.asarray(output, np.float64).ravel()
    places = np.unique(np.linspace(0, len(flat) - 1, _VALUES).astype(int)) if len(flat) else np.empty(0, int)
    with np.errstate(invalid="ignore"):  # some outputs are endless where they are masked
        mean, deviation = (float(flat.mean()), float(flat.std())) if len(flat) else (0.0, 0.0)
    return {
        "shape": list(np.shape(output)),
        "mean": mean,
        "deviation": deviation,
        "values": [float(f"{value:.7g}") for value in flat[places]],
    }


def _distance(one: Installed, name: str, now: dict[str, Any] | None, then: dict[str, Any]) -> float:
    """The largest difference, in deviations of the output. Raises InvalidModel if it is too large."""
    if now is None or now["shape"] != then["shape"]:
        told = "missing" if now is None else f"of shape {now['shape']}"
        raise InvalidModel(f"The output '{name}' of {one.card.id} is {told}; it was of shape {then['shape']}.")
    scale = max(then["deviation"], 1e-6) if np.isfinite(then["deviation"]) else 1.0
    one_by_one = ([*answer["values"], answer["mean"], answer["deviation"]] for answer in (now, then))
    worst = float(np.max([_apart(a, b) for a, b in zip(*one_by_one, strict=True)]) / scale)
    if not worst <= _TOLERANCE:
        raise InvalidModel(
            f"The output '{name}' of {one.card.id} is off by {worst:.2g} of its deviation (allowed {_TOLERANCE:g}): "
            "what runs it has changed. Pin the version that ran it before, or accept it: delete its file in "
            "the folder 'golden' of the store."
        )
    return worst
