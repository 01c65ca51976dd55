"""What models hear: speech against music, single notes by name, genre and instruments of real recordings.

Speech: of recordings of speech (the folder of that name) and of music without voices, the share that Silero VAD calls
speech. Notes: single notes whose files are named after them. Words: what MusiCNN says of every recording of music, to be
judged by eye. Models are pulled from MODEL_MIRROR (default: the shared folder) and, MusiCNN, from its wheel on the package
index; a row that cannot be had is left out.
"""

from __future__ import annotations

import statistics
from pathlib import Path

import lookhear
from evals.tables import markdown
from evals.vision import SHARED, models
from lookhear.errors import InputError

_SUNG = {"fishin.hq.ogg", "vocadito_10.wav", "singing-female.wav", "pydub_party.mp3"}  # music with voices
_NOTES = {"oboe-A4.wav": 69, "vibraphone-C6.wav": 84, "violin-B3.wav": 59, "organ-C3.wav": 60}  # the organ sounds C4


def table() -> str:
    """All tables."""
    if not (SHARED / "media").exists():
        return "## Speech, notes and words for music\n\nThe recordings are not here: set LOOKHEAR_SHARED.\n"
    spoken, played = (_recordings(SHARED / "media" / name) for name in ("speech", "music"))
    return "\n".join([_speech(spoken, played), _notes(SHARED / "media" / "music"), _words(played)])


def _recordings(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in {".wav", ".flac", ".ogg", ".mp3", ".aiff", ".m4a", ".opus"}
    ]


def _speech(spoken: list[Path], played: list[Path]) -> str:
    rows: dict[str, dict[str, object]] = {}
    instrumental = [path for path in played if path.name not in _SUNG]
    for model in models(("silero-vad@6.2", "silero-vad@6.0")):
        yes, no = ([_ratio(path, model) for path in paths] for paths in (spoken, instrumental))
        rows[model] = {
            "speech: median share": statistics.median(yes),
            "of them above 0.3": f"{sum(ratio > 0.3 for ratio in yes)} / {len(yes)}",
            "music without words: median share": statistics.median(no),
            "of them above 0.05": f"{sum(ratio > 0.05 for ratio in no)} / {len(no)}",
        }
    columns = ["speech: median share", "of them above 0.3", "music without words: median share", "of them above 0.05"]
    return markdown("Speech", columns, rows)


def _ratio(path: Path, model: str) -> float:
    try:
        return float(lookhear.analyze(path, ["speech"], {"speech": {"model": model}})["speech"].ratio or 0.0)
    except InputError:
        return 0.0


def _notes(folder: Path) -> str:
    rows: dict[str, dict[str, object]] = {}
    for name, pitch in _NOTES.items() if models(("basic-pitch",)) else ():
        found = lookhear.analyze(folder / name, ["notes"])["notes"].notes
        strongest = max(found, key=lambda note: note.amplitude * (note.end - note.start), default=None)
        rows[name] = {
            "sounds": pitch,
            "found (the strongest)": strongest.pitch if strongest else None,
            "right": "yes" if strongest and strongest.pitch == pitch else "no",
            "other notes": max(0, len(found) - 1),
        }
    return markdown("Single notes (MIDI numbers)", ["sounds", "found (the strongest)", "right", "other notes"], rows)


def _words(played: list[Path]) -> str:
    rows: dict[str, dict[str, object]] = {}
    for path in played if models(("musicnn",)) else ():
        try:
            report = lookhear.analyze(path, ["genre", "mood", "instruments"])
        except InputError:
            continue
        genre, heard, arousal = report["genre"], report["instruments"], report["mood"].arousal
        best = next(iter(genre.probabilities.items()), None)
        rows[path.name] = {
            "genre": genre.genre,
            "likeliest": f"{best[0]} {best[1]:.2f}" if best else None,
            "instruments": ", ".join(f"{one.label} {one.score:.2f}" for one in heard.instruments) or None,
            "voice": heard.voice,
            "arousal": arousal,
        }
    return markdown("Words for music", ["genre", "likeliest", "instruments", "voice", "arousal"], rows)
