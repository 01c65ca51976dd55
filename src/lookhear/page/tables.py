"""Every field of every task, with its unit, its meaning, and the reason where it is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lookhear.page.glossary import entry
from lookhear.page.markup import Child, Html, el, join
from lookhear.page.numbers import MISSING, amount, number, numbers
from lookhear.page.view import View

_INLINE = 14  # numbers that are written out
_LISTED = 500  # numbers behind "show"
_RECORDS = 50  # rows of a table in a table
_TEXT = 300  # characters


def task_table(view: View, task: str) -> Html:
    """All fields of one task."""
    value = view.values[task]
    fields = value if isinstance(value, dict) else {"value": value}
    spread = fields.get("spread")
    rows = [_row(view, task, name, item, spread) for name, item in _flat(fields)]
    head = el("thead", el("tr", *(el("th", word, scope="col") for word in ("Field", "Value", "Meaning"))))
    return el("div", el("table", head, el("tbody", rows), class_="numbers"), class_="scroll")


def _flat(fields: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, dict) and value:
            if not (name == "spread" and not prefix and value.keys() <= fields.keys()):  # shown as ± beside the values
                yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _row(view: View, task: str, name: str, value: Any, spread: Any) -> Html:
    known = entry(task, name)
    missing = value is None or value in ([], {}, ())
    meaning: Child = known.says
    if value is None or (missing and known.absent):
        meaning = join(el("span", view.why(task, name), class_="reason"))
    shown = _shown(task, name, value, known.unit)
    beside = number(spread.get(name)) if isinstance(spread, dict) else None
    if beside is not None and number(value) is not None:
        shown = join(shown, el("small", f" ± {amount(beside, known.unit)}"))
    title = el("th", known.title, el("code", name), scope="row", title=known.says or None)
    return el("tr", title, el("td", shown, class_="value"), el("td", meaning, class_="says"))


def _shown(task: str, name: str, value: Any, unit: str) -> Child:
    if value is None or value == {}:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    found = number(value)
    if found is not None:
        return amount(found, unit)
    if isinstance(value, (list, tuple)):
        return _list(task, name, list(value), unit)
    return _text(str(value))


def _text(value: str) -> Child:
    if len(value) <= _TEXT:
        return el("bdi", value)
    return join(el("bdi", value[:_TEXT]), el("small", f" … {len(value)} characters in all"))


def _list(task: str, name: str, values: list[Any], unit: str) -> Child:
    if not values:
        return "none"
    if all(isinstance(value, dict) for value in values):
        return _records(task, name, values)
    found = numbers(values)
    if len(found) < len([value for value in values if value is not None]) or not found:
        return _text(", ".join(str(value) for value in values[:_LISTED]))
    drawn = None if unit == "s" else _bars(found)  # times only ever rise
    if len(values) <= _INLINE:
        return join(drawn, el("small", "  ".join(amount(value) for value in found), unit and f" {unit}"))
    listed = "  ".join(amount(value) for value in found[:_LISTED])
    more = f" … {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    summary = f"{len(found)} values, {amount(min(found))} to {amount(max(found))} {unit}"
    return join(drawn, el("details", el("summary", summary), el("small", listed + more)))


def _bars(values: list[float]) -> Html:
    """A tiny picture of a list of numbers; long lists lose points."""
    group = -(-len(values) // 120)
    drawn = values[::group]
    low, high = min(0.0, *drawn), max(0.0, *drawn)
    scale = 20 / ((high - low) or 1.0)
    zero = 20 + scale * low
    bars = "".join(f"M{i + 0.5} {zero:.1f}V{zero - scale * value:.1f}" for i, value in enumerate(drawn))
    path = el("path", d=bars)
    return el(
        "svg", path, viewBox=f"0 0 {len(drawn)} 20", preserveAspectRatio="none", class_="spark", aria_hidden="true"
    )


def _records(task: str, name: str, rows: list[dict[str, Any]]) -> Html:
    keys = list(dict.fromkeys(key for row in rows[:_RECORDS] for key in row))
    keys = [key for key in keys if any(row.get(key) is not None for row in rows[:_RECORDS])]
    entries = {key: entry(task, f"{name}.{key}") for key in keys}
    titles = (_title(entries[key].title) for key in keys)
    head = el("tr", *(el("th", title, scope="col") for title in titles))
    body = [
        el("tr", *(el("td", _shown(task, f"{name}.{key}", row.get(key), entries[key].unit)) for key in keys))
        for row in rows[:_RECORDS]
    ]
    more = el("small", f"… {len(rows) - _RECORDS} more") if len(rows) > _RECORDS else None
    return join(el("table", el("thead", head), el("tbody", body), class_="inner"), more)


def _title(words: str) -> str:
    return words.rpartition(": ")[2]


def plain_table(rows: Iterable[tuple[str, Child]]) -> Html:
    """Names and values."""
    lines = [el("tr", el("th", name, scope="row"), el("td", value)) for name, value in rows]
    return el("div", el("table", el("tbody", lines), class_="plain"), class_="scroll")
