"""Transitions between shots: Lookhear beside PySceneDetect, on rendered films whose truth is known."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from evals.films import rendered
from evals.metrics import f_of, transitions_met
from evals.scene_answers import GRID, LEAST, Seen, ours, theirs
from evals.tables import markdown

KINDS = ("cut", "dissolve", "wipe", "fade")
BOTH = "AdaptiveDetector + ThresholdDetector"
_NOTE = """A transition is found when a frame lies within it, or up to two frames off; each counts once, whatever else is
found is false. Scenes last {least} s at least, on both sides. "Best" settings are those with the highest F1 on the set
"tune" ({best}), on which
Lookhear's weights were fitted as well: other seeds, places and proportions, but the same painter, so these figures
flatter whoever was fitted on them. Of {count} transitions, a recall of 0.90 is known to
±{half:.2f}. Of those that Lookhear finds, it names the kind of {named} rightly.
"""


@dataclass(frozen=True)
class Known:
    """The truth of a film."""

    name: str
    spans: list[tuple[int, int]]
    kinds: list[str]


@dataclass(frozen=True)
class Judged:
    """What a system found, film by film, and what of it is right."""

    films: list[Known]
    found: list[Seen]

    @property
    def met(self) -> list[list[int | None]]:
        """Of each film's transitions, what meets them."""
        return [transitions_met(seen, film.spans) for seen, film in zip(self.found, self.films, strict=True)]

    def row(self) -> dict[str, object]:
        """Over all films."""
        right = sum(one is not None for met in self.met for one in met)
        figures = f_of(right, sum(map(len, self.found)), sum(len(film.spans) for film in self.films))
        return {**dict(zip(("precision", "recall", "F1"), figures, strict=True)), **self.recalls()}

    def recalls(self) -> dict[str, object]:
        """Of each kind of transition."""
        true, right = Counter[str](), Counter[str]()
        for film, met in zip(self.films, self.met, strict=True):
            for kind, one in zip(film.kinds, met, strict=True):
                true[kind] += 1
                right[kind] += one is not None
        return {kind: right[kind] / true[kind] for kind in KINDS if true[kind]}

    def styles(self) -> list[str]:
        """Of each film: missed, and false."""
        cells = []
        for met, seen in zip(self.met, self.found, strict=True):
            right = sum(one is not None for one in met)
            cells.append(f"{len(met) - right} missed, {len(seen) - right} false")
        return cells

    @property
    def f1(self) -> float:
        """Of the harmonic mean alone."""
        return float(str(self.row()["F1"]))


def truth(path: Path) -> Known:
    """What lies beside a rendered film."""
    known = json.loads(path.with_suffix(".json").read_text())["transitions"]
    return Known(
        path.stem.replace("-", " "), [(one["start"], one["end"]) for one in known], [one["kind"] for one in known]
    )


def tables(name: str, jobs: int) -> str:
    """All systems on all films, and each style."""
    paths = rendered(name, jobs)
    films = [truth(path) for path in paths]
    with ProcessPoolExecutor(jobs) as pool:
        mine, peers = list(pool.map(ours, paths)), list(pool.map(theirs, paths))
    best = best_settings(jobs)
    systems = judged(films, [[frame for frame, _ in one] for one in mine], peers, best)
    columns = ["precision", "recall", "F1", *KINDS]
    which = "" if name == "report" else " (the set that was tuned on)"
    count = sum(len(film.spans) for film in films)
    note = _NOTE.format(
        least=LEAST, best=", ".join(f"{name} {setting[1:-1]}" for name, setting in best.items()),
        count=count, half=1.96 * (0.9 * 0.1 / count) ** 0.5, named=_named(systems["lookhear"], mine),
    )  # fmt: skip
    title = f"Scenes: {count} transitions in {len(films)} rendered films; of kinds the recall{which}"
    rows = {system: one.row() for system, one in systems.items()}
    shown = ["lookhear", *(f"{detector}, best" for detector in ("ContentDetector", "AdaptiveDetector"))]
    styles: dict[str, dict[str, object]] = {
        f"{film.name} ({len(film.spans)})": {system: systems[system].styles()[k] for system in shown}
        for k, film in enumerate(films)
    }
    return "\n".join([markdown(title, columns, rows), note, markdown("Scenes by style of film", shown, styles)])


def best_settings(jobs: int) -> dict[str, str]:
    """Of each detector, on the set "tune"."""
    paths = rendered("tune", jobs)
    films = [truth(path) for path in paths]
    with ProcessPoolExecutor(jobs) as pool:
        said = list(pool.map(theirs, paths))
    return {
        name: max(
            (json.dumps(setting) for setting in tried),
            key=lambda setting: Judged(films, [one[name][setting] for one in said]).f1,
        )
        for name, tried in GRID.items()
    }


def judged(
    films: list[Known], mine: list[Seen], peers: list[dict[str, dict[str, Seen]]], best: dict[str, str]
) -> dict[str, Judged]:
    """Lookhear, each detector as it comes and at its best, and the two that together know cuts and fades."""
    systems = {"lookhear": Judged(films, mine)}
    for name, tried in GRID.items():
        systems[name] = Judged(films, [one[name][json.dumps(tried[0])] for one in peers])
        systems[f"{name}, best"] = Judged(films, [one[name][best[name]] for one in peers])
    both = [{frame for name in BOTH.split(" + ") for frame in one[name][best[name]]} for one in peers]
    systems[f"{BOTH}, best"] = Judged(films, [sorted(frames) for frames in both])
    return systems


def _named(judged: Judged, mine: list[list[tuple[int, str]]]) -> str:
    right = [
        said[one][1] == kind
        for film, met, said in zip(judged.films, judged.met, mine, strict=True)
        for kind, one in zip(film.kinds, met, strict=True)
        if one is not None
    ]
    return f"{sum(right)} of {len(right)}"
