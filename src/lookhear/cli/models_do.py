"""What the commands on models do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.markup import escape

from lookhear.cli.show import console
from lookhear.errors import InvalidModel, LookhearError, UnknownModel
from lookhear.models.card import Card, Want
from lookhear.models.disk import megabytes
from lookhear.models.fetch import Watch, size_text
from lookhear.models.shelf import Shelf, shelf_for
from lookhear.models.store import Installed
from lookhear.settings import load_settings

_LARGE = 1_000_000_000  # bytes: worth a question


def _shelf() -> Shelf:
    return shelf_for(load_settings())


def pull(names: list[str], force: bool, commercial_only: bool, yes: bool, quiet: bool) -> None:
    """Fetch and activate, one after the other."""
    from lookhear.models.install import pull as install

    shelf = _shelf()
    cards = [shelf.catalogue.find(name) for name in names]
    for card in cards:
        if (commercial_only or shelf.settings.commercial_only) and not card.commercial:
            raise UnknownModel(f"{card.id} may not be used commercially ({card.licence}).")
    fresh = [card for card in cards if force or card.id not in shelf.store.all()]
    _announce(fresh, yes, quiet)
    for card in cards:
        with _bar(card, quiet) as watch:
            one = install(card, shelf.store, shelf.settings.model_mirror, watch, waiting=_waiting(card), force=force)
        if not quiet:
            known = "" if card in fresh else " was here already; it"
            typer.echo(f"{card.id}{known} is active ({card.licence}): {one.folder}", err=True)
            _say_if_another_is_used(shelf, card)


def _say_if_another_is_used(shelf: Shelf, card: Card) -> None:
    """A better one, or one that was chosen."""
    used = shelf.find(Want(card.role))
    if used is not None and used.card.name != card.name:
        told = f"For {card.role}, {used.card.id} is used all the same; to change that: lookhear models activate {card.name}"
        typer.echo(told, err=True)


def _announce(fresh: list[Card], yes: bool, quiet: bool) -> None:
    """How much it will be, before it begins."""
    total = sum(card.size or 0 for card in fresh)
    if fresh and not quiet:
        for card in fresh:
            memory = f", {card.memory} MB in memory" if card.memory else ""
            terms = {True: "commercial use allowed", False: "no commercial use", None: "commercial use unknown"}
            typer.echo(f"{card.id}: {size_text(card)}{memory}; {card.licence}, {terms[card.commercial]}", err=True)
    if total > _LARGE and not yes and sys.stdin.isatty():
        typer.confirm(f"Fetch {megabytes(total)}?", abort=True, err=True)


def _waiting(card: Card) -> Callable[[], None]:
    return lambda: typer.echo(f"Another process is fetching {card.id}; waiting for it.", err=True)


@contextmanager
def _bar(card: Card, quiet: bool) -> Iterator[Watch]:
    """Bytes of each file, where a person looks on."""
    if quiet or not sys.stderr.isatty():
        yield lambda name, done, size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks = {file.name: progress.add_task(file.name, total=file.size, visible=False) for file in card.files}
        yield lambda name, done, size: progress.update(tasks[name], completed=done, visible=True)


def _chosen(names: list[str]) -> list[Installed]:
    """Installed models by name or id; all without names. Raises UnknownModel."""
    store = _shelf().store
    there = store.all()
    if not names:
        return list(there.values())
    found = []
    for name in names:
        fit = [one for one in there.values() if name in (one.card.id, one.card.name)]
        if not fit:
            raise UnknownModel(f"'{name}' is not installed. Get it with: lookhear models pull {name}")
        found += fit
    return found


def _each(names: list[str], look: Callable[[Installed], str]) -> int:
    """Say of each model what ``look`` says, or what is wrong with it; the exit code."""
    screen, code = console(), 0
    chosen = _chosen(names)
    for one in chosen:
        try:
            screen.print(f"[green]ok[/]      {escape(one.card.id)}  [dim]{escape(look(one))}[/]", soft_wrap=True)
        except InvalidModel as error:
            screen.print(f"[red]broken[/]  {escape(one.card.id)}  {escape(error.message)}", soft_wrap=True)
            code = 3
        except LookhearError as error:  # of the runtime, say: the others are looked at all the same
            screen.print(f"[yellow]unknown[/] {escape(one.card.id)}  {escape(error.message)}", soft_wrap=True)
            code = code or error.exit_code
    if not chosen:
        screen.print("No models are installed.")
    return code


def verify(names: list[str]) -> int:
    """Checksums; the exit code."""
    from lookhear.models.inspect import check_sums
    from lookhear.models.runtimes import check_loads

    def look(one: Installed) -> str:
        check_sums(one)
        check_loads(one.card, one.folder)
        return (
            f"{len(one.card.kept)} files, {megabytes(sum((one.folder / f.name).stat().st_size for f in one.card.kept))}"
        )

    return _each(names, look)


def check(names: list[str]) -> int:
    """Golden outputs; the exit code."""
    from lookhear.models.golden import check as compare

    shelf = _shelf()
    return _each(names, lambda one: compare(one, shelf))


def bundle(names: list[str], out: Path, quiet: bool) -> None:
    """One file."""
    from lookhear.models.bundle import write_bundle

    size = write_bundle(_chosen(names), out)
    if not quiet:
        typer.echo(f"Wrote {out} ({megabytes(size)}). There: lookhear models import {out.name}", err=True)


def import_model(
    path: Path,
    name: str | None,
    version: str,
    family: str | None,
    labels: Path | None,
    licence: str,
    commercial: bool | None,
) -> None:
    """From a bundle, a file or a folder."""
    from lookhear.models.bundle import is_bundle, read_bundle
    from lookhear.models.own import Description, import_file

    shelf = _shelf()
    if is_bundle(path):
        found = read_bundle(path, shelf.store)
    else:
        found = [import_file(path, shelf, Description(name, version, family, labels, licence, commercial))]
    for one in found:
        typer.echo(f"{one.card.id} is active, for {one.card.role}: {one.folder}", err=True)


def activate(names: list[str]) -> None:
    """These, from now on."""
    for name in names:
        plain, _, version = name.partition("@")
        one = _shelf().store.activate(plain, version or None, choose=True)
        typer.echo(f"{one.card.id} is used for {one.card.role}.", err=True)


def rollback(names: list[str]) -> None:
    """The versions before."""
    for name in names:
        typer.echo(f"{_shelf().store.rollback(name).card.id} is active again.", err=True)


def remove(names: list[str]) -> None:
    """Delete them."""
    for one in _chosen(names):
        _shelf().store.remove(one.card.name, one.card.version)
        typer.echo(f"{one.card.id} is gone.", err=True)
