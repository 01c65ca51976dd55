"""Writing a whole file: over nothing of anybody else's, and all at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from lookhear.errors import MediumUnreadable

PAGE = rb"\s*<(!doctype html|html)"


def check_out(out: Path, what: str, begins: bytes = PAGE) -> None:
    """Only a ``what`` is written over, which begins as that pattern says, in any case: nobody's own work."""
    if out.is_dir():
        raise typer.BadParameter(f"'{out}' is a folder. Name a file in it.", param_hint="--out")
    if out.is_file():
        with out.open("rb") as file:
            head = file.read(4096)
        if head and not re.match(begins, head, re.IGNORECASE):
            raise typer.BadParameter(f"'{out}' is there already and no {what}. Name another file.", param_hint="--out")
    elif not os.access(out.parent, os.W_OK):
        raise typer.BadParameter(f"Nothing can be written to '{out.parent}'. Name another place.", param_hint="--out")


@contextmanager
def beside(out: Path) -> Iterator[Path]:
    """A place to write to, which takes that of ``out`` once all is written. Raises MediumUnreadable."""
    place = out.resolve()  # what a link leads to, not the link
    fresh = place.with_name(f".{place.name}.{os.getpid()}.new")
    try:
        yield fresh
        os.replace(fresh, place)
    except OSError as error:
        raise MediumUnreadable(f"Cannot write to {out}: {error.strerror}. Choose another --out.") from error


def write_whole(out: Path, text: str) -> None:
    """All at once; a pipe or device takes it as it is. Raises MediumUnreadable."""
    if out.exists() and not out.is_file():
        out.write_text(text, encoding="utf-8", errors="backslashreplace")
        return
    with beside(out) as fresh:
        fresh.write_text(text, encoding="utf-8", errors="backslashreplace")
