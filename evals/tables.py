"""Figures as Markdown, on the screen and in RESULTS.md."""

from __future__ import annotations

from collections.abc import Mapping


def markdown(title: str, columns: list[str], rows: Mapping[str, Mapping[str, object]]) -> str:
    """A titled table; what a row lacks is a dash."""
    lines = [f"## {title}", "", f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for name, row in rows.items():
        lines.append(f"| {name} | {' | '.join(_cell(row.get(column)) for column in columns)} |")
    return "\n".join([*lines, ""])


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) >= 0.001 or value == 0 else f"{value:.1e}"
    return str(value)
