"""``lookhear report``: analyse, and write the page."""

from __future__ import annotations

from pathlib import Path

import typer

from lookhear.analysis.codec import from_json
from lookhear.analysis.report import Refusal
from lookhear.cli.analyze import answers_to, named
from lookhear.cli.asked import expand
from lookhear.cli.progress import files_bar, seconds_bar
from lookhear.cli.written import check_out, write_whole
from lookhear.page import OPTIONS, render, render_many
from lookhear.tasks.catalogue import PAGE
from lookhear.wiring import analyze


def run(paths: list[str], out: Path, quiet: bool) -> int:
    """The exit code: 0, or 3 when a file was refused."""
    check_out(out, "page")
    files = list(expand(paths))
    if not files:
        raise typer.BadParameter("There is no file in it.", param_hint="PATH")
    names = (PAGE,)
    if len(files) == 1:
        with seconds_bar(files[0], quiet) as progress, named(files[0]):
            page, refused = render(analyze(files[0], names, OPTIONS, progress=progress)), False
    else:
        answers = {}
        with files_bar(len(files), quiet) as done:
            for path, line in answers_to(files, names, OPTIONS, 0, None):
                answers[path] = from_json(line)
                done(path)
        page = render_many([answers[path] for path in files])
        refusals = [answer for answer in answers.values() if isinstance(answer, Refusal)]
        refused = bool(refusals)
        for refusal in refusals:
            typer.echo(f"lookhear: {refusal.name}: {refusal.error.message}", err=True)
    write_whole(out, page)
    if not quiet:
        typer.echo(f"Open {out} in a browser.", err=True)
    return 3 if refused else 0
