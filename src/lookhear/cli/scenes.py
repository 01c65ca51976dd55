"""``lookhear scenes``: the scenes of a film as a table, as a cut list for an editor, or as a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer

from lookhear.analysis.codec import plain
from lookhear.analysis.report import Report
from lookhear.cli.analyze import named
from lookhear.cli.progress import seconds_bar
from lookhear.cli.written import PAGE, check_out, write_whole
from lookhear.errors import NotAMedium

_BEGIN = {  # as files that may be written over do
    "csv": rb"scene,start,end,",
    "edl": rb"title:[^\n]*scenes by lookhear",
    "otio": rb'\{[^{}]*"metadata": \{[^{}]*\},\s*"name": "[^"\n]*scenes by lookhear',
    "html": PAGE,
}
FORMATS = tuple(_BEGIN)


def run(
    path: str, formats: list[str], out: Path | None, threshold: float | None, shortest: float | None, quiet: bool
) -> int:
    """The exit code, 0."""
    kind = _format(formats, out)
    if out is not None and kind is not None:
        check_out(out, "list of scenes of ours", _BEGIN[kind])
    chosen = {"threshold": threshold, "min_scene_length": shortest}
    options: dict[str, Any] = {"scenes": {name: value for name, value in chosen.items() if value is not None}}
    report = _analysed(path, kind, options, quiet)
    if kind is None:
        if not quiet:
            from lookhear.cli.show import print_scenes

            print_scenes(_rows(report)[0])
        return 0
    text = _text(report, kind)
    if out is None:
        typer.echo(text, nl=not text.endswith("\n"))
        return 0
    write_whole(out, text)
    if not quiet:
        typer.echo(f"Wrote {out}.", err=True)
    return 0


def _format(formats: list[str], out: Path | None) -> str | None:
    """As asked by an option, or by how the name of the file ends; None: a table."""
    if len(formats) > 1:
        raise typer.BadParameter("Choose one: " + ", ".join(f"--{name}" for name in formats) + ".")
    if formats or out is None:
        return formats[0] if formats else None
    ending = out.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        listing = ", ".join(f".{name}" for name in FORMATS)
        raise typer.BadParameter(f"'{out.name}' ends in none of {listing}: say which it is.", param_hint="--out")
    return ending


def _analysed(path: str, kind: str | None, options: dict[str, Any], quiet: bool) -> Report:
    from lookhear.page import OPTIONS
    from lookhear.tasks import catalogue
    from lookhear.wiring import analyze

    tasks = (catalogue.PAGE,) if kind == "html" else ("scenes", "technical")
    if kind == "html":
        options = {**OPTIONS, **options, "overview": {"per_scene": True}}
    with seconds_bar(path, quiet) as progress, named(path):
        report = analyze(path, tasks, options, progress=progress)
        if report.medium.kind != "video":
            raise NotAMedium(f"It is no film (its kind is {report.medium.kind}) and has no scenes. Name a film.")
        failed = next((error for error in report.errors if error.task == "scenes"), None)
        if failed is not None:
            raise NotAMedium(failed.message)
    for note in report.warnings:
        if note.task is None:
            typer.echo(f"lookhear: {path}: {note.message}", err=True)
    return report


def _text(report: Report, kind: str) -> str:
    if kind == "html":
        from lookhear.page import render

        return render(report)
    from lookhear.cli import cutlist

    rows, facts = _rows(report)
    if kind == "csv":
        return cutlist.csv_text(rows)
    timeline = cutlist.timeline(_place(report.medium.name), rows, facts, time_codes=kind == "edl")
    return cutlist.edl_text(timeline) if kind == "edl" else cutlist.otio_text(timeline)


def _place(name: str) -> str:
    return name if "://" in name else Path(os.path.abspath(name)).as_uri()


def _rows(report: Report) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Scenes with how each begins, and the technical facts."""
    values = {finding.task: plain(finding.value) for finding in report.findings}
    found = values["scenes"]
    begins = [None, *found["cuts"]]
    rows = [
        {"scene": i + 1, **scene, "transition": cut and cut["kind"], "probability": cut and cut["probability"]}
        for i, (scene, cut) in enumerate(zip(found["scenes"], begins, strict=False))
    ]
    return rows, {**values.get("technical", {}), "tags": dict(report.medium.probe.tags)}
