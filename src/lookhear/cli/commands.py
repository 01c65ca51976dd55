"""The commands and their options; each hands over to the module that does it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lookhear.cli.main import app

Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--tasks",
        "-t",
        metavar="TASK,…",
        help="Comma-separated task names, 'default' among them for all usual ones. See 'lookhear tasks'. Repeatable.",
    ),
]
TaskOptions = Annotated[
    list[str] | None,
    typer.Option("--option", "-O", metavar="TASK.NAME=VALUE", help="A task option, as mir.max_tempo=180. Repeatable."),
]
Workers = Annotated[
    int, typer.Option("--workers", "-w", min=0, help="Files at the same time; 0: as many as the processor likes.")
]
Timeout = Annotated[
    float | None, typer.Option(help="Seconds a file may take; a slower one is given up. Default: no limit.")
]


class Engine(StrEnum):
    """What runs a batch."""

    plain = "plain"
    ray = "ray"


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")]


def _one(tasks: list[str] | None) -> str | None:
    return ",".join(tasks) if tasks else None


@app.command()
def analyze(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Files, folders, '-' for standard input, URLs.")],
    tasks: Tasks = None,
    option: TaskOptions = None,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", help="Write .jsonl, .json, .csv or .parquet; a second run does only what is new."),
    ] = None,
    workers: Workers = 0,
    timeout: Timeout = None,
    quiet: Quiet = False,
    engine: Annotated[
        Engine, typer.Option(help="ray: on a cluster (RAY_ADDRESS) or here; --out is a folder or s3://bucket/prefix.")
    ] = Engine.plain,
    block: Annotated[
        int | None, typer.Option(min=1, help="With --engine ray: rows of one Parquet file; default RAY_BLOCK.")
    ] = None,
) -> None:
    """Analyse media: a table here, a file with everything, or any number of files on a cluster.

    In a folder every file that is not hidden is looked at; each gives a report or one line that says why not.
    """
    if engine is Engine.ray:
        from lookhear.cli.spread import run as spread

        raise typer.Exit(spread(paths, _one(tasks), option or [], out, workers, block, timeout, quiet))
    from lookhear.cli.analyze import run

    if block is not None:
        raise typer.BadParameter("It goes with --engine ray alone.", param_hint="--block")
    raise typer.Exit(run(paths, _one(tasks), option or [], Path(out) if out else None, workers, timeout, quiet))


@app.command()
def report(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Files, folders, '-' for standard input, URLs.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("report.html"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Analyse media and write one self-contained page to look at."""
    from lookhear.cli.report import run

    raise typer.Exit(run(paths, out, quiet))


@app.command()
def scenes(
    film: Annotated[str, typer.Argument(metavar="FILM", help="A film, or a URL.")],
    csv: Annotated[bool, typer.Option("--csv", help="A line per scene.")] = False,
    edl: Annotated[bool, typer.Option("--edl", help="An edit decision list (CMX 3600).")] = False,
    otio: Annotated[bool, typer.Option("--otio", help="An OpenTimelineIO timeline.")] = False,
    html: Annotated[bool, typer.Option("--html", help="A page with the key frame of every scene.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file to write; else it is printed. Its ending says the kind."),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0.01, max=0.99, help="The least probability of a transition; default 0.4.")
    ] = None,
    min_scene_length: Annotated[
        float | None, typer.Option(min=0.0, help="Seconds; shorter scenes go to a neighbour. Default 0.6.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Find the scenes of a film: a table here, or a cut list for an editor."""
    from lookhear.cli.scenes import run

    asked = {"csv": csv, "edl": edl, "otio": otio, "html": html}
    raise typer.Exit(run(film, [name for name, yes in asked.items() if yes], out, threshold, min_scene_length, quiet))


@app.command()
def notes(
    recording: Annotated[str, typer.Argument(metavar="FILE", help="A recording, or a URL.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write .mid (MIDI) or .csv; else a table.")] = None,
    tempo: Annotated[float, typer.Option(min=1.0, help="BPM of the bars in MIDI; times stay as they are.")] = 120.0,
    quiet: Quiet = False,
) -> None:
    """Write down the notes of a recording: a table here, or MIDI."""
    from lookhear.cli.notes import run

    raise typer.Exit(run(recording, out, tempo, quiet))


@app.command()
def transcribe(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Sound or a film, '-' for standard input, or a URL.")],
    model: Annotated[
        str | None, typer.Option(help="As whisper-small or large-v3; default: the best installed.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Code of what is spoken, as en; default: told from the sound.")
    ] = None,
    translate: Annotated[bool, typer.Option("--translate", help="Into English.")] = False,
    words: Annotated[bool, typer.Option("--words", help="When each word is said, too.")] = False,
    text: Annotated[bool, typer.Option("--text", help="A line per segment.")] = False,
    srt: Annotated[bool, typer.Option("--srt", help="Subtitles (SubRip).")] = False,
    vtt: Annotated[bool, typer.Option("--vtt", help="Subtitles (WebVTT).")] = False,
    tsv: Annotated[bool, typer.Option("--tsv", help="Start and end in ms, text.")] = False,
    json: Annotated[bool, typer.Option("--json", help="All of it.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file to write; else it is printed. Its ending says the kind."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Write over what is there.")] = False,
    max_line_width: Annotated[
        int | None, typer.Option(min=1, help="Characters in a line of a subtitle; takes --words along.")
    ] = None,
    max_line_count: Annotated[int | None, typer.Option(min=1, help="Lines of a subtitle; takes --words along.")] = None,
    option: TaskOptions = None,
    quiet: Quiet = False,
) -> None:
    """Write down what is said: a table here, or text or subtitles for others. Takes a model for transcript."""
    from lookhear.cli.transcribe import Wish, run

    asked = {"text": text, "srt": srt, "vtt": vtt, "tsv": tsv, "json": json}
    wish = Wish([name for name, yes in asked.items() if yes], out, force, max_line_width, max_line_count, quiet)
    words = words or max_line_width is not None or max_line_count is not None
    chosen = {"model": model, "language": language, "task": "translate" if translate else None}
    raise typer.Exit(run(file, {**chosen, "word_timestamps": words or None}, option or [], wish))


@app.command()
def duplicates(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Files and folders.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write .jsonl, .json or .csv; a second run does only what is new."),
    ] = None,
    workers: Workers = 0,
    timeout: Timeout = None,
    quiet: Quiet = False,
) -> None:
    """Find copies among pictures, sounds and films: what is the same, why, and which is best. Nothing is deleted.

    Same bytes, links, and the same picture, recording or film in another size, format or quality.
    """
    from lookhear.cli.duplicates import run

    raise typer.Exit(run(paths, out, workers, timeout, quiet))


@app.command()
def listen(
    source: Annotated[str, typer.Argument(help="'-' for standard input, a named pipe, a file or a stream's URL.")],
    tasks: Tasks = None,
    option: TaskOptions = None,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds of sound between two lines.")] = 5.0,
    window: Annotated[float, typer.Option(min=0.0, help="Start afresh after so many seconds; 0: never.")] = 30.0,
) -> None:
    """Running results as JSON lines, while the sound arrives."""
    from lookhear.cli.listen import run

    run(source, _one(tasks), option or [], every, window)


@app.command()
def index(
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Files and folders.")],
    workers: Workers = 0,
    timeout: Timeout = None,
    prune: Annotated[bool, typer.Option("--prune", help="Forget files of those folders that are gone.")] = False,
    quiet: Quiet = False,
) -> None:
    """Make pictures, films and faces in them be found by 'lookhear search'; a second run does only what is new.

    Vectors are kept in the storage folder (STORAGE_DIR), or on the Qdrant server of QDRANT_URL. Takes a model for embedding.
    """
    from lookhear.cli.index import run

    raise typer.Exit(run(paths, workers, timeout, quiet, prune))


@app.command()
def search(
    words: Annotated[str | None, typer.Argument(metavar="WORDS", help="What it shows, as 'red car at night'.")] = None,
    like: Annotated[Path | None, typer.Option("--like", help="An image or a film, to find what looks like it.")] = None,
    face: Annotated[Path | None, typer.Option("--face", help="An image, to find the face in it.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many at most.")] = 10,
    threshold: Annotated[
        float | None, typer.Option(min=-1.0, max=1.0, help="How near at least: the cosine. Default: any.")
    ] = None,
    url: Annotated[
        str, typer.Option(help="Of a service; default: LOOKHEAR_URL, else one that runs here, else the storage folder.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="All of it.")] = False,
) -> None:
    """Find what 'lookhear index' and jobs have kept, by words, by example, or by a face.

    A service's token is read from LOOKHEAR_TOKEN.
    """
    from lookhear.cli.search import run

    raise typer.Exit(run(words, like, face, limit, threshold, url, as_json))


@app.command()
def tasks() -> None:
    """List the tasks, what they give and their options."""
    from lookhear.cli.show import print_tasks

    print_tasks()


@app.command()
def schema() -> None:
    """Print the JSON Schema of a report."""
    import json

    from lookhear.analysis.codec import schema as report_schema

    typer.echo(json.dumps(report_schema(), indent=2))


@app.command()
def doctor() -> None:
    """Check what this installation can do."""
    from lookhear.cli.doctor import run

    raise typer.Exit(run())


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Where to listen; default: HOST, else 127.0.0.1.")] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", "-p", min=0, max=65535, help="Default: PORT, else 8000; 0: any that is free."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", min=1, help="Jobs at the same time; default: MAX_WORKERS, else 2.")
    ] = None,
    workers_off: Annotated[
        bool, typer.Option("--workers-off", help="Take jobs, but leave them to 'lookhear worker'.")
    ] = False,
) -> None:
    """Serve HTTP: analyses, jobs, search, a page. Settings are variables; Ctrl-C or SIGTERM ends it in good order."""
    from lookhear.cli.serve import run

    run(host, port, workers, workers_off)


@app.command()
def worker(
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", min=1, help="Jobs at the same time; default: MAX_WORKERS, else 2.")
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option("--tasks", "-t", metavar="TASK,…", help="Only jobs of these types, comma-separated. Repeatable."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option("--device", "-d", help="Where models run: cpu, cuda, cuda:1. Default: by USE_GPU, REQUIRE_GPU."),
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Show figures for Prometheus there, at HOST. Default: nowhere.")
    ] = None,
) -> None:
    """Work on the jobs of a service: with its DATABASE_URL and STORAGE_DIR, or with its database on another machine."""
    from lookhear.cli.worker import run

    run(workers, [name for one in tasks or [] for name in one.split(",") if name] or None, device, metrics_port)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="All of it; with --watch a line each time.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look every second, until Ctrl-C.")] = False,
) -> None:
    """Show who works, what waits, how fast it goes, and what answers: by DATABASE_URL or STORAGE_DIR, without a server."""
    from lookhear.cli.status import run

    raise typer.Exit(run(as_json, watch))
