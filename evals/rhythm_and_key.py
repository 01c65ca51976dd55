"""Tempo, beats, bars and keys on rendered music, beside librosa and Essentia."""

from __future__ import annotations

from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from evals.answers import Answer, answer
from evals.metrics import beat_f, continuity, key_relation, key_scores, tempo_hits
from evals.music.render import truth

Row = dict[str, float]
SYSTEMS = ("lookhear", "librosa", "essentia")


def answers(paths: list[Path], jobs: int) -> dict[str, list[Answer]]:
    """Of every system, in the order of ``paths``; each in processes of its own, since their FFmpegs do not get along."""
    said = {}
    for system in SYSTEMS:
        with ProcessPoolExecutor(jobs) as pool:
            said[system] = list(pool.map(partial(answer, system), paths))
    return said


@dataclass(frozen=True)
class Judged:
    """What every system says of the files of a set, peers with the key profile that does best there, and the truth."""

    said: dict[str, list[Answer]]
    truths: list[dict[str, Any]]

    def systems(self) -> dict[str, Row]:
        """One row of figures per system."""
        return {system: _figures(given, self.truths) for system, given in self.said.items()}

    def styles(self) -> dict[str, Row]:
        """One row per style and system."""
        members: dict[str, list[int]] = defaultdict(list)
        for i, known in enumerate(self.truths):
            members[known["style"]].append(i)
        return {
            f"{style}: {system}": _figures([given[i] for i in those], [self.truths[i] for i in those])
            for style, those in members.items()
            for system, given in self.said.items()
        }

    def key_errors(self, among: frozenset[int] | None = None) -> dict[str, dict[str, object]]:
        """How many keys of each system, ``among`` files of these seeds, are right, or how they are wrong."""
        rows: dict[str, dict[str, object]] = {}
        for system, given in self.said.items():
            pairs = zip(given, self.truths, strict=True)
            asked = [(a, known) for a, known in pairs if known["key"] and (among is None or known["seed"] in among)]
            rows[system] = dict(Counter(key_relation(a["key"], a["mode"], known) for a, known in asked))
        return rows

    def meters(self) -> dict[str, dict[str, object]]:
        """Confusion of our time signatures: a row per truth, a column per answer."""
        rows: dict[str, dict[str, object]] = {}
        for given, known in zip(self.said["lookhear"], self.truths, strict=True):
            row = rows.setdefault(known["meter"], {})
            column = given["meter"] or "none"
            row[column] = int(str(row.get(column, 0))) + 1
        return dict(sorted(rows.items()))


def judge(paths: list[Path], jobs: int) -> Judged:
    """Ask every system about every file; its truth lies beside it."""
    truths: list[dict[str, Any]] = [truth(path) for path in paths]
    said = answers(paths, jobs)
    return Judged({system: _with_best_key(given, truths) for system, given in said.items()}, truths)


def _with_best_key(given: list[Answer], truths: list[dict[str, Any]]) -> list[Answer]:
    """Peers are taken at their best: the key profile that scores highest on this very set."""
    if "keys" not in given[0]:
        return given

    def total(profile: str) -> float:
        pairs = zip(given, truths, strict=True)
        return sum(key_scores(*answer["keys"][profile][:2], known)[1] for answer, known in pairs if known["key"])

    best = max(given[0]["keys"], key=total)
    return [{**a, "key": a["keys"][best][0], "mode": a["keys"][best][1], "profile": best} for a in given]


def _figures(given: list[Answer], truths: list[dict[str, Any]]) -> Row:
    rows: dict[str, list[float]] = defaultdict(list)
    for said, known in zip(given, truths, strict=True):
        first, second = tempo_hits(said["tempo"], known["tempo"])
        rows["Accuracy1"].append(first)
        rows["Accuracy2"].append(second)
        rows["beat F"].append(beat_f(said["beats"], known["beats"]))
        cmlt, amlt = continuity(said["beats"], known["beats"])
        rows["CMLt"].append(cmlt)
        rows["AMLt"].append(amlt)
        if known["key"] is None:
            rows["no key"].append(said["key"] is None)
        else:
            exact, weighted = key_scores(said["key"], said["mode"], known)
            rows["key exact"].append(exact)
            rows["key weighted"].append(weighted)
        if "meter" in said and known["meter"] in ("3/4", "4/4", "6/8"):
            rows["metre"].append(said["meter"] == known["meter"])
        if "downbeats" in said and known["meter"] != "2/4":
            rows["downbeat F"].append(beat_f(said["downbeats"], known["downbeats"]))
    return {name: float(np.mean(values)) for name, values in rows.items()}
