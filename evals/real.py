"""Real recordings whose truth is known, one by one, and sounds that have no tempo and no key.

Truth comes from what a recording's makers say of it (a name, a pack's text) or follows from the exact length of a
seamless loop of whole bars, where only one count of bars gives a usual tempo or the pack says so. Loops are played again
and again until twelve seconds are full, as they are meant to be. It is little: listed, not averaged.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from evals.answers import Answer, answer
from evals.metrics import tempo_hits
from evals.tables import markdown

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("LOOKHEAR_SHARED", HERE.parents[1] / "shared")) / "media"
SECONDS = 12.0
_97 = "the length of its pack's loop named 97"
#: file, BPM, tonic, where the truth is from
KNOWN = (
    ("music/trumpet.hq.ogg", 90.0, "F", "its pack's text: in F, 90 BPM"),
    (
        "music/brahms.hq.ogg",
        None,
        "G",
        "Hungarian Dance No. 5 for orchestra is in G minor; its file's title says F sharp minor",
    ),
    ("music/pyaa_beat_small.wav", 120.0, None, "not labelled; a drum machine that strikes every 0.500 s"),
    ("music/loop_drone_g_97.flac", 97.0, "G", "its name; two bars of 4/4 in 218,227 samples"),
    ("music/loop_weirdo.flac", 97.0, None, _97),
    ("music/loop_mehackit1.flac", 97.0, None, f"half {_97}"),
    ("music/loop_perc1.flac", 97.0, None, f"half {_97}"),
    ("music/loop_amen_full.flac", 140.0, None, "four bars of 4/4 in 302,400 samples"),
    ("music/loop_garzul.flac", 120.0, None, "four bars of 4/4 in 352,800 samples"),
    ("music/loop_mika.flac", 120.0, None, "four bars of 4/4 in 352,800 samples"),
    ("music/loop_breakbeat.flac", 126.0, None, "one bar of 4/4 in 84,000 samples"),
    ("music/loop_compus.flac", 148.0, None, "four bars of 4/4 in 286,054 samples; two at 74 would be as fair"),
)
NOT_MUSIC = ("music/rain.wav", "music/humpback.hq.ogg", "music/snare-accelerate.ogg")
SYSTEMS = ("lookhear", "essentia", "librosa")
_PROFILE = {"essentia": "shaath", "librosa": "bgate"}  #: those that do best on rendered music


def table() -> str:
    """A row per recording, and how many sounds without music were given a tempo or a key."""
    if not SHARED.exists():
        return "## Real recordings\n\nThe recordings are not here: set LOOKHEAR_SHARED to the folder that holds them.\n"
    here = [entry for entry in KNOWN if (SHARED / entry[0]).exists()]
    said = {system: _asked(system, [_played(SHARED / entry[0]) for entry in here]) for system in SYSTEMS}
    rows: dict[str, dict[str, object]] = {}
    for i, (name, bpm, tonic, source) in enumerate(here):
        truth = ", ".join(fact for fact in (bpm and f"{bpm:g} BPM", tonic) if fact)
        cells = {system: _cell(given[i], bpm, tonic, _PROFILE.get(system)) for system, given in said.items()}
        rows[Path(name).name] = {"truth": truth, **cells, "from": source}
    note = "= right, ≈ right but for a factor of 2 or 3, × wrong or none. Keys without a mark have no truth.\n"
    return "\n".join([markdown("Real recordings", ["truth", *SYSTEMS, "from"], rows), note, _without_music()])


def _asked(system: str, paths: list[Path]) -> list[Answer]:
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(partial(answer, system), paths))


def _played(path: Path) -> Path:
    """The file itself, or for a loop its repetition."""
    import numpy as np
    import soundfile

    if not path.name.startswith("loop_"):
        return path
    again = HERE / ".cache" / "repeated" / path.name
    if not again.exists():
        again.parent.mkdir(parents=True, exist_ok=True)
        samples, rate = soundfile.read(path, dtype="int16")
        times = math.ceil(SECONDS * rate / len(samples))
        soundfile.write(again, np.concatenate([samples] * times), rate)
    return again


def _cell(said: Answer, bpm: float | None, tonic: str | None, profile: str | None) -> str:
    key = said["keys"][profile][0] if profile else said["key"]
    tempo = f"{said['tempo']:.1f}" if said["tempo"] else "none"
    if bpm:
        right, related = tempo_hits(said["tempo"], bpm)
        tempo += " =" if right else " ≈" if related else " ×"
    mark = "" if tonic is None else " =" if key == tonic else " ×"
    return f"{tempo}, {key or 'none'}{mark}"


def _without_music() -> str:
    """Speech, rain, a whale and a snare without a metre: every tempo and every key there is a false one."""
    paths = [path for path in (SHARED / name for name in NOT_MUSIC) if path.exists()]
    paths += sorted(path for path in (SHARED / "speech").iterdir() if path.suffix != ".txt")
    said = {system: _asked(system, paths) for system in SYSTEMS}
    rows: dict[str, dict[str, object]] = {
        system: {
            "tempo": sum(bool(one["tempo"]) for one in given),
            "key": sum(bool("keys" in one or one.get("key")) for one in given),
            "could not read": sum("unread" in one for one in given),
        }
        for system, given in said.items()
    }
    ours = zip(paths, said["lookhear"], strict=True)
    wrong = [f"{path.name} ({one['tempo'] or one['key']})" for path, one in ours if one["tempo"] or one["key"]]
    title = (
        f"Without music: answers where there is none, of {len(paths)} (speech, rain, a whale, a snare without a metre)"
    )
    return markdown(title, ["tempo", "key", "could not read"], rows) + f"\nLookhear's: {', '.join(wrong) or 'none'}.\n"
