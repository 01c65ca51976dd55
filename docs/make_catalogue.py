"""Write docs/catalogue.md from models.yml: python docs/make_catalogue.py. A test fails when it is out of date."""

from __future__ import annotations

from pathlib import Path

from lookhear.models.catalogue import load_catalogue, roles
from lookhear.models.fetch import size_text

OUT = Path(__file__).with_name("catalogue.md")


def text() -> str:
    """The whole page."""
    catalogue = load_catalogue()
    parts = [
        "# Catalogue of models",
        "",
        "Made from `models.yml` by `python docs/make_catalogue.py`. Bold: get this first.",
        "",
    ]
    for role in sorted(roles(catalogue.cards)):
        parts += [
            f"## {role}",
            "",
            "| model | version | what it is | size | memory | licence | commercial use |",
            "|---|---|---|---|---|---|---|",
        ]
        for card in catalogue.of(role):
            name = f"**[{card.name}]({card.page})**" if card.recommended else f"[{card.name}]({card.page})"
            terms = {True: "yes", False: "no", None: "unknown"}[card.commercial]
            memory = f"{card.memory} MB" if card.memory else "–"
            row = (name, card.version, card.summary, size_text(card), memory, card.licence, terms)
            parts.append(f"| {' | '.join(row)} |")
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    OUT.write_text(text())
