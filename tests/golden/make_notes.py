"""Make notes.json anew: python tests/golden/make_notes.py MEDIA WEIGHTS, in an environment with Lookhear, soundfile and
basic-pitch (pip install --no-deps basic-pitch==0.4.0, then librosa, pretty_midi, mir_eval, scipy, resampy, setuptools<81).

What the library makes of the same 22,050 Hz samples and weights as we, and of the same matrices.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from basic_pitch import note_creation
from basic_pitch.inference import Model, predict
from chord import RATE, chords
from posteriorgrams import CASES, posteriorgrams, thresholds

from lookhear.media.decoder import Decoder
from lookhear.media.forms import Form
from lookhear.media.medium import open_medium

HERE = Path(__file__).parent
RECORDINGS = (
    "oboe-A4.wav", "organ-C3.wav", "vibraphone-C6.wav", "violin-B3.wav", "brahms.hq.ogg", "trumpet.hq.ogg",
    "vocadito_10.wav", "orchestra.wav",
)  # fmt: skip


def samples(path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """As our tasks hear it."""
    with open_medium(str(path)) as medium:
        parts = [item[1].data for item in Decoder(medium, frozenset({Form.MONO_22K})) if isinstance(item, tuple)]
    return np.concatenate(parts)


def notes(sound: np.ndarray[Any, np.dtype[np.float32]], model: Model) -> dict[str, Any]:
    """Start, end, pitch, amplitude of each note; ``until``: where the library stops listening."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "sound.wav"
        soundfile.write(path, sound, RATE, subtype="FLOAT")
        output, _, events = predict(path, model)
    rows = [[round(float(a), 4), round(float(b), 4), int(p), round(float(v), 4)] for a, b, p, v, _ in sorted(events)]
    return {"until": float(note_creation.model_frames_to_time(len(output["note"]))[-1]), "notes": rows}


def created(seed: int) -> list[list[Any]]:
    """Start, end (frames), pitch and amplitude of each note of the seeded matrices; of every tenth the bends, too."""
    frames, onsets, contours = posteriorgrams(seed)
    events = note_creation.output_to_notes_polyphonic(
        frames.copy(), onsets.copy(), infer_onsets=True, min_freq=None, max_freq=None, **thresholds(seed)
    )
    bent = note_creation.get_pitch_bends(contours, events)
    rows = [[int(a), int(b), int(p), round(float(v), 5), [int(x) for x in moves]] for a, b, p, v, moves in bent]
    return [row if i % 10 == 0 else row[:4] for i, row in enumerate(rows)]


def main(media: str, weights: str) -> None:
    """All of them."""
    model = Model(Path(weights))
    found = {name: notes(samples(Path(media) / "music" / name), model) for name in RECORDINGS}
    golden = {
        "basic-pitch": version("basic-pitch"),
        "recordings": {**found, "chords": notes(chords(), model)},
        "matrices": [created(seed) for seed in range(CASES)],
    }
    (HERE / "notes.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
