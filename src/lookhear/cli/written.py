"""Writing a whole file: over nothing of anybody else's, and all at once."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from lookhear.errors import MediumUnreadable

PAGE = (b"<!doctype html", b"<html")


def check_out(out: Path, what: str, ours: tuple[bytes, ...] = PAGE) -> None:
    """Only a ``what`` is written over, which begins as one of ``ours`` (lower case): nobody's recording or notes."""
    if out.is_dir():
        raise typer.BadParameter(f"'{out}' is a folder. Name a file in it.", param_hint="--out")
    if out.is_file():
        with out.open("rb") as file:
            head = file.read(64)
        if head and not head.lstrip().lower().startswith(ours):
            raise typer.BadParameter(f"'{out}' is there already and no {what}. Name another file.", param_hint="--out")


def write_whole(out: Path, text: str) -> None:
    """Write beside its place, then put it there at once. Raises MediumUnreadable."""
    try:
        fresh = out.with_name(f".{out.name}.new")
        fresh.write_text(text, encoding="utf-8", errors="backslashreplace")
        os.replace(fresh, out)
    except OSError as error:
        raise MediumUnreadable(f"Cannot write to {out}: {error.strerror}. Choose another --out.") from error
