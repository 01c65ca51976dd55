"""``lookhear transcribe``: what is said as a table, as text, as subtitles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from lookhear.analysis.codec import plain
from lookhear.cli.analyze import named
from lookhear.cli.asked import task_options
from lookhear.cli.progress import seconds_bar
from lookhear.cli.written import check_out, write_whole
from lookhear.errors import InputError, of_code

_TASK = "transcript"
_ENDINGS = {"txt": "text", "srt": "srt", "vtt": "vtt", "tsv": "tsv", "json": "json"}


@dataclass(frozen=True)
class Wish:
    """What is to become of it. ``formats``: those named by options."""

    formats: list[str]
    out: Path | None
    force: bool
    max_line_width: int | None
    max_line_count: int | None
    quiet: bool


def run(path: str, chosen: Mapping[str, Any], words: list[str], wish: Wish) -> int:
    """The exit code, 0."""
    kind = _format(wish)
    if wish.out is not None:
        _check(wish.out, wish.force)
    options = {name: dict(values) for name, values in task_options(words).items()}
    options[_TASK] = {**options.get(_TASK, {}), **{name: value for name, value in chosen.items() if value is not None}}
    found = _analysed(path, options, wish.quiet)
    if kind is None:
        if not wish.quiet:
            from lookhear.cli.show import print_transcript

            print_transcript(plain(found))
        return 0
    written = _written(found, kind, wish)
    if wish.out is None:
        typer.echo(written, nl=False)
        return 0
    write_whole(wish.out, written)
    if not wish.quiet:
        typer.echo(f"Wrote {wish.out}.", err=True)
    return 0


def _format(wish: Wish) -> str | None:
    """As asked by an option, or by how the name of the file ends; None: a table."""
    if len(wish.formats) > 1:
        raise typer.BadParameter("Choose one: " + ", ".join(f"--{name}" for name in wish.formats) + ".")
    if wish.formats or wish.out is None:
        return wish.formats[0] if wish.formats else None
    ending = wish.out.suffix.lower().removeprefix(".")
    if ending not in _ENDINGS:
        listing = ", ".join(f".{name}" for name in _ENDINGS)
        raise typer.BadParameter(f"'{wish.out.name}' ends in none of {listing}: say which it is.", param_hint="--out")
    return _ENDINGS[ending]


def _check(out: Path, force: bool) -> None:
    """Who has corrected a transcript by hand must not lose it: nothing is written over unasked."""
    if out.is_file() and out.stat().st_size and not force:
        raise typer.BadParameter(f"'{out}' is there already. Say --force to write over it.", param_hint="--out")
    check_out(out, "transcript", begins=b"")


def _analysed(path: str, options: dict[str, dict[str, Any]], quiet: bool) -> Any:
    from lookhear.wiring import analyze

    with seconds_bar(path, quiet) as progress, named(path):
        report = analyze(path, (_TASK,), options, progress=progress)
        if report.medium.kind == "image":
            raise InputError("It is a picture: nothing is said in it. Name sound or a film.")
        failed = next((error for error in report.errors if error.task == _TASK), None)
        if failed is not None:
            raise of_code(failed.code, failed.message)
    for note in report.warnings:
        typer.echo(f"lookhear: {path}: {note.message}", err=True)
    return report[_TASK]


def _written(found: Any, kind: str, wish: Wish) -> str:
    from lookhear.tasks.audio.transcript import subtitles

    layout = subtitles.Layout(wish.max_line_width, wish.max_line_count)
    if kind in ("srt", "vtt"):
        return subtitles.srt(found, layout) if kind == "srt" else subtitles.vtt(found, layout)
    return {"text": subtitles.text, "tsv": subtitles.tsv, "json": subtitles.as_json}[kind](found)
