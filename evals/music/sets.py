"""Which pieces there are: ``tune``, ``loops`` and ``sustained`` to develop on, ``report`` to be judged by. Different seeds
and players; one composer.

Both use both soundfonts and the same chord progressions, so what is learned of the composer on one helps on the other:
``evals/music/excerpts.py`` takes away the largest part of that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evals.music.score import Piece, Style, compose

_KITS = (0, 8, 16, 24, 25, 32)
_44, _34, _68 = ((4, 4),), ((3, 4),), ((6, 8),)
STYLES = {
    "tune": (
        Style("pop", (84, 132), _44, 4, 33, 80, "strums", "rock"),
        Style("rock", (100, 170), _44, 29, 34, 30, "strums", "rock"),
        Style("edm", (118, 140), _44, 90, 38, 81, "stabs", "four", human=0.0),
        Style("ballad", (60, 84), _44, 0, 32, 73, "arpeggio", "halftime", human=0.015),
        Style("waltz", (90, 180), _34, 21, 32, 40, "oompah", "brush"),
        Style("folk waltz", (84, 150), _34, 24, 32, 73, "strums", "none", human=0.015),
        Style("jazz", (110, 190), _44, 0, 32, 65, "comp", "swing", swing=0.64),
        Style("quartet", (70, 120), ((4, 4), (3, 4)), 48, 42, 40, "pads", "none", human=0.02),
        Style("latin", (90, 120), _44, 24, 33, 56, "comp", "latin"),
        Style("jig", (90, 132), _68, 24, 32, 72, "strums", "rock"),
        Style("slow six", (60, 90), _68, 0, 33, 52, "arpeggio", "none", human=0.015),
        Style("march", (100, 126), ((4, 4), (2, 4)), 61, 58, 56, "oompah", "march"),
        Style("odd", (90, 150), ((5, 4), (7, 4)), 0, 33, 66, "strums", "rock"),
        Style("drums", (80, 176), _44, 0, 0, 0, "none", "rock"),
    ),
    "loops": (
        Style("breaks", (88, 140), _44, 0, 0, 0, "none", "break", kits=_KITS),
        Style("jungle", (150, 176), _44, 0, 0, 0, "none", "break", human=0.003, kits=_KITS),
        Style("boom bap", (80, 104), _44, 4, 33, 0, "stabs", "break", swing=0.56, kits=_KITS),
        Style("sequencer", (84, 150), _44, 0, 0, 0, "none", "steps", human=0.0, kits=_KITS),
        Style("sequencer with bass", (90, 140), _44, 90, 38, 81, "stabs", "steps", human=0.0, kits=_KITS),
        Style("funk", (90, 126), _44, 16, 33, 66, "comp", "break", kits=_KITS),
    ),
    "sustained": (
        Style("strings", (64, 124), (*_34, *_44), 49, 42, 71, "pads", "none", human=0.02),
        Style("hymn", (76, 140), _34, 52, 43, 68, "pads", "none", human=0.015),
        Style("ambient", (60, 110), (*_44, *_68), 88, 39, 11, "pads", "none"),
    ),
    "report": (
        Style("pop", (80, 136), _44, 5, 33, 82, "arpeggio", "rock"),
        Style("punk", (130, 190), _44, 30, 34, 29, "strums", "rock"),
        Style("house", (116, 136), _44, 89, 39, 80, "stabs", "four", human=0.0),
        Style("soul ballad", (60, 90), _44, 16, 33, 66, "pads", "halftime", human=0.012),
        Style("musette", (100, 184), _34, 22, 43, 21, "oompah", "brush"),
        Style("piano waltz", (80, 150), _34, 0, 0, 0, "arpeggio", "none", human=0.015),
        Style("swing", (104, 186), _44, 26, 32, 57, "comp", "swing", swing=0.66),
        Style("chorale", (64, 110), ((4, 4), (3, 4)), 19, 19, 52, "pads", "none", human=0.02),
        Style("bossa", (84, 126), _44, 25, 32, 73, "comp", "latin"),
        Style("reel and jig", (84, 126), _68, 25, 32, 109, "strums", "march"),
        Style("six-eight ballad", (60, 96), _68, 4, 33, 53, "arpeggio", "rock", human=0.012),
        Style("brass", (96, 132), _44, 61, 58, 56, "oompah", "march"),
        Style("fusion", (90, 150), ((5, 4), (7, 4)), 27, 33, 81, "strums", "rock"),
        Style("percussion", (84, 170), _44, 0, 0, 0, "none", "march"),
    ),
}
SIZE = 120
_SEEDS = {"tune": 1000, "loops": 31000, "sustained": 47000, "report": 77000}
SECONDS = 30.0


@dataclass(frozen=True)
class Clip:
    """One piece to render."""

    set: str
    number: int
    piece: Piece
    soundfont: str
    seed: int


def clips(name: str, size: int = SIZE, seed: int | None = None) -> list[Clip]:
    """The pieces of a set; always the same."""
    base = _SEEDS[name] if seed is None else seed
    return [_clip(name, number, base + number) for number in range(size)]


def _clip(name: str, number: int, seed: int) -> Clip:
    rng = np.random.default_rng(seed)
    styles = STYLES[name]
    style = styles[number % len(styles)]
    if "none" not in (style.drums, style.pattern) and rng.random() < 0.2:
        style = replace(style, drums="none")
    meter = style.meters[rng.integers(len(style.meters))]
    tempo = float(np.exp(rng.uniform(np.log(style.tempi[0]), np.log(style.tempi[1]))))
    mode = "major" if rng.random() < 0.55 else "minor"
    piece = compose(style, round(tempo, 2), meter, int(rng.integers(12)), mode, seed, SECONDS)
    piece.detune = float(rng.uniform(-45, 45)) if rng.random() < 0.3 else 0.0
    piece.drift = float(rng.uniform(-0.08, 0.08)) if rng.random() < 0.2 else 0.0
    return Clip(name, number, piece, ("FluidR3_GM.sf2", "TimGM6mb.sf2")[number % 2], seed)
