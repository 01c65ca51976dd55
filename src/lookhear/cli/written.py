"""Writing a whole file: over nothing of anybody else's, and all at once."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from lookhear.errors import MediumUnreadable

HTML = (b"<!doctype html", b"<html")


def check_out(out: Path, what: str, marks: tuple[bytes, ...] = HTML) -> None:
    """Only a ``what`` is written over, near whose beginning one of ``marks`` (lower case) stands: nobody's own work."""
    if out.is_dir():
        raise typer.BadParameter(f"'{out}' is a folder. Name a file in it.", param_hint="--out")
    if out.is_file():
        with out.open("rb") as file:
            head = file.read(1 << 14).lower()
        if head and not any(mark in head for mark in marks):
            raise typer.BadParameter(f"'{out}' is there already and no {what}. Name another file.", param_hint="--out")
    elif not os.access(out.parent, os.W_OK):
        raise typer.BadParameter(f"Nothing can be written to '{out.parent}'. Name another place.", param_hint="--out")


def write_whole(out: Path, text: str) -> None:
    """Write beside its place, then put it there at once; a pipe or device takes it as it is. Raises MediumUnreadable."""
    try:
        if out.exists() and not out.is_file():
            out.write_text(text, encoding="utf-8", errors="backslashreplace")
            return
        out = out.resolve()  # what a link leads to, not the link
        fresh = out.with_name(f".{out.name}.{os.getpid()}.new")
        fresh.write_text(text, encoding="utf-8", errors="backslashreplace")
        os.replace(fresh, out)
    except OSError as error:
        raise MediumUnreadable(f"Cannot write to {out}: {error.strerror}. Choose another --out.") from error
