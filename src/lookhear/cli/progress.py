"""Progress on the error stream, where a person looks on; silent in pipes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def seconds_bar(path: str, quiet: bool) -> Iterator[Callable[[float], None] | None]:
    """Seconds done of one file."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), TextColumn("{task.completed:.0f} s done"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(os.path.basename(path) or path, total=None)
        yield lambda seconds: progress.update(bar, completed=seconds)


@contextmanager
def files_bar(total: int | None, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Files done of many, with the time left where it is known how many there are."""
    if quiet or not sys.stderr.isatty():
        yield lambda path: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=total)
        yield lambda path: progress.update(bar, advance=1, description=os.path.basename(path))
