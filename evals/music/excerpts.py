"""The same pieces, cut: from somewhere in a bar near the start, to before the last bar.

A composed piece opens and closes on its tonic, and its first sound is a downbeat. An analyser can learn that, and then look
better on whole pieces than it is on what people give it: previews, radio, samples. Half of the pieces have no note outside
the scale that a major key shares with its relative minor; in their excerpts only emphasis tells the two apart, for every
system alike.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from evals.music.render import CACHE, rendered, truth
from evals.music.score import DRUMS, MAJOR, MINOR, Piece
from evals.music.sets import clips

_SEED = 9


def excerpts(name: str) -> list[Path]:
    """An excerpt of each file of the set, made where it is not there yet; its truth lies beside it as JSON."""
    folder = CACHE / f"{name}-excerpts"
    folder.mkdir(parents=True, exist_ok=True)
    return [_cut(path, folder / path.name) for path in rendered(name)]


def _cut(whole: Path, part: Path) -> Path:
    import soundfile

    known = truth(whole)
    if not part.exists() or json.loads(part.with_suffix(".json").read_text())["seed"] != known["seed"]:
        start, end = borders(known)
        samples, rate = soundfile.read(whole, dtype="int16")
        soundfile.write(part, samples[round(start * rate) : round(end * rate)], rate)
        part.with_suffix(".json").write_text(json.dumps(within(known, start, end)))
    return part


def marked(name: str) -> frozenset[int]:
    """Seeds of the pieces with notes outside the scale that their key shares with its relative."""
    return frozenset(clip.seed for clip in clips(name) if _leaves_its_scale(clip.piece))


def _leaves_its_scale(piece: Piece) -> bool:
    scale = {(piece.tonic + step) % 12 for step in (MAJOR if piece.mode == "major" else MINOR)}
    return any(note.channel != DRUMS and note.pitch % 12 not in scale for note in piece.notes)


def borders(known: dict[str, Any]) -> tuple[float, float]:
    """Seconds: 1 to 7 after the first beat, and 0.2 to 1.5 before the last downbeat; always the same for one piece."""
    rng = np.random.default_rng([_SEED, known["seed"]])
    return known["beats"][0] + rng.uniform(1.0, 7.0), known["downbeats"][-1] - rng.uniform(0.2, 1.5)


def within(known: dict[str, Any], start: float, end: float) -> dict[str, Any]:
    """The truth of what lies between ``start`` and ``end``, on the excerpt's own clock."""
    cut = {kind: [round(t - start, 4) for t in known[kind] if start <= t < end] for kind in ("beats", "downbeats")}
    return {**known, **cut, "tempo": float(60 / np.median(np.diff(cut["beats"])))}
