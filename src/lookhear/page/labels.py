"""What it shows, out of lists of labels: tags, and kinds of places."""

from __future__ import annotations

from typing import Any

from lookhear.page.markup import Child, Html, card, el, ranked
from lookhear.page.moments import moment
from lookhear.page.numbers import number
from lookhear.page.view import View

_SHOWN = 10


def tags_card(view: View) -> Html | None:
    """The labels that fit best."""
    if "tags" not in view.values:
        return None
    bars = _bars(view, view.rows("tags", "tags"), "label")
    if not bars:
        return card("Tags", el("p", view.why("tags", "tags"), class_="reason"))
    return card(
        "Tags", bars, el("p", "Shares among all labels of the list.", _when(view), class_="sub"), class_="labels"
    )


def places_card(view: View) -> Html | None:
    """The likeliest kinds of places, and whether indoors."""
    if "places" not in view.values:
        return None
    bars, outdoor = _bars(view, view.rows("places", "places"), "name"), view.number("places", "outdoor")
    parts: list[Child] = [bars or el("p", view.why("places", "places"), class_="reason")]
    if outdoor is not None:
        sides = sorted((("outdoors", outdoor), ("indoors", 1 - outdoor)), key=lambda side: -side[1])
        parts += [el("h4", "Setting"), ranked(sides, "Outdoors or indoors")]
    notes = _when(view) if bars else ""
    if view.get("places", "zero_shot") is True:
        notes += " Told by the names of places alone, by a model that was not trained for them."
    parts.append(el("p", notes.strip(), class_="sub") if notes else None)
    return card("Place", *parts, class_="labels")


def _bars(view: View, rows: list[dict[str, Any]], name: str) -> Html:
    """Best first; in a film each beside when it is seen best."""
    shown = [(str(row.get(name) or ""), number(row.get("score"))) for row in rows[:_SHOWN]]
    times = [moment(view, row.get("time")) for row in rows[:_SHOWN]] if _moving(view) else []
    return ranked(shown, "Labels, best first", times)


def _when(view: View) -> str:
    return " Means over the film, and when each is seen best." if _moving(view) else ""


def _moving(view: View) -> bool:
    return view.report.medium.kind == "video"
