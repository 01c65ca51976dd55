"""Groups of copies as tables a person reads."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lookhear.analysis.copy_groups import Copies, Copy, CopyGroup
from lookhear.cli.show import cell, common_folder, console

_WHAT = {"audio": "recording", "image": "picture", "video": "film", None: "file"}


def print_copies(copies: Copies) -> None:
    """A table per group, the best one first; then what is alike beside them, what could not be read, and the sum."""
    screen = console()
    for number, group in enumerate(copies.groups, 1):
        screen.print(_table(number, group))
    for one in copies.related:
        screen.print(f"[cyan]{escape(one.path)}[/] is like [cyan]{escape(one.to)}[/]: {one.reason}", soft_wrap=True)
    for refusal in copies.refused:
        screen.print(f"[red]{escape(refusal.name)}:[/] {escape(refusal.error.message)}", soft_wrap=True)
    screen.print(_sum(copies), soft_wrap=True)


def print_sum(copies: Copies, out: Path) -> None:
    """What a run came to, on the error stream."""
    Console(stderr=True).print(f"{_sum(copies)}: {escape(str(out))}", soft_wrap=True)


def _sum(copies: Copies) -> str:
    refused = f", {len(copies.refused)} could not be read" if copies.refused else ""
    if not copies.groups:
        return f"No copies among {copies.files} files{refused}"
    count = sum(len(group.copies) for group in copies.groups)
    return (
        f"{len(copies.groups)} group{'s' if len(copies.groups) > 1 else ''} of copies among {copies.files} files{refused}; "
        f"{count} beside the best take {size(copies.spare)}, nothing was changed"
    )


def _table(number: int, group: CopyGroup) -> Table:
    members = (group.best, *group.copies)
    folder = common_folder([copy.path for copy in members])
    title = f"{number}. {_WHAT.get(group.kind, 'file')}, {len(members)} files, copies take {size(group.spare)}"
    table = Table(title=f"{title}, in {escape(folder)}" if folder else title, title_justify="left", box=None)
    for name, justify in (("", "left"), ("file", "left"), ("what", "left"), ("size", "right"), ("like", "right")):
        table.add_column(name, justify="right" if justify == "right" else "left", overflow="fold")
    table.add_column("", overflow="fold", ratio=1)
    for copy in members:
        best = copy is group.best
        said = f"best: {copy.reason}" if best else copy.reason
        like = "" if best else f"{copy.score:.2f}"
        name = escape(copy.path.removeprefix(folder))
        table.add_row("★" if best else "", name, _what(copy), size(copy.size), like, escape(said))
    return table


def _what(copy: Copy) -> str:
    parts = [f"{copy.resolution[0]} × {copy.resolution[1]}"] if copy.resolution else []
    parts += [cell("duration", copy.duration)] if copy.duration is not None else []
    return ", ".join([*parts, *([copy.format] if copy.format else [])])


def size(count: int) -> str:
    """Bytes for people."""
    amount, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
