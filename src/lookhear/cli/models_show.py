"""Models as tables a person reads."""

from __future__ import annotations

import json
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from lookhear.cli.show import console
from lookhear.models.card import Card, Want
from lookhear.models.fetch import size_text
from lookhear.models.sessions import weight
from lookhear.models.shelf import Shelf, shelf_for
from lookhear.settings import load_settings


def print_models(role: str | None, installed: bool, commercial_only: bool, as_json: bool) -> None:
    """A line per version; what a task uses now is marked."""
    shelf = shelf_for(load_settings())
    rows = [row for row in rows_of(shelf) if role is None or row["role"] == role]
    rows = [row for row in rows if (row["installed"] or not installed) and (row["commercial"] or not commercial_only)]
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    if not rows:
        known = ", ".join(sorted({row["role"] for row in rows_of(shelf)}))
        typer.echo(f"There is none. Models are known for: {known}.")
        return
    table = Table()
    for title in ("for", "model", "state", "size", "licence"):
        table.add_column(title, overflow="fold", no_wrap=title in ("state", "size"))
    table.add_column("what it is", overflow="fold", ratio=1, min_width=30)
    before = ""
    for row in rows:
        state = "[green]in use[/]" if row["used"] else "installed" if row["installed"] else "[dim]not installed[/]"
        name = f"[bold]{row['name']}[/]" if row["recommended"] else row["name"]
        terms = {True: "", False: "[red]no commercial use:[/] ", None: ""}[row["commercial"]] + escape(row["licence"])
        memory = f", {row['memory']} MB in memory" if row["memory"] else ""
        shown = row["role"] if row["role"] != before else ""
        if before and shown:
            table.add_section()
        table.add_row(shown, f"{name} {row['version']}", state, row["size"], terms, escape(row["summary"] + memory))
        before = row["role"]
    screen = console()
    screen.print(table)
    place = escape(str(shelf.store.folder))
    screen.print(f"[dim]In {place}. Get one with: lookhear models pull NAME; bold: get this first.[/]", soft_wrap=True)


def rows_of(shelf: Shelf) -> list[dict[str, Any]]:
    """All that is known or installed, by role, the best first."""
    there = shelf.store.all()
    cards = {card.id: card for card in shelf.catalogue.cards} | {id: one.card for id, one in there.items()}
    ordered = sorted(cards.values(), key=lambda card: (card.role, -card.rank, card.name, card.version))
    used = {role: shelf.find(Want(role)) for role in {card.role for card in ordered}}
    return [_row(card, shelf, used[card.role].card.id if used[card.role] else None) for card in ordered]  # type: ignore[union-attr]


def _row(card: Card, shelf: Shelf, used: str | None) -> dict[str, Any]:
    one = shelf.store.all().get(card.id)
    return {
        "role": card.role,
        "name": card.name,
        "version": card.version,
        "installed": one is not None,
        "used": card.id == used,
        "recommended": card.recommended,
        "size": size_text(card),
        "bytes": card.size,
        "memory": card.memory or (weight(one) if one else None),
        "licence": card.licence,
        "commercial": card.commercial,
        "summary": card.summary,
        "page": card.page,
        "sha256": one.sha256 if one else None,
        "metrics": dict(card.metrics),
    }


def print_families() -> None:
    """Families, what they are for, and their tensors."""
    table = Table()
    for title in ("family", "for", "runtime", "inputs", "outputs"):
        table.add_column(title, overflow="fold")
    for name, facts in shelf_for(load_settings()).catalogue.families.items():
        parts = facts.get("graphs") or {"": facts}
        tensors = (
            "\n".join(_tensors(part, what, graph) for graph, part in parts.items()) for what in ("inputs", "outputs")
        )
        table.add_row(name, facts["role"], facts["runtime"], *tensors)
    console().print(table)


def _tensors(part: dict[str, Any], what: str, graph: str) -> str:
    """Of a graph of a family: a line per tensor."""
    before = f"{graph}/" if graph else ""
    tensors = (part.get(what) or {}).items()
    return "\n".join(f"{before}{name}: {' × '.join(map(str, shape))}" for name, shape in tensors) or "—"
