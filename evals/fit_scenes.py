"""Fit the weights by which transitions between shots are told from other changes: python -m evals.fit_scenes.

Logistic regressions with an L2 penalty over all candidates in the films of the set "tune": one for each kind of
transition. Candidates beside a true transition are left out.
Writes ``src/lookhear/dsp/fitted_films.json``.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evals.films import rendered
from evals.fit_rhythm import fit_yes
from lookhear.dsp.cuts import cut_candidates
from lookhear.dsp.fades import FIGURES, figures, flat_stretches
from lookhear.dsp.gradual import gradual_candidates
from lookhear.dsp.shots import Signals, signals
from lookhear.dsp.traces import Traces
from lookhear.dsp.transitions import joined
from lookhear.media.decoder import Decoder
from lookhear.media.forms import Form, Frames
from lookhear.media.medium import open_medium

OUT = Path(__file__).parents[1] / "src" / "lookhear" / "dsp" / "fitted_films.json"
Rows = NDArray[np.float64]
Labelled = tuple[Rows, NDArray[np.bool_]]


def track(path: Path) -> Signals:
    """Signals of a whole film."""
    parts, before = [], None
    with open_medium(path) as medium:
        for item in Decoder(medium, frozenset({Form.FRAMES})):
            assert isinstance(item, Frames)
            parts.append(signals(item.luma, item.chroma, before))
            before = item.luma[-1]
    return joined(parts)


def candidates(path: Path) -> dict[str, Labelled]:
    """Features of all candidates of a film that are clearly right or clearly wrong."""
    known: list[dict[str, Any]] = json.loads(path.with_suffix(".json").read_text())["transitions"]
    whole = track(path)
    frames, rows = cut_candidates(whole)
    cuts = np.array([one["start"] for one in known if one["kind"] == "cut"])
    spans = np.array([(one["start"], one["end"]) for one in known if one["kind"] != "cut"]).reshape(-1, 2)
    right = _near(frames, cuts, 1)
    wrong = ~_near(frames, cuts, 3) & ~_within(frames, frames, spans, 3)
    kept = right | wrong
    found = {"cut": (rows[kept], right[kept])}

    windows, rows = gradual_candidates(whole, dense=8)  # more of the true ones than are tried
    wrong = ~_within(windows[:, 0], windows[:, 1], spans, 0)
    for kind in ("dissolve", "wipe"):
        right = np.zeros(len(windows), bool)
        for start, end in ((one["start"], one["end"]) for one in known if one["kind"] == kind):
            slack = max(2.0, 0.25 * (end - start + 1))
            right |= (np.abs(windows[:, 0] - start) <= slack) & (np.abs(windows[:, 1] - end) <= slack)
        kept = right | wrong
        found[kind] = (rows[kept], right[kept])

    traces = Traces()
    traces.add(whole)
    fades = np.array([(one["start"], one["end"]) for one in known if one["kind"] == "fade"]).reshape(-1, 2)
    within = [flat for flat in flat_stretches(traces) if flat.start > 0 and flat.end < len(whole) - 1]
    first, last = (np.array([getattr(flat, name) for flat in within], int) for name in ("first", "last"))
    rows = np.array([figures(traces, flat) for flat in within]).reshape(-1, len(FIGURES))
    found["fade"] = (rows, _within(first, last, fades, 0))
    return found


def _near(frames: NDArray[Any], true: NDArray[Any], slack: int) -> NDArray[np.bool_]:
    if not len(true):
        return np.zeros(len(frames), bool)
    return np.asarray(np.abs(frames[:, None] - true[None, :]).min(axis=1) <= slack)


def _within(first: NDArray[Any], last: NDArray[Any], spans: NDArray[Any], slack: int) -> NDArray[np.bool_]:
    """Do frames ``first`` to ``last`` touch any span?"""
    touched = (first[:, None] <= spans[None, :, 1] + slack) & (last[:, None] >= spans[None, :, 0] - slack)
    return np.asarray(touched.any(axis=1))


def main() -> None:
    """Gather, fit, write."""
    parser = argparse.ArgumentParser(prog="python -m evals.fit_scenes", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--penalty", type=float, default=1e-4)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.jobs) as pool:
        films = list(pool.map(candidates, rendered("tune")))
    fitted = {}
    for choice in ("cut", "dissolve", "wipe", "fade"):
        some = [film[choice] for film in films if len(film[choice][1])]
        rows, right = (np.concatenate(part) for part in zip(*some, strict=True))
        print(f"{choice}: {len(rows)} candidates, {right.sum()} true")
        constant = np.ones((len(rows), 1))
        known = fit_yes(np.concatenate([constant, rows], axis=1), right, arguments.penalty)
        fitted[choice] = {"weights": known["weights"][1:], "offset": [known["offset"][0] + known["weights"][0]]}
    OUT.write_text(json.dumps(fitted, indent=1) + "\n")


if __name__ == "__main__":
    main()
