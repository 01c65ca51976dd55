"""What the commands on vectors do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any

import typer

from lookhear.errors import InvalidOptions, UnknownModel
from lookhear.outlets.collections import Collection, found, kind
from lookhear.outlets.moving import Copied, copy, plan
from lookhear.outlets.vectors import Held, Vectors
from lookhear.settings import load_settings
from lookhear.wiring.places import check_room, is_same, own_place, vectors_at


def print_vectors(at: str, as_json: bool) -> None:
    """A line for each collection, or JSON."""
    place, vectors = _opened(at)
    with closing(vectors):
        rows = [_row(held, in_use) for held, in_use in _looked_at(vectors)]
    if as_json:
        typer.echo(json.dumps({"place": place, "collections": rows}, indent=1))
    elif not rows:
        typer.echo(f"No vectors are kept in {place} yet.")
    else:
        _show(place, rows)


def migrate(source: str, to: str, quiet: bool) -> None:
    """Copy, check, tell. Raises InvalidOptions, VectorsDiffer, and what vectors raise."""
    settings = load_settings()
    origin = source or own_place(settings)
    if is_same(origin, to):
        raise InvalidOptions(f"The vectors are in {to} already. Name another place with --to.")
    with closing(vectors_at(origin, settings)) as old, closing(vectors_at(to, settings)) as new:
        helds, strange = plan(old, new)
        for name in strange:
            typer.echo(f"{name} is left out: it is not Lookhear's.", err=True)
        if not helds:
            raise InvalidOptions(f"There are no vectors in {origin}. Check --from, STORAGE_DIR and QDRANT_URL.")
        check_room(to, _missing(new, helds))
        with _bar(sum(held.count for held in helds), quiet) as progress:
            copied = list(copy(old, new, helds, progress))
    if not quiet:
        _tell(copied, origin, to)


def drop(collection: str, version: str, at: str, yes: bool) -> None:
    """Ask, where a person can answer, and remove it."""
    place, vectors = _opened(at)
    with closing(vectors):
        mine = _of(vectors, collection, place)
        held = mine.version(version)
        if not yes and sys.stdin.isatty():
            typer.confirm(f"Remove {held.count} vectors of {held.made} from {held.name}?", abort=True, err=True)
        mine.drop(held.name)
    typer.echo(f"{held.count} vectors of {held.made} are gone from {held.name}.", err=True)


def _opened(at: str) -> tuple[str, Vectors]:
    settings = load_settings()
    place = at or own_place(settings)
    return place, vectors_at(place, settings)


def _missing(new: Vectors, helds: list[Held]) -> list[Held]:
    """What takes room there: a copy that is taken up again has some of it."""
    return [held for held in helds if new.count(held.name) < held.count or new.held(held.name) is None]


def _looked_at(vectors: Vectors) -> list[tuple[Held, bool]]:
    used = {current.name for mine in found(vectors) if (current := mine.current()) is not None}
    return [(held, held.name in used) for held in vectors.collections()]


def _of(vectors: Vectors, collection: str, place: str) -> Collection:
    kinds = {mine.name: mine for mine in found(vectors)}
    if kind(collection) not in kinds:
        there = ", ".join(kinds) or "nothing"
        raise UnknownModel(f"There is no collection '{collection[:80]}' in {place}. There is: {there}.")
    return kinds[kind(collection)]


def _row(held: Held, in_use: bool) -> dict[str, Any]:
    made = asdict(held.made) if held.made else None
    ours = held.made is not None
    return {"name": held.name, "made": made, "points": held.count, "size": held.size, "in_use": in_use and ours}


def _show(place: str, rows: list[dict[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from lookhear.cli.show import console

    table = Table()
    for title in ("collection", "model", "version", "points", "numbers", ""):
        table.add_column(title, overflow="fold", justify="right" if title in ("points", "numbers") else "left")
    for row in rows:
        made = row["made"] or {"model": "unknown", "version": ""}
        state = "in use" if row["in_use"] else "not in use" if row["made"] else "not ours"
        cells = (row["name"], made["model"], made["version"], f"{row['points']:,}", str(row["size"]), state)
        table.add_row(*(escape(cell) for cell in cells))
    screen = console()
    screen.print(table)
    screen.print(f"[dim]In {escape(place)}.[/]", soft_wrap=True)


def _tell(copied: list[Copied], origin: str, to: str) -> None:
    for one in copied:
        besides = f"; {one.besides:,} others there are left alone" if one.besides else ""
        typer.echo(f"{one.name}: {one.count:,} points, {one.written:,} of them written now; checked{besides}")
    use = f"QDRANT_URL={to}" if "://" in to else f"that folder as 'vectors' in STORAGE_DIR ({to}), without QDRANT_URL"
    typer.echo(f"All is in {to}, and still in {origin}. Restart the service with {use}.")


@contextmanager
def _bar(total: int, quiet: bool) -> Iterator[Callable[[str, int], None]]:
    """Points done, where a person looks on."""
    if quiet or not sys.stderr.isatty():
        yield lambda name, count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=total)
        yield lambda name, count: progress.update(bar, advance=count, description=name)
