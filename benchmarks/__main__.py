"""Times Lookhear against named peers; the tables go to the screen and to RESULTS.md."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import amqp, films, jobs, load, models, service, soak, spread, vectors, workers
from benchmarks.media import album, long_recording, recording, source
from benchmarks.processes import Figures, compare, run, warm
from benchmarks.targets import batch_rows, film_rows, target_rows

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
PEERS = HERE.parent / ".venv-eval" / "bin" / "python"
PROGRAMS = str(HERE / "programs.py")
TASKS = "spectral,mir,perceptual,quality,similarity"
FILES = 16


def main() -> None:
    """Time everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--long", action="store_true", help="also ten hours of sound, two of film, load and soak: half an hour"
    )
    arguments = parser.parse_args()
    if not PEERS.exists():
        sys.exit("The peers are not installed. Run 'make eval' once: it sets them up.")
    lines = []
    for line in _sections(max(1, arguments.rounds), arguments.long):
        print(line, flush=True)
        lines.append(line)
    (HERE / "RESULTS.md").write_text("\n".join([*lines, ""]))


def _sections(rounds: int, long: bool) -> Iterator[str]:
    four, half = recording("four-minutes", 240), recording("thirty-seconds", 30)
    yield "# Speed and memory\n"
    yield f"Made by `make bench` on {_machine()}, of {source()}."
    yield f"Medians of {rounds} runs, in turn, so that a slow moment of the machine hits all alike."
    yield f"Lookhear runs the tasks {TASKS}; the peers what comes nearest to them (`programs.py`).\n"
    figures = []
    for title, path in (("Four-minute MP3, 192 kbit/s, stereo", four), ("Thirty-second MP3", half)):
        figures.append(compare(_commands(str(path)), rounds))
        yield f"## {title}: whole processes\n"
        yield from _table(figures[-1])
    yield "\n## Thirty-second MP3: warm, again and again in one process\n"
    seconds = {name: warm(command, rounds) for name, command in _programs(str(half)).items()}
    yield from _warm_table(seconds)
    yield "\n## Many files\n"
    yield from batch_rows(_batches(half, rounds), FILES)
    yield "\n## Against the targets\n"
    yield from target_rows(*figures, seconds["lookhear"], _help(), _import())
    yield from _films(rounds, long)
    yield from models.sections()
    yield from models.beside_peers(rounds)
    yield from jobs.sections()
    yield from workers.sections()
    yield from vectors.sections()
    yield from spread.sections()
    yield from service.sections()
    if long:
        yield from load.sections()
        yield from soak.sections()
        yield from amqp.sections()
    if long:
        yield "\n## Ten hours of sound\n"
        yield _ten_hours(four, figures[0]["lookhear"].peak)


def _programs(path: str) -> dict[str, list[str]]:
    ours = [str(BIN / "python"), PROGRAMS]
    peers = [str(PEERS), PROGRAMS]
    return {
        "lookhear": [*ours, "lookhear", path],
        "decode alone": [*ours, "decode", path],
        "librosa": [*peers, "librosa", path],
        "Essentia, algorithms": [*peers, "essentia", path],
        "Essentia, MusicExtractor": [*peers, "extractor", path],
    }


def _commands(path: str) -> dict[str, list[str]]:
    return {**_programs(path), "lookhear": [str(BIN / "lookhear"), "analyze", path, "--quiet", "--tasks", TASKS]}


def _batches(clip: Path, rounds: int) -> dict[int, Figures]:
    folder = str(album(clip, FILES))
    command = [str(BIN / "lookhear"), "analyze", folder, "--quiet", "--tasks", TASKS, "--workers"]
    workers = sorted({1, len(os.sched_getaffinity(0))})
    done = compare({str(count): [*command, str(count)] for count in workers}, min(rounds, 3))
    return {int(count): figures for count, figures in done.items()}


def _table(figures: dict[str, Figures]) -> Iterator[str]:
    ours = figures["lookhear"].wall
    yield "| | wall, s | from, to | processor, s | peak, MiB | Lookhear takes of it |"
    yield "|---|---|---|---|---|---|"
    for name, one in figures.items():
        span = f"{one.fastest:.2f}–{one.slowest:.2f}"
        yield f"| {name} | {one.wall:.2f} | {span} | {one.cpu:.2f} | {one.peak:.0f} | {ours / one.wall:.3f} |"
    yield ""


def _warm_table(seconds: dict[str, float]) -> Iterator[str]:
    yield "| | wall, s | Lookhear takes of it |"
    yield "|---|---|---|"
    for name, one in seconds.items():
        yield f"| {name} | {one:.3f} | {seconds['lookhear'] / one:.3f} |"


def _help() -> float:
    return statistics.median(run([str(BIN / "lookhear"), "--help"]).wall for _ in range(9))


def _import() -> float:
    """What it costs beyond an interpreter that does nothing."""
    python = str(BIN / "python")
    done = compare({name: [python, "-c", name] for name in ("import lookhear", "pass")}, 9)
    return done["import lookhear"].wall - done["pass"].wall


def _films(rounds: int, long: bool) -> Iterator[str]:
    if not films.there():
        yield "\n## Films\n\nNot measured: the real films are not there (set LOOKHEAR_SHARED)."
        return
    path = str(films.film(720, 4))
    ours, peers = [str(BIN / "python"), PROGRAMS], [str(PEERS), PROGRAMS]
    commands = {
        "lookhear": [*ours, "film", path],
        "decode alone": [*ours, "frames", path],
        "lookhear, scenes alone": [*ours, "scenes", path],
        "PySceneDetect, ContentDetector": [*peers, "content", path],
        "PySceneDetect, AdaptiveDetector": [*peers, "adaptive", path],
    }
    yield "\n## Four minutes of film, 1280 x 720, H.264, 25 frames/s: whole processes\n"
    yield f"Of real films ({', '.join(films.FILMS)}), scaled. Lookhear runs all its tasks on what is seen in a film."
    yield "It leaves out the smoothing of blocks in frames that no other is predicted from; decoding alone does it all."
    yield "\n"
    figures = compare(commands, rounds)
    yield from _table(figures)
    yield from film_rows(figures)
    if long:
        short, lasting = films.film(360, 4), films.film(360, 120)
        one, other = (run([*ours, "film", str(path)]) for path in (short, lasting))
        least, most = (run([*ours, "frames", str(path)]).peak for path in (short, lasting))
        yield "\n## Two hours of film, 640 x 360\n"
        yield (
            f"{other.wall:.0f} s, peak {other.peak:.0f} MiB: {other.peak / one.peak:.2f} × the peak of four minutes "
            f"({one.peak:.0f} MiB; target ≤ 1.3). Decoding alone grows by {most - least:.0f} MiB, from {least:.0f} to "
            f"{most:.0f}: FFmpeg reads the whole table of samples of an MP4."
        )


def _ten_hours(four: Path, before: float) -> str:
    path = long_recording(10, four)
    try:
        one = run([str(BIN / "lookhear"), "analyze", str(path), "--quiet", "--tasks", TASKS])
    finally:
        path.unlink()
    ratio = one.peak / before
    return f"{one.wall:.0f} s, peak {one.peak:.0f} MiB: {ratio:.2f} × the peak of four minutes (target ≤ 1.3)."


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor()
    return f"{len(os.sched_getaffinity(0))} cores of {processor}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
