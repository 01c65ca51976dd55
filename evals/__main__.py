"""python -m evals: every table, to the screen and to RESULTS.md."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
GROUPS = ("tempo", "beats", "meter", "key")  #: of figures on rendered music; "music" is all of them
PARTS = ("music", *GROUPS, "real", "spectral", "scenes", "real_films", "copies", "ocr", "vision", "hearing")
DEFAULT = "music,real,spectral,scenes,real_films,copies,ocr,vision,hearing"
VENV = HERE.parent / ".venv-eval"


def _in_own_environment() -> None:
    """Peers are no dependencies of ours: they live in an environment of their own, made on first use."""
    if Path(sys.prefix).resolve() == VENV.resolve():
        return
    wanted = [HERE / "requirements.txt", HERE / "requirements-no-deps.txt"]
    stamp, listed = VENV / ".installed", "".join(path.read_text() for path in wanted)
    if not stamp.exists() or stamp.read_text() != listed:
        print("Setting up the peers (librosa, Essentia, PySceneDetect, mir_eval, imagehash) …", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        pip = [str(VENV / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(wanted[0]), "-e", str(HERE.parent)], check=True)
        # PySceneDetect asks for OpenCV with windows, which servers lack; the one without is among the requirements
        subprocess.run([*pip, "--no-deps", "-r", str(wanted[1])], check=True)
        stamp.write_text(listed)
    python = str(VENV / "bin" / "python")
    os.execv(python, [python, "-m", "evals", *sys.argv[1:]])


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m evals", description=__doc__)
    parser.add_argument("--set", choices=("report", "tune"), default="report")
    parser.add_argument("--only", default=DEFAULT, help=f"comma-separated: {', '.join(PARTS)}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    asked = arguments.only.split(",")
    if not set(asked) <= set(PARTS):
        parser.error(f"--only takes {', '.join(PARTS)}")
    _in_own_environment()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    groups = [name for name in GROUPS if name in asked or "music" in asked]
    tables = [_music(arguments.set, arguments.jobs, groups)] if groups else []
    tables += [_real()] if "real" in asked else []
    tables += [_spectral()] if "spectral" in asked else []
    tables += [_scenes(arguments.set, arguments.jobs)] if "scenes" in asked else []
    tables += [_real_films(arguments.jobs)] if "real_films" in asked else []
    tables += [_copies()] if "copies" in asked else []
    tables += [_ocr()] if "ocr" in asked else []
    tables += [_vision()] if "vision" in asked else []
    tables += [_hearing()] if "hearing" in asked else []
    text = "\n".join(["# Accuracy", "", "Made by `make eval`.", "", *tables])
    print(text)
    if arguments.set == "report" and arguments.only == parser.get_default("only"):
        (HERE / "RESULTS.md").write_text(text)


def _music(name: str, jobs: int, groups: list[str]) -> str:
    from evals.rendered_tables import tables

    return tables(name, jobs, groups)


def _vision() -> str:
    from evals.vision import table

    return table()


def _hearing() -> str:
    from evals.hearing import table

    return table()


def _real() -> str:
    from evals.real import table

    return table()


def _spectral() -> str:
    from evals.spectral import table

    return table()


def _scenes(name: str, jobs: int) -> str:
    from evals.scenes import tables

    return tables(name, jobs)


def _real_films(jobs: int) -> str:
    from evals.real_films import table

    return table(jobs)


def _copies() -> str:
    from evals.copies import table

    return table()


def _ocr() -> str:
    from evals.ocr import table

    return table()


if __name__ == "__main__":
    main()
