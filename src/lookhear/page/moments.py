"""Lines that each begin at a moment: told beside them, and shown in the drawings over time when it is pressed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lookhear.page.markup import Child, Html, el
from lookhear.page.numbers import MISSING, clock, number, stamp
from lookhear.page.view import View


def moment(view: View, seconds: Any, words: str | None = None) -> Html:
    """A time; the script turns it on where there are drawings over time. Off the tab order: there may be thousands."""
    at = number(seconds)
    if at is None:
        return el("span", MISSING, class_="at")
    shown = stamp(at, max(at, view.duration))
    return el(
        "button", shown, type="button", class_="at", data_at=round(at, 3), title=words, tabindex="-1", disabled=True
    )


def lines(view: View, rows: Iterable[tuple[dict[str, Any], Child]], label: str) -> Html:
    """Words beside when they begin; ``start`` and ``end`` of each row. As high as a few of them, the others scroll."""
    items = [
        el("li", moment(view, row.get("start"), _span(row)), el("bdi", words, class_="line")) for row, words in rows
    ]
    return el("ol", items, class_="lines", tabindex="0", aria_label=label)


def _span(row: dict[str, Any]) -> str:
    return f"{clock(number(row.get('start')) or 0.0)} to {clock(number(row.get('end')) or 0.0)}"
