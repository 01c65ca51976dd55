"""Faces and objects: outlines over the picture, and in films from when to when."""

from __future__ import annotations

from typing import Any

from lookhear.page.markup import Child, Html, card, el
from lookhear.page.numbers import clock, number
from lookhear.page.view import View

_KINDS = (("faces", "face-box"), ("objects", "object-box"))
_ROWS = 40  # labels of a film


def outlines(view: View) -> list[Child]:
    """Rectangles in pixels of the picture, each with its name."""
    shapes: list[Child] = []
    for task, class_ in _KINDS:
        for row in view.rows(task, task):
            box = row.get("bbox")
            sides = [number(box.get(name)) for name in ("x", "y", "width", "height")] if isinstance(box, dict) else []
            if len(sides) == 4 and None not in sides:
                x, y, width, height = sides
                title = el("title", f"{_label(row)} {100 * (number(row.get('confidence')) or 0.0):.0f} %")
                shapes.append(el("rect", title, x=x, y=y, width=width, height=height, class_=class_))
    return shapes


def _label(row: dict[str, Any]) -> str:
    return str(row.get("label") or "face")


def sightings_card(view: View) -> Html | None:
    """Of a picture how many of each; of a film a line for each label, filled while it is seen."""
    if view.report.medium.kind == "video":
        return _times(view)
    counts = dict(view.get("objects", "labels") or {})
    faces = len(view.rows("faces", "faces"))
    words = [*([f"{faces} face{'s' * (faces != 1)}"] if faces else []), *(_count(*pair) for pair in counts.items())]
    return card("Seen", el("p", ", ".join(words))) if words else None


def _count(label: str, count: Any) -> str:
    return f"{count} × {label}" if count != 1 else label


def _times(view: View) -> Html | None:
    tracks = [row for task, _ in _KINDS for row in view.rows(task, "tracks")]
    if not tracks or view.duration <= 0:
        return None
    spans: dict[str, list[tuple[float, float]]] = {}
    for row in tracks:
        start, end = (number(row.get(name)) or 0.0 for name in ("start", "end"))
        spans.setdefault(_label(row), []).append((start, end))
    longest = sorted(spans, key=lambda label: -sum(end - start for start, end in spans[label]))[:_ROWS]
    lines = [
        el("li", el("span", label), _bar(spans[label], view.duration), el("b", f"{len(spans[label])} ×"))
        for label in longest
    ]
    return card("Seen", el("ul", lines, class_="ranked seen"))


def _bar(spans: list[tuple[float, float]], duration: float) -> Html:
    scale = 1000 / duration
    path = "".join(
        f"M{scale * a:.0f} 0H{max(scale * b, scale * a + 3):.0f}V10H{scale * a:.0f}Z" for a, b in sorted(spans)
    )
    words = ", ".join(f"{clock(a)} to {clock(b)}" for a, b in sorted(spans)[:20])
    return el(
        "svg", el("path", d=path), viewBox="0 0 1000 10", preserveAspectRatio="none", role="img", aria_label=words
    )
