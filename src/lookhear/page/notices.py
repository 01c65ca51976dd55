"""What there is to say in words: problems, errors, warnings. The worst comes first."""

from __future__ import annotations

from lookhear.page.markup import Html, el
from lookhear.page.numbers import clock, number
from lookhear.page.view import View

_ORDER = {"error": 0, "high": 1, "medium": 2, "warning": 3, "low": 4, "fine": 5, "note": 6}
_WORDS = {
    "error": "Error",
    "high": "Serious",
    "medium": "Problem",
    "warning": "Warning",
    "low": "Minor",
    "fine": "Fine",
}
_WORDS |= {"note": "Note"}
_SIGNS = {"error": "✕", "high": "!", "medium": "!", "warning": "!", "low": "i", "fine": "✓", "note": "i"}


def notices(view: View) -> Html:
    """A list; where nothing is wrong it says so, but only if someone looked."""
    lines = _lines(view)
    if not any(kind in {"error", "high", "medium", "warning", "low"} for kind, _, _ in lines):
        if "quality" in view.values:
            lines.append(("fine", None, "No problem was found."))
        else:
            lines.append(("note", None, "Its quality was not judged."))
    lines.sort(key=lambda line: _ORDER.get(line[0], 3))
    items = [
        el(
            "li",
            el("span", _SIGNS.get(kind, "!"), class_="sign", aria_hidden="true"),
            el(
                "span", el("b", _WORDS.get(kind, kind.capitalize())), el("small", task) if task else None, class_="what"
            ),
            el("span", message, class_="message"),
            class_=f"notice {kind if kind in _ORDER else 'warning'}",
        )
        for kind, task, message in lines
    ]
    return el("section", el("h3", "What to know", class_="hidden"), el("ul", items), class_="notices")


def problems(view: View) -> int:
    """How many things are wrong with it."""
    return sum(kind in {"error", "high", "medium", "warning", "low"} for kind, _, _ in _lines(view))


def _lines(view: View) -> list[tuple[str, str | None, str]]:
    report = view.report
    lines: list[tuple[str, str | None, str]] = [("error", error.task, error.message) for error in report.errors]
    for row in (
        row for task in dict.fromkeys(("quality", view.heard("quality"))) for row in view.rows(task, "problems")
    ):
        lines.append((str(row.get("severity")), None, f"{row.get('message')}{_when(row)}"))
    lines += [
        ("note" if note.harmless else "warning", None, note.message) for note in report.warnings if note.task is None
    ]
    if not report.complete and not any(kind == "warning" for kind, _, _ in lines):
        lines.append(("warning", None, "It could not be read to its end; all values cover what was readable."))
    lines += [("note", note.task, note.message) for note in report.warnings if note.task is not None]
    return lines


def _when(row: dict[str, object]) -> str:
    start, end = number(row.get("start")), number(row.get("end"))
    if start is None:
        return ""
    if end is None or clock(end) == clock(start):
        return f" (at {clock(start)})"
    return f" (between {clock(start)} and {clock(end)})"
