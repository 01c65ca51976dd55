"""``lookhear analyze --engine ray``: any number of files, to rows in Parquet, on one machine or many."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import typer

from lookhear.analysis.batch import Request
from lookhear.cli.analyze import checked
from lookhear.cli.asked import plain_paths
from lookhear.scale.manifest import Sum
from lookhear.scale.run import Told, check, spread
from lookhear.settings import load_settings
from lookhear.wiring import own

_EVERY = 30.0  # s between lines where nobody looks on


def run(
    paths: list[str],
    tasks: str | None,
    options: list[str],
    out: str | None,
    actors: int,
    block: int | None,
    timeout: float | None,
    quiet: bool,
) -> int:
    """The exit code: 0, or 3 when a file was refused, or 1 when files are missing."""
    if out is None:
        raise typer.BadParameter("With --engine ray, name a folder or s3://bucket/prefix.", param_hint="--out")
    if "-" in paths:
        raise typer.BadParameter("Standard input cannot be spread. Name files, folders or URLs.", param_hint="PATH")
    check()
    names, chosen = checked(tasks, options, timeout)
    settings = load_settings()
    scale = settings if block is None else replace(settings, ray_block=block)
    request = Request(names, chosen, own(settings), timeout, settings)
    with _progress(quiet) as told:
        total = spread(plain_paths(paths), out, request, scale, actors, told)
    if not quiet:
        typer.echo(_sentence(total, out), err=True)
    if not total.adds_up:
        missing = total.listed - total.known - total.done - total.refused
        typer.echo(f"lookhear: {missing} files have no row in {out}, or one too many. Run the same again.", err=True)
        return 1
    return 3 if total.refused else 0


def _sentence(total: Sum, out: str) -> str:
    parts = [f"{total.listed} files = {total.done} analysed + {total.refused} refused"]
    parts.append(f"+ {total.known} known from before;" if total.known else ";")
    rate = f"{total.files_per_second:.1f} files/s with {total.actors} actors"
    codes = ", ".join(f"{code} {count}" for code, count in sorted(total.errors.items()))
    why = f"; errors among the rows: {codes} (see the columns path and error)" if codes else ""
    return f"{' '.join(parts).replace(' ;', ';')} {total.rows} rows in {out}, {rate}{why}"


@contextmanager
def _progress(quiet: bool) -> Iterator[Told]:
    if quiet:
        yield lambda *_: None
    elif sys.stderr.isatty():
        with _bar() as told:
            yield told
    else:
        yield _lines()


def _lines() -> Told:
    began = last = time.monotonic()

    def told(listed: int, known: int, done: int, refused: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _EVERY:
            last = time.monotonic()
            rate = (done + refused) / (last - began)
            typer.echo(f"{done + refused} of {listed - known} so far, {refused} refused, {rate:.1f} files/s", err=True)

    return told


@contextmanager
def _bar() -> Iterator[Callable[[int, int, int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("listing", total=None)

        def told(listed: int, known: int, done: int, refused: int) -> None:
            words = f"{known} known, {refused} refused"
            progress.update(bar, completed=done + refused, total=listed - known, description=words)

        yield told
