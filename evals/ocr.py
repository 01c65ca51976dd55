"""Text in pictures: what is read, character by character, beside plain RapidOCR and Tesseract.

CER: edits (Levenshtein) over the characters of the truth, runs of blanks taken as one and, where the truth is mostly Chinese
or Japanese, left out. Truth comes with the pictures (GROUND_TRUTH.json, text files beside them); what came without, or with
that of another picture, was read off by eye: ocr_truth.toml. Every system gets the file and nothing else; Tesseract's
Debian package reads English.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import tomllib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from evals.tables import markdown

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("LOOKHEAR_SHARED", HERE.parents[1] / "shared")) / "media"
#: pictures in scripts or languages that no installed model reads, and some of several scripts
NOT_COVERED = {
    "easy_korean.png": "Korean", "easy_thai.jpg": "Thai", "easy_example3.png": "Hindi beside English",
    "rapid_eslav.jpg": "Russian", "rapid_ta.png": "Tamil", "rapid_te.png": "Telugu", "rapid_th_rec.jpg": "Thai",
    "tess_devatest.png": "Hindi", "tess_hebtypo.jpg": "Hebrew", "tess_viet.tif": "Vietnamese",
}  # fmt: skip
_PHOTOTEST, _EUROTEXT = "tess_phototest.gold.txt", "tess_eurotext.txt"
_SAME_TEXT = ("tess_phototest", "pytess_test.", "test.png")


@dataclass(frozen=True)
class Truth:
    """All that is written, or phrases that must be found."""

    text: str | None
    phrases: tuple[str, ...] = ()


def table() -> str:
    """A row per picture, then the pooled figures."""
    folder = SHARED / "ocr"
    if not folder.exists():
        return "## Text in pictures\n\nThe pictures are not here: set LOOKHEAR_SHARED to the folder that holds them.\n"
    truths = {path.name: _truth(path) for path in sorted(folder.iterdir()) if path.suffix != ".txt"}
    whole = {name: truth.text for name, truth in truths.items() if truth.text is not None and name not in NOT_COVERED}
    parts = {n: t.phrases for n, t in truths.items() if t.phrases and n not in whole and n not in NOT_COVERED}
    systems = _systems()
    said: dict[str, dict[str, str]] = {}
    took: dict[str, float] = {}
    for system, read in systems.items():
        read(folder / "pytess_test-small.jpg")  # the models are loaded before the clock runs
        began = time.perf_counter()
        said[system] = {name: read(folder / name) for name in (*whole, *parts)}
        took[system] = time.perf_counter() - began
    rows: dict[str, dict[str, object]] = {
        name: {"characters": len(_plain(text, text)), **{s: _cell(text, said[s][name]) for s in systems}}
        for name, text in whole.items()
    }
    rows["**pooled CER**"] = {"characters": sum(len(_plain(text, text)) for text in whole.values())} | {
        s: sum(_edits(text, said[s][name]) for name, text in whole.items())
        / sum(len(_plain(text, text)) for text in whole.values())
        for s in systems
    }
    rows["**exact**"] = {
        s: f"{sum(_edits(t, said[s][n]) == 0 for n, t in whole.items())}/{len(whole)}" for s in systems
    }
    rows["**seconds, all pictures**"] = {s: f"{took[s]:.1f}" for s in systems}
    found = {
        name: {s: f"{sum(_holds(said[s][name], p) for p in phrases)}/{len(phrases)}" for s in systems}
        for name, phrases in parts.items()
    }
    note = f"No model for: {', '.join(f'{name} ({why})' for name, why in NOT_COVERED.items() if name in truths)}.\n"
    missing = "" if "Tesseract" in systems else "Tesseract is not installed (Debian: tesseract-ocr).\n"
    return "\n".join(
        [
            markdown("Text in pictures: character error rate", ["characters", *systems], rows),
            markdown("Text in pictures: phrases found, where not all that is written is known", list(systems), found),
            note + missing,
        ]
    )


def _truth(path: Path) -> Truth:
    by_eye = tomllib.loads((HERE / "ocr_truth.toml").read_text("utf-8"))
    known = json.loads((SHARED / "GROUND_TRUTH.json").read_text("utf-8")).get(f"ocr/{path.name}", {})
    phrases = tuple(known.get("contains", ()))
    if path.name in by_eye:
        return Truth(by_eye[path.name])
    if path.name.startswith(_SAME_TEXT):
        return Truth((path.parent / _PHOTOTEST).read_text("utf-8"))
    if path.name in ("tess_eurotext.tif", "pytess_test-european.jpg"):
        return Truth((path.parent / _EUROTEXT).read_text("utf-8"))
    return Truth(known.get("text"), phrases)


def _systems() -> dict[str, Callable[[Path], str]]:
    systems = {"Lookhear": _lookhear, **_rapidocr()}
    return systems | ({"Tesseract": _tesseract} if shutil.which("tesseract") else {})


def _lookhear(path: Path) -> str:
    import lookhear

    report = lookhear.analyze(str(path), ["ocr"])
    return str(report["ocr"].text)


def _rapidocr() -> dict[str, Callable[[Path], str]]:
    """As it comes, and given pictures that Pillow made RGB, upright, on white: of palettes it takes the numbers for grey."""
    from PIL import Image, ImageOps
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "critical"})

    def rgb(path: Path) -> str:
        with Image.open(path) as image:
            drawn = ImageOps.exif_transpose(image).convert("RGBA")
        ground = Image.new("RGBA", drawn.size, "white")
        return "\n".join(engine(Image.alpha_composite(ground, drawn).convert("RGB")).txts or ())

    return {"RapidOCR": lambda path: "\n".join(engine(str(path)).txts or ()), "RapidOCR, given RGB": rgb}


def _tesseract(path: Path) -> str:
    done = subprocess.run(["tesseract", str(path), "-"], capture_output=True, text=True, timeout=300, check=False)
    return done.stdout


def _plain(text: str, truth: str) -> str:
    joined = " ".join(text.split())
    asian = sum(unicodedata.name(c, "").startswith(("CJK", "HIRAGANA", "KATAKANA")) for c in truth)
    return joined.replace(" ", "") if asian > 0.3 * len(truth) else joined


def _edits(truth: str, said: str) -> int:
    from rapidfuzz.distance import Levenshtein

    return int(Levenshtein.distance(_plain(truth, truth), _plain(said, truth)))


def _cell(truth: str, said: str) -> str:
    edits, length = _edits(truth, said), len(_plain(truth, truth))
    return "=" if not edits else f"{edits / length:.3f}" if length else f"{edits} characters of nothing"


def _holds(said: str, phrase: str) -> bool:
    return _plain(phrase, phrase) in _plain(said, phrase)
